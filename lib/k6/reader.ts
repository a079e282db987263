import type { WebSocket as EngineSocket } from "k6/x/realtime";
import {
  accountOf,
  type Comparison,
  type Control,
  type Phase,
  type Published,
  p95,
  Reading,
  rose,
  type Slowness,
  slowReaderOutcome,
  whichOf,
} from "../backpressure.ts";
import { Grid } from "../pacing.ts";
import type { Effect, Publication } from "../protocols/index.ts";
import type { Role } from "../reasons.ts";
import { number } from "../summary/verdict.ts";
import { formatDuration, type Ms, ms } from "../units.ts";
import { now } from "./clock.ts";
import { Connection } from "./connection.ts";
import type { Shard } from "./plan.ts";
import type { Record } from "./recorder.ts";
import type { K6WebSocket } from "./socket.ts";

/** What the connections of a room share. */
export interface Room {
  /** Begins the identifiers of its publications. */
  readonly mark: string;
  readonly published: readonly Published[];
  phase: Phase;
  readonly WebSocket: typeof EngineSocket;
  /** Of the slow readers; 0: the kernel's choice. */
  readonly receiveBufferBytes: number;
  readonly intended: Ms;
  readonly connectBy: Ms;
  readonly latestEnd: Ms;
  readonly replyTimeout: Ms;
  readonly probeInterval: Ms;
}

/** One connection of the room, and what it had of the publications. */
export class Reader {
  readonly reading = new Reading();
  /** The session is ready, or will never be. */
  readonly joined: Promise<unknown>;
  /** What controls its reading, once it connects. */
  socket: EngineSocket | undefined;
  private readonly connection: Connection;
  private readonly room: Room;
  private readonly role: Role | "control";
  private readonly name: string;
  private readonly record: Record;
  private readonly lag: { before: number[]; beside: number[] } = { before: [], beside: [] };
  private readonly roundTrips: { before: number[]; beside: number[] } = { before: [], beside: [] };
  private drop: { readonly at: Ms; readonly code: number | undefined } | undefined;
  private fullestQueue = 0;

  /** @param role `control` is there to compare with: none of its figures are the load's */
  constructor({ identity, protocol, record }: Shard, index: number, role: Role | "control", room: Room) {
    this.room = room;
    this.role = role;
    this.name = `${role} reader ${index}`;
    this.record = (metric, value, tags) => {
      // The generator did not delay what a slow reader leaves unread.
      if (role === "control" || (role === "slow" && metric === "ws_generator_delay_ms")) return;
      record(metric, value, { ...tags, role, phase: room.phase });
    };
    let ready = () => {};
    const isReady = new Promise<void>((resolve) => {
      ready = resolve;
    });
    let probes = 0;
    this.connection = new Connection({
      ...identity(index, {
        room: `load-test-backpressure-${room.mark}${role === "control" ? "-control" : ""}`,
      }),
      protocol,
      replyTimeout: room.replyTimeout,
      intended: room.intended,
      connectBy: room.connectBy,
      end: room.latestEnd,
      record: this.record,
      connect: (url, subprotocols, params) => {
        const { receiveBufferBytes } = room;
        const bounded = role === "slow" && receiveBufferBytes > 0 && { receiveBufferBytes };
        this.socket = new room.WebSocket(url, subprotocols, { ...params, ...bounded });
        return this.socket as unknown as K6WebSocket; // the same calls and events
      },
      ...(role === "healthy" && {
        probing: {
          payload: "",
          nextId: () => String(++probes),
          begin: (at: Ms) =>
            new Grid(ms(at + Math.random() * room.probeInterval), room.probeInterval, room.latestEnd),
        },
      }),
      observe: (effect) => {
        if (effect.kind === "ready") ready();
        this.observe(effect);
      },
    });
    this.joined = Promise.race([isReady, this.connection.outcome]);
    void this.connection.outcome.then((outcome) => {
      if (outcome.kind === "dropped") this.drop = outcome;
    });
  }

  get open(): boolean {
    return this.connection.open;
  }

  get closed(): Promise<void> {
    return this.connection.closed;
  }

  /** When its connection ended without our doing. */
  get endedAt(): Ms | undefined {
    return this.drop?.at;
  }

  /** Answers nothing that comes from here on, as one that does not read; or answers again. */
  mute(on: boolean): void {
    this.connection.mute(on);
    if (this.connection.open) this.socket?.answerPings(!on);
  }

  get unsentBytes(): number {
    return this.socket?.unsentBytes ?? 0;
  }

  publish(publication: Publication): void {
    void this.connection.publish(publication);
  }

  finish(): void {
    this.connection.finish();
  }

