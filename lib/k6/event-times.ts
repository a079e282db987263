import type { MetricName } from "../metrics.ts";
import type { Ms } from "../units.ts";
import type { Record } from "./recorder.ts";

/** Metrics of event streams. Of a script's own sockets, the engine counts events, reads, comments and open streams. */
export const STREAM_METRICS = [
  "sse_first_byte_ms",
  "sse_first_event_ms",
  "sse_event_gap_ms",
  "sse_longest_stall_ms",
  "sse_events",
  "sse_reads",
  "sse_comments",
  "sse_events_invalid_utf8",
  "sse_active_streams",
] as const satisfies readonly MetricName[];

/** Records when the events of one event stream came. */
export class EventTimes {
  readonly #record: Record;
  readonly #intended: Ms;
  #lastAt: Ms | undefined;
  #longestStall = 0;

  /** @param intended when its connection was due to start */
  constructor(record: Record, intended: Ms) {
    this.#record = record;
    this.#intended = intended;
  }

  opened(firstByteAt: Ms | undefined): void {
    if (firstByteAt !== undefined) this.#record("sse_first_byte_ms", firstByteAt - this.#intended);
  }

  received(at: Ms): void {
    if (this.#lastAt === undefined) this.#record("sse_first_event_ms", at - this.#intended);
    else {
      // Events of one read share a timestamp.
      const gap = Math.max(0, at - this.#lastAt);
      this.#record("sse_event_gap_ms", gap);
      this.#longestStall = Math.max(this.#longestStall, gap);
    }
    this.#lastAt = at;
  }

  ended(at: Ms, isPlanned: boolean): void {
    // Silence before a planned end is not a stall: there may have been nothing to send.
    const silence = this.#lastAt !== undefined && !isPlanned ? at - this.#lastAt : 0;
    const stall = Math.max(this.#longestStall, silence);
    if (stall > 0) this.#record("sse_longest_stall_ms", stall);
  }
}
