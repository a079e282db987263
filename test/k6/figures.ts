import type { MetricSummary, Summary } from "../../lib/summary/summary.ts";

type Kind = MetricSummary["kind"];

/** The figures of a metric, `ws_replies`, or of one value of a tag, `ws_connection_drops{code:4001}`. */
function figures(summary: Summary, series: string) {
  const [, name = "", tag, value] = /^(\w+)(?:\{(\w+):(\w+)\})?$/.exec(series) ?? [];
  return tag === undefined ? summary.metrics[name] : summary.metrics[name]?.by?.[tag]?.[value!];
}

function ofKind<K extends Kind>(summary: Summary, series: string, kind: K) {
  const found = figures(summary, series);
  if (found?.kind !== kind) throw new Error(`no ${kind} ${series} in the summary`);
  return found as Extract<NonNullable<typeof found>, { kind: K }>;
}

/** A Counter's count; 0 where there is none. */
export function count(summary: Summary, series: string): number {
  const found = figures(summary, series);
  return found?.kind === "counter" ? found.count : 0;
}

/** A Rate: how many of its samples were true, and how many were not. */
export const rate = (summary: Summary, series: string) => ofKind(summary, series, "rate");

/** No more of a Rate than that. */
export function outcomes(summary: Summary, series: string) {
  const { passes, fails } = rate(summary, series);
  return { passes, fails };
}

/** A Trend's percentiles and how many values it had. */
export const trend = (summary: Summary, series: string) => ofKind(summary, series, "trend");
