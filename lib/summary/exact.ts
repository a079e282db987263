import type { Distribution } from "k6/x/realtime";
import type { K6Data } from "./summarize.ts";

/** The percentile of each aggregate `p(…)` among k6's, in their order. */
export const percentilesOf = (aggregates: readonly string[]): number[] =>
  aggregates.flatMap((aggregate) => {
    const [, percentile] = /^p\((.+)\)$/.exec(aggregate) ?? [];
    return percentile === undefined ? [] : [Number(percentile)];
  });

/**
 * k6's data with the exact figures of the engine in place of k6's own, which it computed from
 * representatives. What the thresholds came to is left as k6 decided it.
 *
 * @param aggregates as in k6's `summaryTrendStats`; the distributions have the percentiles among them
 */
export function withExactFigures(
  data: K6Data,
  aggregates: readonly string[],
  distributions: readonly Distribution[],
): K6Data {
  const metrics = { ...data.metrics };
  const names = percentilesOf(aggregates).map((percentile) => `p(${percentile})`);
  for (const { metric, tags, count, min, avg, max, percentiles } of distributions) {
    const tag = Object.entries(tags).map(([name, value]) => `{${name}:${value}}`);
    const series = `${metric}${tag.join("")}`;
    metrics[series] = {
      ...metrics[series],
      values: {
        count,
        min,
        avg,
        max,
        ...Object.fromEntries(names.map((name, index) => [name, percentiles[index]!])),
      },
    };
  }
  return { ...data, metrics };
}

/** Which metrics k6's limits judged by a part of their values, in words. */
export function samplingNotes(distributions: readonly Distribution[]): string[] {
  const thinned = distributions.filter(({ oneIn, tags }) => oneIn > 1 && Object.keys(tags).length === 0);
  if (thinned.length === 0) return [];
  const parts = thinned.map(({ metric, oneIn }) => `1 in ${oneIn} of ${metric}`);
  return [
    `k6 judged its limits by representatives: ${parts.join(", ")}; the distributions above are of all values`,
  ];
}
