import * as v from "valibot";
import { DelaySchema, sampler } from "./delay.ts";
import { SelectionSchema, selector } from "./selection.ts";
import { parse } from "./validation.ts";

/** Milliseconds that a Node timer can wait. */
const timerMs = v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(2 ** 31 - 1));

export const FaultsSchema = v.strictObject({
  /** Waits this long before each reply. */
  delay: v.nullish(DelaySchema),
  /** Replies that are never sent. */
  loseReplies: v.nullish(SelectionSchema),
  /** Replies that are sent twice; numbered among those that are not lost. */
  repeatReplies: v.nullish(SelectionSchema),
  /** Once: nothing is read, handled or sent for `forMs`, from `afterMs` (default 0) on; connections stay. */
  freeze: v.nullish(v.strictObject({ forMs: timerMs, afterMs: v.optional(timerMs, 0) })),
});

/** Faults to switch on (a value), off (`null`), or to leave as they are (absent). */
export type FaultSettings = v.InferInput<typeof FaultsSchema>;

type SelectionFault = "loseReplies" | "repeatReplies";
const SELECTIONS: readonly SelectionFault[] = ["loseReplies", "repeatReplies"];

/** What the server can do at once when a fault asks for it. */
export interface FaultActions {
  freeze(forMs: number): Promise<void>;
}

/** What the server does wrong on purpose, switched on and off while it runs. */
export class Faults {
  readonly delays = new AppliedDelays();
  readonly #actions: FaultActions;
  readonly #selectors = new Map<SelectionFault, () => boolean>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #settings: FaultSettings = {};
  #drawDelayMs = () => 0;

  constructor(actions: FaultActions) {
    this.#actions = actions;
  }

  /** The faults that are on. */
  get settings(): FaultSettings {
    return this.#settings;
  }

  /**
   * Changes the faults that are named and leaves the others. Naming one starts it anew: a selection counts from 1, a
   * distribution from its seed, and the record of applied delays is emptied with `delay`.
   * Throws InvalidInput on a wrong value or an unknown name; nothing is changed then.
   */
  set(changes: FaultSettings): void {
    const { freeze, ...lasting } = parse(FaultsSchema, changes, "faults");
    if (lasting.delay !== undefined) {
      this.#drawDelayMs = lasting.delay === null ? () => 0 : sampler(lasting.delay);
      this.delays.clear();
    }
    for (const name of SELECTIONS) {
      const selection = lasting[name];
      if (selection) this.#selectors.set(name, selector(selection));
      else if (selection === null) this.#selectors.delete(name);
    }
    const on = Object.entries({ ...this.#settings, ...lasting }).filter(([, value]) => value != null);
    this.#settings = Object.fromEntries(on);
    if (freeze) this.#later(freeze.afterMs, () => void this.#actions.freeze(freeze.forMs));
  }

  /** Switches all faults off. A freeze that has begun goes on to its end. */
  clear(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#selectors.clear();
    this.#drawDelayMs = () => 0;
    this.#settings = {};
  }

  /** Freezes the server now. Resolves at the thaw. */
  freeze(forMs: number): Promise<void> {
    return this.#actions.freeze(forMs);
  }

  /** How long the next reply waits. */
  drawDelayMs(): number {
    return this.#drawDelayMs();
  }

  /** Counts one event of the kind that `fault` acts on, and says whether it is hit. */
  hits(fault: SelectionFault): boolean {
    return this.#selectors.get(fault)?.() ?? false;
  }

  #later(afterMs: number, run: () => void): void {
    if (afterMs === 0) {
      run();
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, afterMs);
    this.#timers.add(timer);
  }
}

/** Room for 8 MB of delays. */
const MAX_DELAYS = 1_000_000;

/** What each reply waited in the server, from the message's arrival in its handler to the write of the reply. */
export class AppliedDelays {
  readonly #ms = new Map<string, number[]>();
  #kept = 0;
  #unrecorded = 0;

  /** Milliseconds, in the order sent, by the kind of reply: `echo`, or `match`, `receipt`, `teacher` of the IM protocol. */
  of(reply: string): readonly number[] {
    return this.#ms.get(reply) ?? [];
  }

  /** Replies that came after the record was full. */
  get unrecorded(): number {
    return this.#unrecorded;
  }

  record(reply: string, delayMs: number): void {
    if (this.#kept === MAX_DELAYS) {
      this.#unrecorded++;
      return;
    }
    this.#kept++;
    const list = this.#ms.get(reply);
    if (list) list.push(delayMs);
    else this.#ms.set(reply, [delayMs]);
  }

  clear(): void {
    this.#ms.clear();
    this.#kept = 0;
    this.#unrecorded = 0;
  }

  toJSON(): { ms: Record<string, readonly number[]>; unrecorded: number } {
    return { ms: Object.fromEntries(this.#ms), unrecorded: this.#unrecorded };
  }
}