  /** Whether it is connected and has yet to receive publication `seq`. */
  lacks(seq: number): boolean {
    return this.open && this.reading.arrivedAt(seq) === undefined;
  }

  lookAtQueue(): void {
    const bytes = this.socket?.unreadBytes ?? 0;
    if (bytes < 0) return; // this platform does not tell
    this.fullestQueue = Math.max(this.fullestQueue, bytes);
    this.record("ws_slow_reader_unread_bytes", bytes);
  }

  /** Says whether this one, which read all the time, suffered. */
  judgeHarm(allowance: Ms, published: number): void {
    const lost = this.reading.missing(published);
    if (lost.length > 0) this.record("ws_messages_lost", lost.length);
    const causes = [
      ...(this.drop ? ["its connection ended"] : []),
      ...(lost.length > 0 ? [`it lost ${whichOf(lost, published)}`] : []),
      ...(rose(this.lag, allowance) ? [`its lag rose: p95 ${change(this.lag)}`] : []),
      ...(rose(this.roundTrips, allowance) ? [`its round trips rose: p95 ${change(this.roundTrips)}`] : []),
    ];
    if (causes.length > 0) this.record("ws_readers_harmed", 1);
    console.log(
      causes.length > 0
        ? `${this.name} was harmed: ${causes.join("; ")}`
        : `${this.name} was not harmed: p95 of its lag ${change(this.lag)}, of its round trips ${change(this.roundTrips)}`,
    );
  }

  /** Says what became of this one, which did not read for a while. */
  judgeSlowness(ready: boolean, slowness: Slowness, control: Control): void {
    const { published } = this.room;
    const missing = this.reading.missing(published.length);
    const { endedAt } = this;
    const othersWaited = slowness.othersWaitedSince !== undefined;
    const outcome = slowReaderOutcome({
      ready,
      endedAt,
      control,
      missing: missing.length,
      othersWaited,
    });
    this.record("ws_outcomes", 1, { outcome });
    if (!ready) return;
    const { heldFor, heldBytes, catchUp } = accountOf(this.reading, published, slowness);
    this.record("ws_messages_lost", missing.length);
    this.record("ws_slow_reader_held_ms", heldFor);
    this.record("ws_slow_reader_held_bytes", heldBytes);
    if (catchUp !== undefined) this.record("ws_slow_reader_catch_up_ms", catchUp);
    const facts = [
      ...(this.drop ? [endOf(this.drop.code)] : []),
      `${heldBytes} bytes in ${formatDuration(ms(Math.round(heldFor)))} were kept for it first`,
      `at most ${this.fullestQueue} bytes in its receive queue`,
      catchUp === undefined ? "it did not catch up" : `it caught up in ${number(catchUp)} ms`,
      missing.length === 0 ? "nothing is missing" : `it never had ${whichOf(missing, published.length)}`,
    ];
    console.log(`${this.name}: ${outcome}; ${facts.join("; ")}`);
  }

  private observe(effect: Effect): void {
    const { room } = this;
    if (effect.kind === "reply" || effect.kind === "timeout") {
      const took = effect.kind === "reply" ? effect.at - (effect.sentAt ?? effect.dueAt) : room.replyTimeout;
      this.compare(this.roundTrips, room.phase, took);
    }
    if (effect.kind !== "delivery" || this.role === "control") return;
    const [mark, digits] = (effect.id ?? "").split("-");
    const seq = Number(digits);
    const publication = mark === room.mark ? room.published[seq - 1] : undefined;
    if (!publication) {
      this.record("ws_messages_foreign", 1);
      return;
    }
    // A slow reader has a message when it reads it, however long it lay in the kernel.
    const at = this.role === "slow" ? now() : effect.at;
    const arrival = this.reading.arrive(seq, at);
    if (arrival !== "in-order") this.record(`ws_messages_${arrival}`, 1);
    if (arrival === "duplicated") return;
    this.record("ws_fanout_lag_ms", at - publication.due);
    this.compare(this.lag, publication.phase, at - publication.at);
  }

  /** The server is not to blame for the generator's own lateness: these times count from the write. */
  private compare(to: { before: number[]; beside: number[] }, phase: Phase, took: number): void {
    if (phase === "baseline") to.before.push(took);
    else if (phase !== "resume" && phase !== "drain") to.beside.push(took);
  }
}

/** How a connection ended; 0 is an event stream's end. */
function endOf(code: number | undefined): string {
  if (code === undefined) return "without a code";
  return code === 0 ? "by the end of its stream" : `with ${code}`;
}

const change = ({ before, beside }: Comparison): string => `${figure(p95(before))} → ${figure(p95(beside))}`;
const figure = (value: number | undefined): string => (value === undefined ? "none" : `${number(value)} ms`);
