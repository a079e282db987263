/** Whether a run is slower than earlier ones, beyond what chance explains. docs/gate.md says how and why. Pure. */
import type { MetricName } from "../../lib/metrics.ts";
import { number } from "../../lib/summary/verdict.ts";
import { ofKind, parseSelector, select } from "../recording/figures.ts";
import { type Histogram, merge } from "../recording/histogram.ts";
import type { Run } from "../recording/run.ts";
import { type Estimate, estimate, seeded } from "./bootstrap.ts";
import { studentQuantile } from "./student.ts";

/** What runs are compared by. */
const COMPARED_METRICS = [
  "ws_msg_rtt_ms",
  "ws_fanout_lag_ms",
  "ws_connect_latency_ms",
] as const satisfies readonly MetricName[];
const COMPARED_SHARES = [0.5, 0.95, 0.99] as const;

/** All comparisons with one baseline together raise a false alarm at most this often. */
const FALSE_ALARMS = 0.05;
/** A run may be this much slower before it counts: less is lost in the noise between machines and days. */
const TOLERANCE = 0.05;
/** Below this many stretches of time, a run says nothing of its own variation. */
const LEAST_CELLS = 8;
/** A quantile is compared where so many values lie beyond it in both runs. */
const LEAST_BEYOND = 10;
/** More stretches of time than this make the answer no better, only slower. */
const MOST_CELLS = 120;

/** One quantile of one metric, in a run and in an earlier one. */
export interface Comparison {
  readonly metric: string;
  /** 0 to 1. */
  readonly share: number;
  readonly baseline: string;
  /** Of the earlier run, in the metric's unit. */
  readonly before: number;
  readonly now: number;
  /** `now` ÷ `before`, and the interval that holds it if nothing but chance is at work otherwise. */
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
}

/** What came of comparing a run with earlier ones. */
export interface Regression {
  readonly comparisons: readonly Comparison[];
  /** Those that are slower than every baseline, by the least bad of them. */
  readonly slower: readonly Comparison[];
  /** What could not be compared, in words. */
  readonly notCompared: readonly string[];
}

/** Compares a run with each of the baselines. It is slower only where it is slower than all of them. */
export function compare(run: Run, baselines: readonly Run[]): Regression {
  const notCompared: string[] = [];
  const perBaseline = baselines.map((baseline) => compareTwo(run, baseline, notCompared));
  const [first = []] = perBaseline;
  const slower = first.flatMap(({ metric, share }) => {
    const same = perBaseline.map((all) => all.find((one) => one.metric === metric && one.share === share));
    const isSlower = same.every((one) => one !== undefined && one.low > 1 && one.ratio >= 1 + TOLERANCE);
    return isSlower ? [same.reduce((least, one) => (one!.low < least!.low ? one : least))!] : [];
  });
  return { comparisons: perBaseline.flat(), slower, notCompared: [...new Set(notCompared)] };
}

interface Sample {
  readonly metric: string;
  readonly shares: readonly number[];
  readonly now: readonly Histogram[];
  readonly before: readonly Histogram[];
}

function compareTwo(run: Run, baseline: Run, notCompared: string[]): Comparison[] {
  const samples = COMPARED_METRICS.flatMap((metric) => sampleOf(metric, run, baseline, notCompared));
  const comparisons = samples.reduce((sum, { shares }) => sum + shares.length, 0);
  // Bonferroni's correction: each comparison gets its part of the false alarms, half of it on either side.
  const probability = 1 - FALSE_ALARMS / comparisons / 2;
  return samples.flatMap(({ metric, shares, now, before }) => {
    const random = seeded(1);
    const [estimates, earlier] = [estimate(now, shares, random), estimate(before, shares, random)];
    return shares.map((share, i) => ({
      metric,
      share,
      baseline: baseline.label,
      ...ratioOf(estimates[i]!, earlier[i]!, probability),
    }));
  });
}

function ratioOf(now: Estimate, before: Estimate, probability: number) {
  const logarithm = Math.log(now.value / before.value);
  const error = Math.hypot(now.standardError, before.standardError);
  const margin = studentQuantile(probability, now.blocks + before.blocks - 2) * error;
  return {
    before: before.value,
    now: now.value,
    ratio: now.value / before.value,
    low: Math.exp(logarithm - margin),
    high: Math.exp(logarithm + margin),
  };
}

function sampleOf(metric: MetricName, run: Run, baseline: Run, notCompared: string[]): Sample[] {
  const [now, before] = [cellsOf(run, metric), cellsOf(baseline, metric)];
  if (before.length === 0) {
    if (now.length > 0) notCompared.push(`${metric}: the baseline has none`);
    return [];
  }
  const cells = Math.min(now.length, before.length);
  if (cells < LEAST_CELLS) {
    notCompared.push(`${metric}: ${cells} s with values, ${LEAST_CELLS} needed`);
    return [];
  }
  const values = Math.min(totalOf(now), totalOf(before));
  const shares = COMPARED_SHARES.filter((share) => values * (1 - share) >= LEAST_BEYOND - 1e-6);
  for (const share of COMPARED_SHARES.filter((one) => !shares.includes(one))) {
    const needed = Math.round(LEAST_BEYOND / (1 - share));
    notCompared.push(`${metric} p${number(share * 100)}: ${values} values, ${needed} needed`);
  }
  return shares.length > 0 ? [{ metric, shares, now, before }] : [];
}

const totalOf = (cells: readonly Histogram[]): number => cells.reduce((sum, { total }) => sum + total, 0);

/** A metric's values by stretches of time, from the first to the last that has any. */
function cellsOf(run: Run, metric: MetricName): Histogram[] {
  const series = ofKind(select(run, parseSelector(metric)), "trend");
  const keys = series.flatMap(({ cells }) => [...cells.keys()]);
  if (keys.length === 0) return [];
  const first = keys.reduce((least, key) => Math.min(least, key));
  const last = keys.reduce((most, key) => Math.max(most, key));
  const seconds = (last - first) / run.cellSeconds + 1;
  const each = Math.ceil(seconds / MOST_CELLS) * run.cellSeconds;
  const parts: Histogram[][] = [];
  for (const { cells } of series) {
    for (const [key, histogram] of cells) {
      const index = Math.floor((key - first) / each);
      parts[index] ??= [];
      parts[index].push(histogram);
    }
  }
  return Array.from(parts, (histograms = []) => merge(histograms));
}
