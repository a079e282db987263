/** What limits and comparison amount to, in one word and one sentence. Pure. */
import { change } from "../../lib/summary/layout.ts";
import type { ComparisonSummary, Summary } from "../../lib/summary/summary.ts";
import { parseLimit } from "../../lib/summary/threshold.ts";
import { NO_LIMITS, number } from "../../lib/summary/verdict.ts";
import { EXIT } from "../command.ts";
import { parseSelector } from "../recording/figures.ts";
import type { CapacityComparison } from "./capacity.ts";
import { nameOf } from "./measure.ts";
import { ENOUGH_BASELINES, type Spread } from "./prediction.ts";
import { type Comparison, isFew, type Regression } from "./regression.ts";

export interface Decision {
  readonly verdict: Summary["verdict"];
  readonly reason: string;
  /** 0 pass, 99 fail, 3 neither. */
  readonly exitCode: number;
}

/** What came of comparing with earlier runs. */
export interface Compared {
  /** How many runs that was. */
  readonly baselines: number;
  readonly regression: Regression;
  /** Of loads that grew; in words where they could not be compared. */
  readonly capacity?: CapacityComparison | string | undefined;
  /** Runs that were given but are not baselines, with the cause, in words. */
  readonly leftOut: readonly string[];
  /** What of the run was left out as warm-up, in words. Default: nothing. */
  readonly warmUps?: readonly string[];
  /** In what the run and its baselines did not test the same, in words. Default: in nothing. */
  readonly otherwise?: readonly string[];
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

  const { baselines, regression, capacity, leftOut } = earlier;
  if (baselines === 0) return decision("too-little-data", `no baseline can be used: ${leftOut.join("; ")}`);
  const { slower, comparisons, notCompared } = regression;
  const steps = typeof capacity === "object" ? capacity : undefined;
  if (slower.length > 0 || steps?.isFall) {
    const what = [...(steps?.isFall ? [steps.reason] : []), ...describeAll(slower), ...slowerThan(slower)];
    return decision("fail", `${what.join("; ")}, though ${summary.reason}`);
  }
  const missing = [...notCompared, ...(typeof capacity === "string" ? [capacity] : [])];
  if (comparisons.length === 0 && !steps) {
    const why = missing.join("; ") || "no latency was recorded in both";
    return decision("too-little-data", `nothing to compare with ${those(baselines)} by: ${why}`);
  }
  const what = [
    ...(comparisons.length > 0
      ? [`${latencies(comparisons.length)} no slower than ${those(baselines)}`]
      : []),
    ...(steps ? [steps.reason] : []),
  ];
  const but = missing.length > 0 ? ` (not compared: ${missing.join("; ")})` : "";
  const without = leftOut.length > 0 ? `; left out: ${leftOut.join("; ")}` : "";
  return decision("pass", `${[summary.reason, ...what].join(", ")}${but}${unsure(comparisons)}${without}`);
}

const latencies = (count: number): string => `${count} ${count === 1 ? "latency" : "latencies"}`;

const those = (baselines: number): string =>
  baselines === 1 ? "the baseline" : `the median of ${baselines} baselines`;

/** A change that everybody would want to hear of. */
const PLAIN = 1.2;

/** Whether so much is left to chance that a plain change could be there and nobody would know. */
export const isRestless = ({ high }: Comparison): boolean => high > PLAIN;

/** The metrics with so much noise that a plain change would go unseen: for these, no finding is not good news. */
function unsure(comparisons: readonly Comparison[]): string {
  const few = comparisons.filter(isFew);
  const vague = comparisons.filter((one) => isRestless(one) && !few.includes(one));
  const [first] = few;
  const passes = few.reduce((most, { high, ratio }) => Math.max(most, high / ratio), 1);
  return [
    ...(vague.length > 0
      ? [
          `; too restless to tell: ${vague.map((one) => `${nameOf(one)} could be ${whole(one.high)} slower`).join(", ")}`,
        ]
      : []),
    ...(first
      ? [
          `; too little data on how far runs differ (${first.baselines.length} of ${ENOUGH_BASELINES} baselines): a run ${whole(passes)} slower would pass`,
        ]
      : []),
  ].join("");
}

/** A ratio as a change, to a whole percent: a bound is not known better. */
const whole = (ratio: number): string => `${Math.round((ratio - 1) * 100)} %`;

