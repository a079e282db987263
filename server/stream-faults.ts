import * as v from "valibot";
import { some } from "./selection.ts";
import { positive, timerMs } from "./validation.ts";

const afterEvents = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** What can be wrong with event streams, of rooms and of completions. Streams are numbered as they open. */
export const streamFaultEntries = {
  /** Requests for a stream that get another HTTP status; 204 tells a client to stop. Numbered among all such requests. */
  refuseStreams: v.nullish(
    some({
      status: v.optional(v.pipe(v.number(), v.integer(), v.minValue(200), v.maxValue(599)), 503),
      retryAfterSeconds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
    }),
  ),
  /** Streams with another content type. */
  mistypeStreams: v.nullish(some({ type: v.optional(v.pipe(v.string(), v.minLength(1)), "text/html") })),
  /** Streams that pause for a time after so many events; what falls due meanwhile follows at once. */
  stallStreams: v.nullish(some({ afterEvents: v.optional(afterEvents, 1), forMs: timerMs })),
  /** Streams whose bytes wait until there are so many of them, or the stream ends. */
  bufferStreams: v.nullish(some({ bytes: v.optional(positive, 4_096) })),
  /** Streams that end after so many events, or after a time. */
  cutStreams: v.nullish(
    v.pipe(
      some({
        afterEvents: v.optional(afterEvents),
        afterMs: v.optional(timerMs),
        /** `end`: the response is complete; `close`: the last chunk is missing; `reset`: as `close`, with a TCP reset. */
        how: v.optional(v.picklist(["end", "close", "reset"]), "reset"),
        /** Whether half of the next event goes out first. */
        inEvent: v.optional(v.boolean(), false),
      }),
      v.check(
        ({ afterEvents, afterMs }) => (afterEvents === undefined) !== (afterMs === undefined),
        "expected afterEvents or afterMs, one of them",
      ),
      v.check(
        ({ afterMs, inEvent }) => afterMs === undefined || !inEvent,
        "inEvent: expected afterEvents with it, got afterMs",
      ),
    ),
  ),
  /**
   * Streams whose characters of several bytes come in halves. `split` sends the second half in a write of its own, 5
   * ms later, so that the whole is valid; `invalid` never sends it.
   */
  halveCharacters: v.nullish(some({ how: v.optional(v.picklist(["split", "invalid"]), "split") })),

  /** Chunks with content, of all completions, that are never sent. */
  loseChunks: v.nullish(some({})),
  /** Chunks with content that follow the completion's next one; numbered among those not lost that have a next one. */
  reorderChunks: v.nullish(some({})),
  /** Chunks with content that are sent twice; numbered among those not lost. */
  repeatChunks: v.nullish(some({})),
  /** Completions that end without `[DONE]`. */
  omitDone: v.nullish(some({})),
  /** Completions that send an error in place of the rest after so many events. */
  failCompletions: v.nullish(
    some({
      afterEvents: v.optional(afterEvents, 1),
      message: v.optional(v.string(), "the model went away"),
      type: v.optional(v.string(), "server_error"),
    }),
  ),
};
