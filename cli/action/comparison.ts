/** The comparison with earlier runs, as Markdown. Pure. */
import { number } from "../../lib/summary/verdict.ts";
import { latencyOf, signed } from "../gate/decide.ts";
import type { Comparison, Regression } from "../gate/regression.ts";

/** A table with a line for each latency and baseline; what could not be compared is said below it. */
export function comparisonTable({ comparisons, slower, notCompared }: Regression): string {
  const row = (one: Comparison) =>
    `| ${[
      slower.some(({ metric, share }) => metric === one.metric && share === one.share) ? "❌" : "✅",
      latencyOf(one),
      number(one.before),
      number(one.now),
      signed(one.ratio),
      `${signed(one.low)} to ${signed(one.high)}`,
    ].join(" | ")} |`;
  const table = [
    "|  | compared with the baseline, ms | was | is | change | interval |",
    "| --- | --- | --- | --- | --- | --- |",
    ...comparisons.map(row),
  ];
  const missing = notCompared.length > 0 ? [`Not compared: ${notCompared.join("; ")}.`] : [];
  return [...(comparisons.length > 0 ? [table.join("\n")] : []), ...missing].join("\n\n").concat("\n");
}
