/** The result of a run as InfluxDB stores it: its verdict and the summary's own figures, one field each. Pure. */
import type { MetricFigures, Summary } from "./summary/summary.ts";
import { parseLimit } from "./summary/threshold.ts";

/** Fields of one point. All numbers are floats there. */
export type Fields = { readonly [name: string]: string | number };

export interface RunResult {
  readonly fields: Fields;
  /** One for each step of a load that grew, in their order. */
  readonly steps: readonly Fields[];
}

/**
 * The addresses at which k6's output takes the result, separated by spaces. It puts them into the script's
 * environment.
 */
export const RESULT_VARIABLE = "K6_REALTIME_RESULT_URL";

/** In k6's environment with the value `elsewhere`: who started k6 stores the result. */
export const RESULT_WRITER_VARIABLE = "K6_REALTIME_RESULT";

/**
 * What a summary comes to, as fields: `ws_msg_rtt_ms_p99`, `ws_connection_drops_code_1006_count`,
 * `ws_msg_rtt_ms_p99_limit`.
 */
export function resultOf(summary: Summary): RunResult {
  const { verdict, reason, durationMs, metrics, thresholds, steps } = summary;
  const fields: Record<string, string | number> = { verdict, reason, durationMs };
  for (const [name, metric] of Object.entries(metrics)) {
    Object.assign(fields, figuresOf(name, metric));
    for (const [tag, values] of Object.entries(metric.by ?? {})) {
      for (const [value, part] of Object.entries(values)) {
        Object.assign(fields, figuresOf(`${name}_${tag}_${value}`, part));
      }
    }
  }
  for (const { metric, expression } of thresholds) {
    const limit = parseLimit(expression);
    // A step's limits are those of the run that consists of nothing else.
    if (limit) fields[`${metric.replace(/\{.*/, "")}_${shortName(limit.aggregate)}_limit`] = limit.bound;
  }
  return { fields, steps: stepsOf(steps) };
}

/** Figures of a metric by field; those without a value are left out. */
function figuresOf(name: string, figures: MetricFigures): Fields {
  const found: Record<string, number | null> =
    figures.kind === "trend"
      ? figuresOfTrend(figures)
      : figures.kind === "rate"
        ? { rate: figures.rate }
        : figures.kind === "gauge"
          ? { last: figures.value, max: figures.max }
          : { count: figures.count };
  return Object.fromEntries(
    Object.entries(found).flatMap(([figure, value]) =>
      value === null || !Number.isFinite(value) ? [] : [[`${name}_${figure}`, value] as const],
    ),
  );
}

const figuresOfTrend = ({ count, min, p50, p90, p95, p99, max }: MetricFigures & { kind: "trend" }) => ({
  count,
  min,
  p50,
  p90,
  p95,
  p99,
  max,
});

/** `p(99)` → `p99`, `med` → `p50`. */
const shortName = (aggregate: string): string =>
  aggregate === "med" ? "p50" : aggregate.replace(/^p\((.*)\)$/, "p$1").replace(".", "_");

function stepsOf(steps: Summary["steps"]): Fields[] {
  if (!steps) return [];
  return steps.curve.map(({ size, verdict, reason, latency }) => {
    const { metric = "", count = 0, ...times } = latency ?? {};
    const known = Object.entries(times).filter((entry): entry is [string, number] => entry[1] !== null);
    return { of: steps.of, size, verdict, reason, metric, count, ...Object.fromEntries(known) };
  });
}