/** The comparisons as they stand in the summary. */
export function comparisonsOf({ regression, capacity }: Compared): ComparisonSummary[] {
  const rows = regression.comparisons.map((one): ComparisonSummary => {
    const isSlower = regression.slower.includes(one);
    const reason = isSlower
      ? [describeSlower(one), ...slowerThan([one])].join("; ")
      : inWords(one, regression);
    const { before, now, low, high } = one;
    return { what: nameOf(one), ok: !isSlower, before, now, low, high, reason };
  });
  if (typeof capacity !== "object") return rows;
  const { before, now, isFall, reason } = capacity;
  return [{ what: "capacity", ok: !isFall, before, now, low: null, high: null, reason }, ...rows];
}

/** What is to be said of one comparison, in a few words. */
export function inWords(one: Comparison, { slower, tolerance }: Regression): string {
  const { low, high, ratio } = one;
  if (slower.includes(one)) return "slower";
  if (isRestless(one)) return `no slower beyond chance, but could be ${whole(high)} slower`;
  if (low > 1 && ratio < 1 + tolerance) return `slower within the tolerance of ${number(tolerance * 100)} %`;
  if (low > 1) return "no slower beyond chance, all comparisons taken together";
  return "no slower";
}

/** Who says how far runs differ. */
const SOURCES: { readonly [F in Spread["from"]]: string } = {
  stated: "stated",
  baselines: "as the baselines do",
  assumed: "assumed: the baselines show no more",
  unknown: "assumed: there are too few baselines",
};

/** What the comparison rests on, in sentences. */
export function notesOnComparison(compared: Compared): string[] {
  const { baselines, regression, leftOut, warmUps = [], otherwise = [] } = compared;
  const { comparisons, falseAlarms } = regression;
  const labels = [...new Set(comparisons.flatMap((one) => one.baselines.map(({ label }) => label)))];
  const odd = comparisons.flatMap((one) =>
    one.baselines
      .filter(({ isOdd }) => isOdd)
      .map(({ label, value }) => `${label} (${nameOf(one)} ${number(value)})`),
  );
  const spreads = comparisons.map(
    ({ spread: { share, from } }) => `${number(share * 100)} % (${SOURCES[from]})`,
  );
  return [
    ...(comparisons.length > 0
      ? [
          `compared with ${baselines === 1 ? labels.join(", ") : `the median of ${labels.join(", ")}`}; runs differ by ${[...new Set(spreads)].join(", ")}; of healthy runs at most ${number(falseAlarms * 100)} % are called slower`,
        ]
      : []),
    ...otherwise,
    ...(odd.length > 0 ? [`far from the other baselines, and not counted: ${odd.join(", ")}`] : []),
    ...(warmUps.length > 0
      ? [`left out of the comparison as warm-up: ${[...new Set(warmUps)].join("; ")}`]
      : []),
    ...(leftOut.length > 0 ? [`no baselines: ${leftOut.join("; ")}`] : []),
  ];
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
      return `${metric} ${expression} takes ${needed} values or more, there were ${present}`;
    }
  }
  return undefined;
}

/** The first of them with its figures, the others by how much. */
function describeAll([first, ...more]: readonly Comparison[]): string[] {
  if (!first) return [];
  const also = more.map((one) => `${nameOf(one)} by ${change(one.ratio)}`);
  return [describeSlower(first), ...(also.length > 0 ? [`also ${also.join(", ")}`] : [])];
}

function describeSlower(one: Comparison): string {
  const { ratio, low, high, before, now } = one;
  const unit = parseSelector(one.metric).metric.endsWith("_ms") ? " ms" : "";
  return (
    `${nameOf(one)} is ${change(ratio)} slower than ${those(one.baselines.length)} ` +
    `(${number(now)}${unit}, was ${number(before)}${unit}; ${change(low)} to ${change(high)})`
  );
}

/** The baselines that the worst latency is slower than. */
function slowerThan(slower: readonly Comparison[]): string[] {
  const [first] = slower;
  if (!first || first.baselines.length < 2) return [];
  const worst = slower.reduce((most, one) => (one.ratio > most.ratio ? one : most), first);
  const labels = worst.baselines.filter(({ isSlowerThan }) => isSlowerThan).map(({ label }) => label);
  return [`slower than ${labels.length} of ${worst.baselines.length}: ${labels.join(", ")}`];
}

function decision(verdict: Decision["verdict"], reason: string): Decision {
  const exitCode = verdict === "pass" ? EXIT.pass : verdict === "fail" ? EXIT.fail : EXIT.undecided;
  return { verdict, reason, exitCode };
}
