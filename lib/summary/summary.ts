/** What a run leaves behind: `<scenario>.summary.json`. Its JSON Schema is docs/schemas/summary.schema.json. */

/** The answer to "may this go out?". */
export type Verdict =
  /** Every limit held. */
  | "pass"
  /** At least one limit was broken. */
  | "fail"
  /** The generator itself was too slow for the limits asked for: neither pass nor fail. */
  | "generator-bound"
  /** The run did not do what was planned: set-up failed, interrupted, or part of the load ended early. */
  | "incomplete";

/** A distribution, in the metric's unit; null where there was no value. */
export interface TrendSummary {
  readonly kind: "trend";
  readonly unit: string;
  readonly count: number;
  readonly min: number | null;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

export interface CounterSummary {
  readonly kind: "counter";
  readonly unit: string;
  readonly count: number;
}

/** A share: `rate` is passes ÷ (passes + fails), null without either. */
export interface RateSummary {
  readonly kind: "rate";
  readonly unit: string;
  readonly rate: number | null;
  readonly passes: number;
  readonly fails: number;
}

export interface GaugeSummary {
  readonly kind: "gauge";
  readonly unit: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
}

export type MetricSummary = (TrendSummary | CounterSummary | RateSummary | GaugeSummary) & {
  /** The same, broken down by tag and value; values without samples are left out. */
  readonly by?: { readonly [tag: string]: { readonly [value: string]: MetricSummary } };
};

/** One limit: a k6 threshold and what came of it. */
export interface ThresholdSummary {
  readonly metric: string;
  /** As k6 writes it: `p(95)<500`. */
  readonly expression: string;
  readonly ok: boolean;
  /** What the expression's left side came to; null where the metric had no samples. */
  readonly value: number | null;
}

export interface Summary {
  readonly scenario: string;
  readonly verdict: Verdict;
  /** One sentence: why. */
  readonly reason: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly plannedMs: number;
  readonly k6: { readonly version: string | null; readonly extension: string | null };
  readonly metrics: { readonly [name: string]: MetricSummary };
  readonly thresholds: readonly ThresholdSummary[];
}
