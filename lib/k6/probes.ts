import type { MetricName } from "../metrics.ts";
import type { Ms } from "../units.ts";
import { now } from "./clock.ts";
import type { Record } from "./recorder.ts";

/** What the probes of a connection record. */
export const PROBE_METRICS = [
  "ws_msg_rtt_ms",
  "ws_msg_service_ms",
  "ws_probes",
  "ws_replies",
  "ws_reply_success_rate",
  "ws_messages_lost",
  "ws_messages_duplicated",
  "ws_messages_late",
] as const satisfies readonly MetricName[];

/** Which reply of a probe it is about, where it has several. */
type Tags = { readonly reply: string };

/** When a probe was due, and when it was sent. */
interface Sent {
  readonly dueAt: Ms;
  readonly sentAt: Ms | undefined;
}

/** Records what becomes of the probes of one connection. */
export class ProbeRecorder {
  readonly #record: Record;
  readonly #timeout: Ms;
  /** Replies past their timeout that have not come since. */
  #overdue = 0;

  /** @param timeout from a probe's due time: how long its reply may take */
  constructor(record: Record, timeout: Ms) {
    this.#record = record;
    this.#timeout = timeout;
  }

  /** A reply came in time, which was read at `readAt` and is handled at `handledAt`. */
  replied({ dueAt, sentAt = dueAt }: Sent, readAt: Ms, tags?: Tags, handledAt?: Ms): void {
    // A reply cannot come before its probe: the wall clock was set back just now.
    const at = readAt < sentAt ? (handledAt ?? now()) : readAt;
    this.#record("ws_msg_rtt_ms", at - dueAt, tags);
    this.#record("ws_msg_service_ms", at - sentAt, tags);
    this.#record("ws_replies", 1, tags);
    this.#record("ws_reply_success_rate", true);
  }

  timedOut(tags?: Tags): void {
    this.#overdue++;
    this.#missed(tags);
  }

  /** A reply came after its timeout. */
  late(): void {
    this.#overdue--;
    this.#record("ws_messages_late", 1);
  }

  duplicate(): void {
    this.#record("ws_messages_duplicated", 1);
  }

  /** The server answered with an error. */
  refused(): void {
    this.#record("ws_reply_success_rate", false);
  }

  /** The connection ended before a reply came. */
  lost(tags?: Tags): void {
    this.#record("ws_messages_lost", 1);
    this.#missed(tags);
  }

  /** The connection is over: what is overdue comes no more. */
  end(): void {
    if (this.#overdue > 0) this.#record("ws_messages_lost", this.#overdue);
  }

  /** An expected reply did not come: it fails, and stands in the distribution with the time it was given. */
  #missed(tags?: Tags): void {
    this.#record("ws_reply_success_rate", false);
    this.#record("ws_msg_rtt_ms", this.#timeout, tags);
  }
}
