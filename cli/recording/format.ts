/** The lines of a recording, as docs/reference/recording-format.md describes them. */
import * as v from "valibot";
import { TestedSchema } from "../../lib/summary/tested-schema.ts";

export const FORMAT_VERSION = 1;

/** A year: the length that a recording states bounds the memory for it. */
const LONGEST_RUN_MS = 366 * 86_400_000;

const text = v.pipe(v.string(), v.maxLength(10_000));
const name = v.pipe(v.string(), v.minLength(1), v.maxLength(1_000));
const time = v.pipe(v.string(), v.isoTimestamp());
const amount = v.pipe(v.number(), v.finite(), v.minValue(0));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** Of any version: tells a recording from other files. */
export const AnyHeader = v.object({ recording: v.literal("k6-realtime"), version: v.number() });

/** The first line. */
export const Header = v.object({
  id: name,
  run: v.exactOptional(text),
  scenario: name,
  startedAt: time,
  longestMs: v.pipe(amount, v.maxValue(LONGEST_RUN_MS)),
  plannedMs: v.exactOptional(amount),
  segment: v.exactOptional(text),
  thresholds: v.record(v.string(), v.array(text)),
  floor: v.exactOptional(v.record(v.string(), v.array(text))),
  /** A script of the user's own may have something else under this name: that is left out. */
  tested: v.exactOptional(v.fallback(v.nullable(TestedSchema), null)),
  k6: v.exactOptional(text),
  extension: v.exactOptional(text),
  environment: v.object({
    host: v.exactOptional(text),
    os: text,
    arch: text,
    cpus: amount,
    memoryBytes: v.exactOptional(amount),
    descriptors: v.exactOptional(amount),
  }),
});
export type Header = v.InferOutput<typeof Header>;

export const KINDS = ["trend", "counter", "rate", "gauge"] as const;

/** What an index stands for on the lines that follow. */
export const SeriesLine = v.object({
  series: count,
  metric: name,
  kind: v.picklist(KINDS),
  unit: text,
  tags: v.exactOptional(v.record(v.string(), text)),
});

/** One second: pairs of a series' index and what it came to. */
export const SecondLine = v.object({
  t: count,
  d: v.array(v.tuple([count, v.unknown()])),
});

/** What a series came to in one second, by the series' kind. */
export const Values = {
  trend: v.string("a histogram"),
  counter: v.pipe(v.number("a number"), v.finite("a number")),
  rate: v.pipe(
    v.tuple([count, count], "passes and total"),
    v.check(([passes, total]) => passes <= total, "not more passes than there were in all"),
  ),
  gauge: v.tuple([v.number(), v.number(), v.number()], "last, smallest and largest value"),
} as const;

/** What the generator needed itself. */
export const ProcessLine = v.object({
  process: v.object({ at: time, cpus: v.number(), memoryBytes: v.exactOptional(amount) }),
});
export type ProcessUsage = v.InferOutput<typeof ProcessLine>["process"];

/** The last line of a recording that was ended, not cut. */
export const EndLine = v.object({
  end: v.object({
    state: v.picklist(["finished", "aborted-by-threshold", "aborted-by-script", "interrupted", "failed"]),
    exitCode: count,
    at: time,
    excluded: v.object({ outOfRange: count, notFinite: count, withoutTags: count }),
  }),
});
export type End = v.InferOutput<typeof EndLine>["end"];
