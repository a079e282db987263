/** What a run leaves behind: `<scenario>.summary.json`. docs/schemas/summary.schema.json derives from this. */
import * as v from "valibot";
import { TestedSchema } from "./tested-schema.ts";

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const figure = v.nullable(v.number());
const unit = v.pipe(v.string(), v.description("ms, 1 (a count) or ratio (0 to 1)."));

const figures = {
  trend: {
    kind: v.literal("trend"),
    unit,
    count,
    min: figure,
    p50: figure,
    p90: figure,
    p95: figure,
    p99: figure,
    max: figure,
  },
  counter: { kind: v.literal("counter"), unit, count },
  rate: {
    kind: v.literal("rate"),
    unit,
    rate: v.pipe(figure, v.description("passes ÷ (passes + fails); null without either.")),
    passes: count,
    fails: count,
  },
  gauge: { kind: v.literal("gauge"), unit, value: v.number(), min: v.number(), max: v.number() },
} as const;

const Figures = v.variant("kind", [
  v.strictObject(figures.trend),
  v.strictObject(figures.counter),
  v.strictObject(figures.rate),
  v.strictObject(figures.gauge),
]);

const by = v.exactOptional(
  v.pipe(
    v.record(v.string(), v.record(v.string(), Figures)),
    v.description("The same, broken down by tag and value; values without samples are left out."),
  ),
);

const Metric = v.variant("kind", [
  v.pipe(
    v.strictObject({ ...figures.trend, by }),
    v.description("A distribution, in the metric's unit; null where there was no value."),
  ),
  v.strictObject({ ...figures.counter, by }),
  v.strictObject({ ...figures.rate, by }),
  v.strictObject({ ...figures.gauge, by }),
]);

const Threshold = v.strictObject({
  metric: v.pipe(v.string(), v.description("A metric, or a submetric as k6 writes it: name{tag:value}.")),
  expression: v.pipe(v.string(), v.description("As k6 writes it: p(95)<500.")),
  ok: v.boolean(),
  value: v.pipe(
    figure,
    v.description("What the expression's left side came to; null where the metric had no samples."),
  ),
});

export const VERDICTS = ["pass", "fail", "generator-bound", "incomplete"] as const;

const Comparison = v.strictObject({
  what: v.pipe(v.string(), v.description("Such as ws_msg_rtt_ms p99, or capacity.")),
  ok: v.boolean(),
  before: v.pipe(figure, v.description("The median of the earlier runs, in the metric's unit.")),
  now: figure,
  low: v.pipe(
    figure,
    v.description(
      "The interval of now ÷ before if nothing but chance is at work otherwise; null for a capacity.",
    ),
  ),
  high: figure,
  reason: v.pipe(v.string(), v.description("In words.")),
});

const Step = v.strictObject({
  size: v.pipe(count, v.description("How large the load was.")),
  verdict: v.pipe(v.picklist(VERDICTS), v.description("As of a run, by the limits on this step alone.")),
  reason: v.pipe(v.string(), v.description("One sentence: why.")),
  latency: v.pipe(
    v.nullable(
      v.strictObject({ metric: v.string(), count, p50: figure, p90: figure, p99: figure, max: figure }),
    ),
    v.description(
      "Of `metric`, one for all steps: the fan-out lag, in a run without publications the round trip, without probes the time to connect, in ms; null without values.",
    ),
  ),
});

const Steps = v.pipe(
  v.strictObject({
    of: v.pipe(v.string(), v.description("What grew, such as subscribers.")),
    capacity: v.pipe(
      v.string(),
      v.description("One sentence: the largest step that held, and why no larger one did."),
    ),
    holds: v.pipe(
      v.nullable(count),
      v.description("The largest step before the first that did not pass; null for none."),
    ),
    curve: v.pipe(v.array(Step), v.description("The steps that were tried, in their order.")),
  }),
  v.description("The result of a load that grew step by step. Absent for other loads."),
);

export const SummarySchema = v.strictObject({
  scenario: v.string(),
  tested: v.exactOptional(TestedSchema),
  verdict: v.pipe(
    v.picklist([...VERDICTS, "too-little-data"]),
    v.description(
      "`pass`: every limit held. `fail`: at least one was broken, or the run is slower than earlier ones. `generator-bound`: the generator was too slow for these limits. `incomplete`: the run left its plan, or did not wait long enough for replies to judge a limit. `too-little-data`: only from the gate, which had too few values.",
    ),
  ),
  reason: v.pipe(v.string(), v.description("One sentence: why.")),
  startedAt: v.pipe(v.string(), v.isoTimestamp()),
  durationMs: v.number(),
  plannedMs: v.pipe(
    v.number(),
    v.description("The planned duration of the load; 0 if it is unknown, or if the server alone decides it."),
  ),
  k6: v.strictObject({
    version: v.nullable(v.string()),
    extension: v.pipe(
      v.nullable(v.string()),
      v.description("Version of the extension that the run used; null for none."),
    ),
  }),
  notes: v.exactOptional(
    v.pipe(v.array(v.string()), v.description("What is to be known of the figures, in sentences.")),
  ),
  steps: v.exactOptional(Steps),
  metrics: v.record(v.string(), Metric),
  thresholds: v.array(Threshold),
  comparisons: v.exactOptional(
    v.pipe(
      v.array(Comparison),
      v.description(
        "The comparison with earlier runs, if the gate was given any. Values that could not be compared are left out.",
      ),
    ),
  ),
});

export type Summary = v.InferOutput<typeof SummarySchema>;
/** The answer to "may this go out?" that a run itself gives; the gate may say that there is too little data. */
export type Verdict = (typeof VERDICTS)[number];
/** One metric's figures, whole and by tag. */
export type MetricSummary = v.InferOutput<typeof Metric>;
export type TrendSummary = Extract<MetricSummary, { kind: "trend" }>;
/** One load of several. */
export type StepSummary = v.InferOutput<typeof Step>;
/** What came of a load that grew. */
export type StepsSummary = v.InferOutput<typeof Steps>;
/** One comparison with earlier runs. */
export type ComparisonSummary = v.InferOutput<typeof Comparison>;
/** One limit: a k6 threshold and what came of it. */
export type ThresholdSummary = v.InferOutput<typeof Threshold>;
/** The figures of a metric, or of one of its values by tag. */
export type MetricFigures = v.InferOutput<typeof Figures>;
