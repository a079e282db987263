/** Whether a run is slower than earlier ones, beyond what chance explains. docs/concepts/gate.md says how and why. Pure. */

import type { Estimate } from "./bootstrap.ts";
import { type Latency, type Measured, nameOf } from "./measure.ts";
import {
  assume,
  FALSE_ALARMS,
  isBeyondChance,
  predict,
  type Spread,
  type Usual,
  usual,
} from "./prediction.ts";

/** How strict a comparison is. */
export interface Strictness {
  /** A run may be this much slower than the median of its baselines before it counts, as a share. */
  readonly tolerance: number;
  /** The standard deviation between runs, as a share, where it is known. Default: assumed, until baselines show more. */
  readonly spread?: number | undefined;
}

export const TOLERANCE = 0.05;

/** One quantile of one metric, in a run and in earlier ones. */
export interface Comparison {
  readonly metric: string;
  /** 0 to 1. */
  readonly share: number;
  /** In the metric's unit; `before` is the median of the baselines. */
  readonly before: number;
  readonly now: number;
  /** `now` ÷ `before`, and the interval that holds it if nothing but chance is at work otherwise. */
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  readonly spread: Spread;
  /** Each baseline that has this latency. One that is far from all others is told, and does not count. */
  readonly baselines: readonly {
    readonly label: string;
    readonly value: number;
    readonly isSlowerThan: boolean;
    readonly isOdd: boolean;
  }[];
}

/** What came of comparing a run with earlier ones. */
export interface Regression {
  readonly comparisons: readonly Comparison[];
  /** Those in which the run is slower. */
  readonly slower: readonly Comparison[];
  /** What could not be compared, in words. */
  readonly notCompared: readonly string[];
  /** How often a healthy run is called slower at most, as a share. */
  readonly falseAlarms: number;
  /** As {@link Strictness.tolerance}. */
  readonly tolerance: number;
}

/** Compares a run with the median of its baselines. */
export function compare(
  now: Measured,
  baselines: readonly Measured[],
  { tolerance, spread }: Strictness = { tolerance: TOLERANCE },
): Regression {
  const { pairs, notCompared } = pair(now, baselines);
  const metrics = [...new Set(pairs.map(({ latency }) => latency.metric))];
  const assumption = assume(
    metrics.map((metric) =>
      pairs.filter(({ latency }) => latency.metric === metric).map(({ usual }) => usual),
    ),
    spread,
  );
  const found = pairs.map(({ latency, estimate, before, usual }) => {
    const prediction = predict(estimate, usual, assumption, tolerance);
    const comparison: Comparison = {
      metric: latency.metric,
      share: latency.share,
      before: prediction.before,
      now: estimate.value,
      ratio: prediction.ratio,
      low: prediction.low,
      high: prediction.high,
      spread: prediction.spread,
      baselines: before.map(({ label, estimate: { value } }, i) => ({
        label,
        value,
        isSlowerThan: estimate.value >= value * (1 + tolerance),
        isOdd: usual.odd.includes(i),
      })),
    };
    return { comparison, prediction };
  });
  const isBeyond = isBeyondChance(found.map(({ prediction }) => prediction.probability));
  const comparisons = found.map(({ comparison }) => comparison);
  const chances = found.reduce((sum, { prediction }) => sum + prediction.beyondTolerance, 0);
  return {
    comparisons,
    slower: isBeyond ? comparisons.filter(({ low, ratio }) => low > 1 && ratio >= 1 + tolerance) : [],
    notCompared,
    falseAlarms: Math.min(FALSE_ALARMS, chances),
    tolerance,
  };
}

/** A latency of the run beside the same of its baselines. */
interface Pair {
  readonly latency: Latency;
  readonly estimate: Estimate;
  readonly before: readonly { readonly label: string; readonly estimate: Estimate }[];
  readonly usual: Usual;
}

function pair(now: Measured, baselines: readonly Measured[]): { pairs: Pair[]; notCompared: string[] } {
  const notCompared = new Set<string>();
  const pairs: Pair[] = [];
  for (const latency of now.latencies) {
    const { estimate } = latency;
    if (!estimate) {
      notCompared.add(latency.lacking!);
      continue;
    }
    const before = baselines.flatMap(({ label, latencies }) => {
      const same = latencies.find((one) => isSame(one, latency));
      if (!same?.estimate) notCompared.add(whyNot(label, latency, same, baselines.length));
      return same?.estimate ? [{ label, estimate: same.estimate }] : [];
    });
    const those = before.length > 0 ? usual(before.map(({ estimate }) => estimate)) : undefined;
    if (those) pairs.push({ latency, estimate, before, usual: those });
    else if (before.length > 0) {
      notCompared.add(`${nameOf(latency)}: the baselines are too far apart to tell what is usual`);
    }
  }
  for (const { metric } of baselines.flatMap(({ latencies }) => latencies)) {
    if (!now.latencies.some((one) => one.metric === metric)) notCompared.add(`${metric}: this run has none`);
  }
  return { pairs, notCompared: [...notCompared] };
}

const isSame = (a: Latency, b: Latency): boolean => a.metric === b.metric && a.share === b.share;

function whyNot(label: string, latency: Latency, same: Latency | undefined, baselines: number): string {
  const where = baselines === 1 ? "the baseline" : label;
  return same ? `${same.lacking} (${where})` : `${latency.metric}: ${where} has none`;
}

/** Whether there are too few baselines to show how far runs differ. */
export const isFew = ({ spread }: Comparison): boolean => spread.from === "unknown";
