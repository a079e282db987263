import * as v from "valibot";
import { DelaySchema, sampler } from "./delay.ts";
import { positive } from "./validation.ts";

/** The most tokens in one completion. */
export const MAX_TOKENS = 100_000;

/** When a completion's tokens come, and how many. What is absent is as the server's option says, else {@link DEFAULTS}. */
export const TimingSchema = v.strictObject({
  /** From the request's arrival to the first chunk with content, in milliseconds. */
  firstMs: v.optional(DelaySchema),
  /** From each chunk with content to the next, in milliseconds. */
  gapMs: v.optional(DelaySchema),
  /** Tokens in a chunk. */
  perChunk: v.optional(positive),
  /** Tokens of a completion whose request has no limit. */
  tokens: v.optional(v.pipe(positive, v.maxValue(MAX_TOKENS))),
});
export type TimingSettings = v.InferOutput<typeof TimingSchema>;

const DEFAULTS = { firstMs: 100, gapMs: 20, perChunk: 1, tokens: 50 } satisfies TimingSettings;

/** A timing to draw from. */
export interface Timing {
  readonly firstMs: () => number;
  readonly gapMs: () => number;
  readonly perChunk: number;
  readonly tokens: number;
}

export const DEFAULT_TIMING = timingOf(DEFAULTS, {} as Timing);

/** `settings`, and what is absent from them as in `otherwise`. */
export function timingOf({ firstMs, gapMs, perChunk, tokens }: TimingSettings, otherwise: Timing): Timing {
  return {
    firstMs: firstMs === undefined ? otherwise.firstMs : sampler(firstMs),
    gapMs: gapMs === undefined ? otherwise.gapMs : sampler(gapMs),
    perChunk: perChunk ?? otherwise.perChunk,
    tokens: tokens ?? otherwise.tokens,
  };
}
