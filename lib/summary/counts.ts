/** What Counters of a summary came to. Pure. */
import type { MetricFigures, MetricSummary } from "./summary.ts";

/** A Counter's count; 0 for a metric of another kind, and for none. */
export const countOf = (metric: MetricFigures | undefined): number =>
  metric?.kind === "counter" ? metric.count : 0;

/** The counts of a metric by the values of a tag. */
export function countsBy(metric: MetricSummary | undefined, tag: string): Record<string, number> {
  const values = Object.entries(metric?.by?.[tag] ?? {});
  return Object.fromEntries(values.map(([value, figures]) => [value, countOf(figures)]));
}
