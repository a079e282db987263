import exec from "k6/execution";
import type { MetricName } from "../metrics.ts";
import { Grid } from "../pacing.ts";
import { Ledger, type Probe } from "../protocols/ledger.ts";
import { type Duration, inMs, type Ms, ms } from "../units.ts";
import { callAt, now } from "./clock.ts";
import { PROBE_METRICS, ProbeRecorder } from "./probes.ts";
import type { Record } from "./recorder.ts";

/** What round trips record. */
export const ROUND_TRIP_METRICS = [
  ...PROBE_METRICS,
  "ws_generator_delay_ms",
] as const satisfies readonly MetricName[];

export interface RoundTripOptions {
  readonly record: Record;
  /** From a probe's due time: how long its reply may take. */
  readonly timeout: Duration;
}

/** When probes are due. */
export interface Schedule {
  readonly every: Duration;
  /** From now on. No probe falls due within the reply timeout before the end, so that each reply has its time. */
  readonly for: Duration;
}

/** Each probe expects one reply. */
const REPLIES = 1;
const REPLY = 0;

/** Probes that this virtual user has made. */
let made = 0;

/**
 * The round trips of one connection, for a script that sends and reads its messages itself (docs/guides/round-trips.md). The
 * response time counts from when a probe was due, not from when it left. A reply that does not come is a failure, and
 * stands in the distribution with the time it was given.
 */
export class RoundTrips {
  readonly #record: Record;
  readonly #timeout: Ms;
  readonly #ledger: Ledger;
  readonly #probes: ProbeRecorder;
  #isOver = false;
  #stopWaiting = () => {};
  #finish = () => {};

  constructor({ record, timeout }: RoundTripOptions) {
    this.#record = record;
    this.#timeout = inMs(timeout, "timeout");
    this.#ledger = new Ledger(REPLIES, this.#timeout);
    this.#probes = new ProbeRecorder(record, this.#timeout);
  }

  /**
   * Sends a probe whenever one is due, whatever became of those before, the first at a random time within the interval.
   *
   * @param send sends the probe that is to carry `id`, which no other one of the run has
   * @returns resolves at the end of the time, or as soon as the connection is {@link over}
   * @throws RangeError where the time leaves no room for a probe and its reply
   */
  every(schedule: Schedule, send: (id: string) => void): Promise<void> {
    const interval = inMs(schedule.every, "every");
    const lasts = inMs(schedule.for, "for");
    if (lasts < interval + this.#timeout) {
      throw new RangeError(`for: expected at least "every" and the timeout together, got ${lasts} ms`);
    }
    const start = now();
    const end = ms(start + lasts);
    const grid = new Grid(ms(start + Math.random() * interval), interval, ms(end - this.#timeout));
    return new Promise((resolve) => {
      this.#finish = resolve;
      const next = () => {
        if (this.#isOver) return resolve();
        for (let due = grid.take(now()); due !== undefined; due = grid.take(now())) this.probe(send, due);
        this.#stopWaiting();
        const at = Math.min(grid.next() ?? end, this.#ledger.nextDeadline ?? end, end);
        this.#stopWaiting = callAt(ms(at), () => {
          this.#expire();
          if (now() >= end) resolve();
          else next();
        });
      };
      next();
    });
  }

  /** Sends one probe, due now or at `due`. It times out while {@link every} runs, or when one is answered later. */
  probe(send: (id: string) => void, due: Ms = now()): string {
    const id = `${exec.vu.idInTest}-${++made}`;
    const probe = this.#ledger.add(id, due);
    this.#record("ws_probes", 1);
    const sentAt = now();
    send(id);
    probe.sentAt = sentAt;
    this.#record("ws_generator_delay_ms", sentAt - due, { side: "send" });
    return id;
  }

  /**
   * The reply to a probe came.
   *
   * @param at when it was read: what a {@link MeasuredSocket} says, or `arrivalOf(event)` of another's event
   * @returns whether it answers a probe of this connection
   */
  answered(id: string, at: Ms): boolean {
    this.#expire();
    const probe = this.#ledger.byId(id);
    if (!probe || this.#isOver) return false;
    this.#take(probe, at);
    return true;
  }

  /** The server answered a probe with an error. */
  failed(id: string): void {
    this.#expire();
    this.#record("ws_message_errors", 1, { reason: "error_reply" });
    const probe = this.#ledger.byId(id);
    if (probe && this.#ledger.fail(probe)) this.#probes.refused();
  }

  /** The connection is over: what it still waited for is lost. To be called at its end, planned or not. */
  over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopWaiting();
    for (const _ of this.#ledger.lose()) this.#probes.lost();
    this.#probes.end();
    this.#finish();
  }

  #take(probe: Probe, readAt: Ms): void {
    const verdict = this.#ledger.answer(REPLY, probe);
    if (verdict === "late") this.#probes.late();
    if (verdict === "duplicate") this.#probes.duplicate();
    if (verdict === "reply-last") this.#probes.replied(probe, readAt);
  }

  #expire(): void {
    for (const _ of this.#ledger.expire(now())) this.#probes.timedOut();
  }
}
