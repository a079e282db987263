/** What a fuzzing run found, over all of its routes: the form of `results.json`. */
import * as v from "valibot";
import { FindingSchema } from "./finding.ts";

export const FUZZ_FORMAT = "k6-realtime fuzz 1";

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));

export const FuzzResultSchema = v.object({
  format: v.literal(FUZZ_FORMAT),
  /** `fail` with a finding; `incomplete` where the run ended before its time without one. */
  verdict: v.picklist(["pass", "fail", "incomplete"]),
  reason: v.string(),
  seed: v.number(),
  startedAt: v.string(),
  durationMs: v.number(),
  protocol: v.string(),
  routes: v.array(
    v.object({
      /** Empty for the URL as it was given. */
      route: v.string(),
      url: v.string(),
      runs: Count,
      messages: Count,
      /** Single messages that were to be tried, and how many were. */
      sweep: v.object({ tried: Count, of: Count }),
      /** What holds while nobody attacks: only that was judged. */
      judged: v.array(v.string()),
      notJudged: v.array(v.string()),
      notes: v.array(v.string()),
      ended: v.optional(v.string()),
      durationMs: v.number(),
    }),
  ),
  findings: v.array(FindingSchema),
});

/** All that a run found. */
export type FuzzResult = v.InferOutput<typeof FuzzResultSchema>;
export type RouteResult = FuzzResult["routes"][number];
