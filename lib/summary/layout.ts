import { formatDuration, ms } from "../units.ts";
import type { ComparisonSummary, MetricSummary, StepSummary, Summary, ThresholdSummary } from "./summary.ts";
import { describeTested } from "./tested.ts";
import { parseLimit } from "./threshold.ts";
import { grouped, number, percent, valueBeside } from "./words.ts";

/** The tables of a summary, as rows of text: what the terminal and Markdown both show. */
export interface Layout {
  readonly headline: string;
  readonly facts: string;
  /** The target and the settings of the test, in sentences; empty if they are not known. */
  readonly tested: readonly string[];
  /** A row for each step of a load that grew. */
  readonly steps: readonly string[][];
  readonly stepHeader: readonly string[];
  readonly latencies: readonly string[][];
  readonly counts: readonly string[][];
  readonly limits: readonly { readonly ok: boolean; readonly cells: readonly string[] }[];
  readonly comparisons: readonly { readonly ok: boolean; readonly cells: readonly string[] }[];
  readonly notes: readonly string[];
}

export const LATENCY_HEADER = ["latency, ms", "p50", "p90", "p95", "p99", "max", "values", ""];
export const COUNT_HEADER = ["count", "", "by"];
export const LIMIT_HEADER = ["limit", "was", "of the limit"];
export const COMPARISON_HEADER = ["compared with earlier runs", "was", "is", "change", "interval"];

/** Lays a summary out for reading. Counters and gauges that stayed at nothing are left out. */
export function layout(summary: Summary): Layout {
  const { scenario, verdict, reason, durationMs, plannedMs, k6 } = summary;
  const metrics = Object.entries(summary.metrics).filter(([name]) => !name.startsWith("ws_shards_"));
  return {
    headline: `${scenario}: ${verdict}, ${reason}`,
    facts: `${about(durationMs)}${plannedMs > 0 ? ` of ${about(plannedMs)} planned` : ""}${k6.version ? `; k6 ${k6.version}` : ""}${k6.extension ? ` with xk6-realtime ${k6.extension}` : ""}`,
    tested: summary.tested ? describeTested(summary.tested) : [],
    steps: summary.steps?.curve.map((step) => stepRow(summary.steps!.of, step)) ?? [],
    stepHeader: [
      "step",
      "verdict",
      `${stepMetric(summary) ?? ""} p50`.trim(),
      "p90",
      "p99",
      "max",
      "because",
    ],
    // Percentiles over loads of all sizes are those of none: each step has its own.
    latencies: summary.steps
      ? []
      : metrics.flatMap(([name, metric]) => latencyRow(name, metric, summary.metrics)),
    counts: metrics.flatMap(([name, metric]) => countRow(name, metric)),
    limits: summary.thresholds.map((limit) => ({ ok: limit.ok, cells: limitRow(limit) })),
    comparisons: (summary.comparisons ?? []).map((one) => ({ ok: one.ok, cells: comparisonRow(one) })),
    notes: summary.notes ?? [],
  };
}

/** What the steps of a load that grew are drawn by: one metric, of which some may have had no values. */
export const stepMetric = ({ steps }: Summary): string | undefined =>
  steps?.curve.flatMap(({ latency }) => latency?.metric ?? [])[0];

/** To the second, from one on. */
const about = (durationMs: number): string =>
  formatDuration(ms(durationMs < 1_000 ? Math.round(durationMs) : Math.round(durationMs / 1_000) * 1_000));

function stepRow(of: string, { size, verdict, reason, latency }: StepSummary): string[] {
  const figures = [latency?.p50, latency?.p90, latency?.p99, latency?.max];
  return [
    `${grouped(size)} ${of}`,
    verdict,
    ...figures.map((value) => (value == null ? "–" : number(value))),
    reason,
  ];
}

function latencyRow(name: string, metric: MetricSummary, all: Summary["metrics"]): string[][] {
  if (metric.kind !== "trend" || metric.count === 0) return [];
  const { p50, p90, p95, p99, max, count } = metric;
  return [
    [
      name,
      ...[p50, p90, p95, p99, max].map((value) => (value === null ? "–" : number(value))),
      String(count),
      without(name, all),
    ],
  ];
}

/** What the percentiles leave out: attempts to connect that failed have no time. */
function without(name: string, { ws_connect_failures: failures }: Summary["metrics"]): string {
  if (name !== "ws_connect_latency_ms" || failures?.kind !== "counter" || failures.count === 0) return "";
  return `without ${failures.count} that failed`;
}

function countRow(name: string, metric: MetricSummary): string[][] {
  const groups = Object.entries(metric.by ?? {}).map(([tag, values]) => {
    const parts = Object.entries(values).map(([value, part]) => `${value} ${countOf(part)}`);
    return { tag, parts: parts.join(", ") };
  });
  // Of several tags, each adds up to the whole by itself.
  const by = groups.map(({ tag, parts }) => (groups.length > 1 ? `${tag}: ${parts}` : parts)).join("; ");
  if (metric.kind === "counter") return metric.count > 0 ? [[name, String(metric.count), by]] : [];
  if (metric.kind === "rate" && metric.rate !== null) {
    return [[name, percent(metric.rate), `${metric.passes} of ${metric.passes + metric.fails}`]];
  }
  // The last value of a gauge means nothing if each of its parts measures something else: notes show the parts.
  return metric.kind === "gauge" && metric.max > 0 && metric.by === undefined
    ? [[name, String(metric.value), `at most ${metric.max}`]]
    : [];
}

const countOf = (metric: MetricSummary): string => (metric.kind === "counter" ? String(metric.count) : "");

function limitRow({ metric, expression, value }: ThresholdSummary): string[] {
  const limit = parseLimit(expression);
  const upper = limit?.operator.startsWith("<") ? limit.bound : 0;
  const share = upper > 0 && value !== null ? percent(value / upper) : "";
  return [
    `${metric} ${expression}`,
    value === null ? "no value" : valueBeside(metric, expression, value),
    share,
  ];
}

function comparisonRow({ what, before, now, low, high }: ComparisonSummary): string[] {
  const shown = (value: number | null) => (value === null ? "–" : number(value));
  const ratio = before !== null && now !== null && before > 0 ? signed(now / before) : "–";
  const interval = low === null || high === null ? "" : `${signed(low)} to ${signed(high)}`;
  return [what, shown(before), shown(now), ratio, interval];
}

/** A ratio as a change: 1.234 → +23.4 %. */
export const signed = (ratio: number): string => `${ratio >= 1 ? "+" : ""}${change(ratio)}`;

/** The same without a sign where it is one of more. */
export const change = (ratio: number): string => `${number((ratio - 1) * 100)} %`;
