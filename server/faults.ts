import * as v from "valibot";
import { AppliedDelays } from "./applied-delays.ts";
import type { Connection } from "./connection.ts";
import { DelaySchema, sampler } from "./delay.ts";
import type { Gate } from "./gate.ts";
import { selector, some } from "./selection.ts";
import { streamFaultEntries } from "./stream-faults.ts";
import { parse, positive, timerMs } from "./validation.ts";

/** A close code that an endpoint may send (RFC 6455, section 7.4). */
const closeCode = v.pipe(
  v.number(),
  v.integer(),
  v.check(
    (code) =>
      (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999),
    ({ input }) => `expected a close code that may be sent (1000-1003, 1007-1014, 3000-4999), got ${input}`,
  ),
);

/** What can be wrong with a request for an upgrade. */
const DEFECTS = [
  "missing-token",
  "invalid-token",
  "expired-token",
  "origin",
  "version",
  "key",
  "subprotocol",
  "no-upgrade",
] as const;
export type Defect = (typeof DEFECTS)[number];

export const FaultsSchema = v.strictObject({
  /** Waits this long before each reply. */
  delay: v.nullish(DelaySchema),

  /** Replies that are never sent. */
  loseReplies: v.nullish(some({})),
  /** Replies that are sent twice; numbered among the replies that are not lost. */
  repeatReplies: v.nullish(some({})),

  /** Deliveries, one for each subscriber of a published message, that are never made. */
  loseDeliveries: v.nullish(some({})),
  /** Deliveries held back until the same publisher's next one to the same subscriber; numbered among those not lost. */
  reorderDeliveries: v.nullish(some({})),
  /** Deliveries that are made twice; numbered among those neither lost nor reordered. */
  repeatDeliveries: v.nullish(some({})),

  /** Messages replayed to who resumes that are left out. */
  loseReplays: v.nullish(some({})),
  /** Replayed messages that change places with the next one; numbered among those not lost, and that have a next one. */
  reorderReplays: v.nullish(some({})),
  /** Messages that are replayed twice; numbered among those not lost. */
  repeatReplays: v.nullish(some({})),

  /** Upgrade requests that get no answer; their TCP connections stay. */
  neverUpgrade: v.nullish(some({})),
  /** Upgrade requests that get an HTTP error. Numbered among the requests that get an answer. */
  refuseUpgrades: v.nullish(
    some({ status: v.optional(v.pipe(v.number(), v.integer(), v.minValue(400), v.maxValue(599)), 503) }),
  ),

  /** Requests for an upgrade with a defect that passes all the same; numbered among those with that defect. */
  overlook: v.nullish(some({ what: v.picklist(DEFECTS) })),

  /** Connections that end with a TCP reset, without a Close frame, instead of handling their nth message or after a time. */
  resetConnections: v.nullish(
    v.pipe(
      some({ onMessage: v.optional(positive), afterMs: v.optional(timerMs) }),
      v.check(
        ({ onMessage, afterMs }) => onMessage === undefined || afterMs === undefined,
        "expected either onMessage or afterMs, got both",
      ),
    ),
  ),
  /** Connections that the server closes with a code, after a time. */
  closeConnections: v.nullish(
    some({
      code: closeCode,
      reason: v.optional(v.pipe(v.string(), v.maxBytes(123)), ""),
      afterMs: v.optional(timerMs, 0),
    }),
  ),
  /** Connections whose Close frame is never answered, and that the server never closes itself. */
  ignoreClose: v.nullish(some({})),

  ...streamFaultEntries,

  /** Once: nothing is read, handled or sent for `forMs`; connections stay. */
  freeze: v.nullish(v.strictObject({ forMs: timerMs, afterMs: v.optional(timerMs, 0) })),
  /** Once: every connection ends without a Close frame and the server listens no more, as if its process had died. */
  crash: v.nullish(v.strictObject({ afterMs: v.optional(timerMs, 0) })),
});

/** Faults to switch on (a value), off (`null`), or to leave as they are (absent). */
export type FaultSettings = v.InferInput<typeof FaultsSchema>;
type Settings = { [Name in FaultName]?: NonNullable<v.InferOutput<typeof FaultsSchema>[Name]> };
type FaultName = keyof typeof FaultsSchema.entries;
/** Faults that hit some of a stream of events. */
type SomeFault = Exclude<FaultName, "delay" | "freeze" | "crash">;

/** The settings of a fault that hits some of a stream of events. */
export type StreamFault<N extends SomeFault> = NonNullable<Settings[N]>;

/** An event stream, as far as faults act on it while it is open. */
export interface StreamTarget {
  cutLater(cut: StreamFault<"cutStreams"> | undefined): void;
  cut(how: StreamFault<"cutStreams">["how"]): void;
}

/** What the server can do, and has, that faults act on. */
export interface FaultTargets {
  /** In the order of opening. */
  readonly connections: Iterable<Connection>;
  readonly streams: Iterable<StreamTarget>;
  readonly gate: Gate;
  crash(): void;
}

const CONNECTION_FAULTS = ["ignoreClose", "resetConnections", "closeConnections"] as const;
const DELIVERY_FAULTS = ["loseDeliveries", "reorderDeliveries", "repeatDeliveries"] as const;

