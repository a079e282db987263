/** What limits and comparison amount to, in one word and one sentence. Pure. */
import type { Summary } from "../../lib/summary/summary.ts";
import { parseLimit } from "../../lib/summary/threshold.ts";
import { NO_LIMITS, number } from "../../lib/summary/verdict.ts";
import { EXIT } from "../command.ts";
import { parseSelector } from "../recording/figures.ts";
import type { Comparison, Regression } from "./regression.ts";

export interface Decision {
  readonly verdict: Summary["verdict"] | "too-little-data";
  readonly reason: string;
  /** 0 pass, 99 fail, 3 neither. */
  readonly exitCode: number;
}

/** The earlier runs, and what came of comparing with them. */
export interface Compared {
  readonly baselines: readonly Pick<Summary, "scenario" | "verdict" | "reason">[];
  readonly regression: Regression;
}

/**
 * Decides about a run. A broken limit is said before a slower run, and both only of a run that can be judged.
 *
 * @param values How many values a metric or submetric has.
 */
export function decide(
  summary: Pick<Summary, "verdict" | "reason" | "thresholds">,
  values: (series: string) => number,
  earlier?: Compared,
): Decision {
  if (summary.verdict !== "pass") return decision(summary.verdict, summary.reason);
  const thin = tooFewValues(summary, values);
  if (thin) return decision("too-little-data", thin);
  if (!earlier && summary.thresholds.length === 0) {
    return decision("too-little-data", `${NO_LIMITS}, and no baseline`);
  }
  if (!earlier) return decision("pass", summary.reason);

  const { baselines, regression } = earlier;
  const unusable = baselines.find(({ verdict }) => verdict === "incomplete" || verdict === "generator-bound");
  if (unusable) return decision("too-little-data", `the baseline is ${unusable.verdict}: ${unusable.reason}`);
  const { slower, comparisons, notCompared } = regression;
  if (slower.length > 0) return decision("fail", slower.map(describeSlower).join("; "));
  const compared = comparedWithAll(comparisons, baselines.length);
  if (compared === 0) {
    const why = notCompared.join("; ") || "no latency was recorded in both";
    return decision("too-little-data", `nothing to compare with the baseline by: ${why}`);
  }
  const what = `${compared} ${compared === 1 ? "latency" : "latencies"} no slower than the baseline's`;
  const but = notCompared.length > 0 ? ` (not compared: ${notCompared.join("; ")})` : "";
  return decision("pass", `${summary.reason}, ${what}${but}${unseen(comparisons)}`);
}

/** How many latencies were compared with every baseline: no other can be found to be slower. */
function comparedWithAll(comparisons: readonly Comparison[], baselines: number): number {
  const times = new Map<string, number>();
  for (const one of comparisons) times.set(latencyOf(one), (times.get(latencyOf(one)) ?? 0) + 1);
  return [...times.values()].filter((count) => count >= baselines).length;
}

/** A change that everybody would want to hear of. */
const PLAIN = 2;

/** Where so much is left to chance that a plain change would have been, too: no news is no good news there. */
function unseen(comparisons: readonly Comparison[]): string {
  const surest = new Map<string, number>();
  for (const one of comparisons) {
    const name = latencyOf(one);
    surest.set(name, Math.min(one.high, surest.get(name) ?? one.high));
  }
  const vague = [...surest].filter(([, high]) => high > PLAIN).map(([name]) => name);
  return vague.length > 0
    ? `; too restless to tell: ${vague.join(", ")} could be ${PLAIN} times as slow`
    : "";
}

/** A percentile of fewer values than one in each of its parts is no more than the largest one. */
function tooFewValues(
  { thresholds }: Pick<Summary, "thresholds">,
  values: (series: string) => number,
): string | undefined {
  for (const { metric, expression } of thresholds) {
    const percent = Number(/^p\((.+)\)$/.exec(parseLimit(expression)?.aggregate ?? "")?.[1]);
    if (Number.isNaN(percent) || percent >= 100) continue;
    const needed = Math.ceil(100 / (100 - percent) - 1e-6);
    const present = values(metric);
    if (present < needed) {
      return `${metric} ${expression} takes ${needed} values at least, there were ${present}`;
    }
  }
  return undefined;
}

function describeSlower(one: Comparison): string {
  const { ratio, low, high, before, now } = one;
  const unit = parseSelector(one.metric).metric.endsWith("_ms") ? " ms" : "";
  return (
    `${latencyOf(one)} is ${percent(ratio)} slower than the baseline ` +
    `(${number(now)}${unit}, was ${number(before)}${unit}; ${percent(low)} to ${percent(high)})`
  );
}

/** What was compared: `ws_msg_rtt_ms p99`. */
export const latencyOf = ({ metric, share }: Comparison): string => `${metric} p${number(share * 100)}`;

/** A ratio as a change: 1.234 → 23.4 %. */
const percent = (ratio: number): string => `${number((ratio - 1) * 100)} %`;

/** The same with its sign: +23.4 %. */
export const signed = (ratio: number): string => `${ratio >= 1 ? "+" : ""}${percent(ratio)}`;

function decision(verdict: Decision["verdict"], reason: string): Decision {
  const exitCode = verdict === "pass" ? EXIT.pass : verdict === "fail" ? EXIT.fail : EXIT.undecided;
  return { verdict, reason, exitCode };
}
