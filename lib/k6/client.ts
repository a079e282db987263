import type { Identity } from "../identity.ts";
import { type Span, sessionsIn } from "../load.ts";
import type { MetricName } from "../metrics.ts";
import { type Backoff, backoffMs, Grid } from "../pacing.ts";
import type { Effect, Protocol } from "../protocols/protocol.ts";
import { type Ms, ms } from "../units.ts";
import { now, sleepUntil } from "./clock.ts";
import { CONNECTION_METRICS, Connection, type Probing } from "./connection.ts";
import { PROBE_METRICS } from "./probes.ts";
import type { Record } from "./recorder.ts";

/** What clients and their connections record. */
export const CLIENT_METRICS = [
  ...CONNECTION_METRICS,
  ...PROBE_METRICS,
  "ws_reconnects",
  "ws_reconnect_time_ms",
] as const satisfies readonly MetricName[];

/** What one simulated client does while it is there, and as whom. */
export interface Traffic extends Identity {
  readonly protocol: Protocol;
  /** Filler of its messages. */
  readonly payload: string;
  readonly session: Ms;
  readonly probeInterval: Ms;
  readonly replyTimeout: Ms;
  readonly connectTimeout: Ms;
  readonly backoff: Backoff;
  /** Hears of all that happens on its connections, once it is recorded. */
  observe?(effect: Effect, connection: Connection): void;
}

/**
 * One client from the start of its span to the end. Session follows session. It comes back after a drop or a failed
 * attempt, so that the load stays as planned.
 */
export class Client {
  private readonly name: string;
  private readonly traffic: Traffic;
  private readonly record: Record;
  private readonly closing: Promise<void>[] = [];
  private probes = 0;

  /** @param name prefixes the identifiers of its messages, where they may be text: unique within the run */
  constructor(name: string, traffic: Traffic, record: Record) {
    this.name = name;
    this.traffic = traffic;
    this.record = record;
  }

  /** Resolves when the last session is closed, or its peer had its time to answer. */
  async run(span: Span): Promise<void> {
    const { session, probeInterval, replyTimeout } = this.traffic;
    let overrun: Ms | undefined;
    for (const part of sessionsIn(span, session, ms(probeInterval + replyTimeout))) {
      await sleepUntil(part.start);
      overrun = await this.hold(part, overrun ?? part.start);
    }
    await Promise.all(this.closing);
  }

  /**
   * Keeps one session up until its end. If its last attempt to connect went on past that, returns when the attempt
   * gave up: the next session cannot have been due earlier.
   */
  private async hold({ end }: Span, start: Ms): Promise<Ms | undefined> {
    const { traffic, record } = this;
    let grid: Grid | undefined;
    /** Begins with the first readiness, or with the first failure: from then on what falls due is due. */
    const begin = (at: Ms): Grid => {
      grid ??= new Grid(
        ms(at + Math.random() * traffic.probeInterval),
        traffic.probeInterval,
        ms(end - traffic.replyTimeout),
      );
      return grid;
    };
    let downSince: Ms | undefined;
    let intended = start;
    let attempt = 0;
    const probing: Probing = {
      payload: traffic.payload,
      nextId: () => this.nextId(),
      begin: (at) => {
        if (downSince !== undefined) {
          record("ws_reconnects", 1);
          record("ws_reconnect_time_ms", at - downSince);
        }
        downSince = undefined;
        attempt = 0;
        const due = begin(at);
        this.unsent(due, at);
        return due;
      },
    };
    for (; intended < end; attempt++) {
      const connectBy = ms(now() + traffic.connectTimeout);
      const connection: Connection = new Connection({
        ...traffic,
        ...{ intended, end, connectBy, record, probing },
        observe: (effect) => traffic.observe?.(effect, connection),
      });
      const outcome = await connection.outcome;
      if (outcome.kind === "planned") {
        this.closing.push(connection.closed);
        return undefined;
      }
      begin(outcome.at);
      downSince ??= outcome.at;
      intended = ms(now() + backoffMs(traffic.backoff, attempt, Math.random()));
      await sleepUntil(ms(Math.min(intended, end)));
    }
    if (grid !== undefined) this.unsent(grid, end);
    return now();
  }

  /**
   * Numbers, where they must be, are unique within the client only: short enough for every server. From 1, since
   * some take 0 for none.
   */
  private nextId(): string {
    const count = ++this.probes;
    return this.traffic.protocol.numericIds ? String(count) : `${this.name}-${count}`;
  }

  /** Probes that fell due while there was no connection: a user's message that nobody took. */
  private unsent(grid: Grid, until: Ms): void {
    for (let due = grid.take(until); due !== undefined; due = grid.take(until)) {
      this.record("ws_probes", 1);
      for (const reply of this.traffic.protocol.replies) {
        this.record("ws_messages_lost", 1);
        this.record("ws_reply_success_rate", false);
        this.record("ws_msg_rtt_ms", this.traffic.replyTimeout, { reply });
      }
    }
  }
}