/** What the server does wrong on purpose, switched on and off while it runs. */
export class Faults {
  readonly delays = new AppliedDelays();
  /** Whether any fault acts on deliveries: the fan-out asks once for each. */
  actOnDeliveries = false;
  readonly #targets: FaultTargets;
  readonly #selectors = new Map<SomeFault, () => boolean>();
  #settings: Settings = {};
  #drawDelayMs = () => 0;

  constructor(targets: FaultTargets) {
    this.#targets = targets;
  }

  /** The faults that are on. */
  get settings(): Settings {
    return this.#settings;
  }

  /**
   * Changes the faults that are named and leaves the others. Naming one starts it anew: a selection counts from 1, a
   * distribution from its seed, and the record of applied delays is emptied with `delay`. Faults of connections act
   * on the connections open now, in the order of their opening, and on later ones. Throws InvalidInput on a wrong
   * value or an unknown name; nothing is changed then.
   */
  set(changes: FaultSettings): void {
    const given = parse(FaultsSchema, changes, "faults");
    for (const [name, value] of Object.entries(given) as [FaultName, object | number | null | undefined][]) {
      if (value === undefined) continue;
      this.#forget(name);
      if (value !== null) this.#settings = { ...this.#settings, [name]: value };
      if (name === "delay") this.#setDelay(given.delay ?? 0);
      else if (name !== "freeze" && name !== "crash") this.#setSelector(name);
    }
    this.actOnDeliveries = DELIVERY_FAULTS.some((name) => this.#settings[name]);
    for (const connection of this.#targets.connections) {
      if (given.resetConnections !== undefined) connection.resetOnMessage(0);
      for (const name of CONNECTION_FAULTS) if (given[name]) this.#act(name, connection);
    }
    if (given.cutStreams !== undefined) for (const stream of this.#targets.streams) this.streamOpened(stream);
    const { freeze, crash } = given;
    if (freeze) this.#later("freeze", freeze.afterMs, () => void this.freeze(freeze.forMs));
    if (crash) this.#later("crash", crash.afterMs, () => this.#targets.crash());
  }

  /** Switches all faults off. A freeze that has begun goes on to its end. */
  clear(): void {
    this.set(Object.fromEntries(Object.keys(this.#settings).map((name) => [name, null])));
  }

  /** Freezes the server now. Resolves at the thaw. */
  freeze(forMs: number): Promise<void> {
    return this.#targets.gate.freeze(forMs);
  }

  /** How long the next reply waits. */
  drawDelayMs(): number {
    return this.#drawDelayMs();
  }

  /** Counts one event of the kind that the fault acts on; gives the fault's settings when the event is hit. */
  hit<N extends SomeFault>(name: N): Settings[N] | undefined {
    return this.#selectors.get(name)?.() ? this.#settings[name] : undefined;
  }

  /** Whether the server is to overlook this defect of a request. */
  overlooks(defect: Defect): boolean {
    return this.#settings.overlook?.what === defect && this.hit("overlook") !== undefined;
  }

  /** Lets the faults that act on connections act on a new one. */
  opened(connection: Connection): void {
    for (const name of CONNECTION_FAULTS) this.#act(name, connection);
  }

  /** Lets the fault that cuts streams act on a new one. */
  streamOpened(stream: StreamTarget): void {
    const fault = this.hit("cutStreams");
    const { afterMs } = fault ?? {};
    stream.cutLater(afterMs === undefined ? fault : undefined);
    if (fault && afterMs !== undefined) {
      this.#later("cutStreams", afterMs, () => this.#targets.gate.run(() => stream.cut(fault.how)));
    }
  }

  #forget(name: FaultName): void {
    const { [name]: _, ...others } = this.#settings;
    this.#settings = others;
  }

  #setDelay(delay: NonNullable<Settings["delay"]>): void {
    this.#drawDelayMs = sampler(delay);
    this.delays.clear();
  }

  #setSelector(name: SomeFault): void {
    const selection = this.#settings[name];
    if (selection) this.#selectors.set(name, selector(selection));
    else this.#selectors.delete(name);
  }

  #act(name: (typeof CONNECTION_FAULTS)[number], connection: Connection): void {
    if (name === "ignoreClose") {
      if (this.hit(name)) connection.ignoreClose();
    } else if (name === "closeConnections") {
      const fault = this.hit(name);
      if (!fault) return;
      const close = () => connection.close(fault.code, fault.reason);
      this.#later(name, fault.afterMs, () => this.#targets.gate.run(close));
    } else {
      const fault = this.hit(name);
      if (!fault) return;
      if (fault.onMessage) connection.resetOnMessage(fault.onMessage);
      else this.#later(name, fault.afterMs ?? 0, () => connection.reset());
    }
  }

  /** Runs `act` after a time, unless the fault was switched off or set anew meanwhile. */
  #later(name: FaultName, afterMs: number, act: () => void): void {
    const set = this.#settings[name];
    const run = () => {
      if (this.#settings[name] !== set) return;
      if (name === "freeze" || name === "crash") this.#forget(name); // they happen once
      act();
    };
    // The server's listening socket keeps the process alive, not its faults.
    if (afterMs > 0) setTimeout(run, afterMs).unref();
    else run();
  }
}
