/** What of a run is compared with other runs: its latencies, each with the error that a single run has. Pure. */
import type { MetricName } from "../../lib/metrics.ts";
import { STEP_TAG } from "../../lib/steps.ts";
import { number } from "../../lib/summary/verdict.ts";
import { ofKind, select } from "../recording/figures.ts";
import { type Histogram, mean, merge } from "../recording/histogram.ts";
import type { SeriesOf } from "../recording/read.ts";
import type { Run } from "../recording/run.ts";
import { sizesIn } from "../recording/summarize.ts";
import { type Estimate, estimate, seeded } from "./bootstrap.ts";

/** What runs are compared by. */
const COMPARED_METRICS = [
  "ws_msg_rtt_ms",
  "ws_fanout_lag_ms",
  "ws_connect_latency_ms",
] as const satisfies readonly MetricName[];
const COMPARED_SHARES = [0.5, 0.95, 0.99] as const;

/** With fewer stretches of time with values than this, a run does not show its own variation. */
const LEAST_CELLS = 8;
/** A quantile is compared where so many values lie beyond it in both runs. */
const LEAST_BEYOND = 10;
/** More stretches of time than this make the answer no better, only slower. */
const MOST_CELLS = 120;
/** The part of a run that may pass for its warm-up. */
const LONGEST_WARM_UP = 1 / 3;
/** A beginning that is not this much slower than the rest is not a warm-up, but normal variation. */
const WARM_UP_SLOWER = 1.25;

/** One quantile of one metric. */
export interface Latency {
  /** The metric; of a load that grew, that of one step: `ws_fanout_lag_ms{step:400}`. */
  readonly metric: string;
  /** 0 to 1. */
  readonly share: number;
  /** Undefined where there is too little data. */
  readonly estimate?: Estimate;
  /** What there is too little of, in words. */
  readonly lacking?: string;
}

/** A run, reduced to the compared values. */
export interface Measured {
  readonly label: string;
  readonly latencies: readonly Latency[];
  /** What was left out as warm-up, in words. */
  readonly warmUps: readonly string[];
}

/** Reduces a run to its latencies. A load that grew has those of each step, for steps differ more than runs do. */
export function measure(run: Run): Measured {
  const latencies: Latency[] = [];
  const warmUps: string[] = [];
  const sizes = sizesIn(run);
  const parts = sizes.length > 0 ? sizes.map((size) => [[STEP_TAG, String(size)]] as const) : [[]];
  for (const metric of COMPARED_METRICS) {
    for (const tags of parts) {
      const name = tags.length > 0 ? `${metric}{${tags.map((tag) => tag.join(":")).join(",")}}` : metric;
      const cells = cellsOf(ofKind(select(run, { metric, tags }), "trend"), run.cellSeconds);
      if (cells.length === 0) continue;
      const { rest, warmUp } = withoutWarmUp(cells);
      if (warmUp > 0) {
        const seconds = warmUp * Math.round(cells[0]!.seconds);
        warmUps.push(`${name}: the first ${seconds} s, which were slower`);
      }
      latencies.push(...latenciesOf(name, rest));
    }
  }
  return { label: run.label, latencies, warmUps };
}

function latenciesOf(metric: string, cells: readonly Cell[]): Latency[] {
  if (cells.length < LEAST_CELLS) {
    const { seconds } = cells[0]!;
    const unit = seconds === 1 ? "s" : `stretches of ${seconds} s`;
    const lacking = `${metric}: ${cells.length} ${unit} with values, ${LEAST_CELLS} needed`;
    return COMPARED_SHARES.map((share) => ({ metric, share, lacking }));
  }
  const values = cells.reduce((sum, { histogram }) => sum + histogram.total, 0);
  const shares = COMPARED_SHARES.filter((share) => values * (1 - share) >= LEAST_BEYOND - 1e-6);
  const estimates = estimate(
    cells.map(({ histogram }) => histogram),
    shares,
    seeded(1),
  );
  return COMPARED_SHARES.map((share) => {
    const at = shares.indexOf(share);
    if (at >= 0) return { metric, share, estimate: estimates[at]! };
    const needed = Math.round(LEAST_BEYOND / (1 - share));
    return { metric, share, lacking: `${nameOf({ metric, share })}: ${values} values, ${needed} needed` };
  });
}

/** `ws_msg_rtt_ms p99`. */
export const nameOf = ({ metric, share }: Pick<Latency, "metric" | "share">): string =>
  `${metric} p${number(share * 100)}`;

/** A stretch of time that has values. */
interface Cell {
  readonly seconds: number;
  readonly histogram: Histogram;
}

/** A metric's values by stretches of time. Stretches without values are left out: they do not show how values vary. */
function cellsOf(series: readonly SeriesOf<"trend">[], cellSeconds: number): Cell[] {
  const keys = series.flatMap(({ cells }) => [...cells.keys()]);
  if (keys.length === 0) return [];
  const first = keys.reduce((least, key) => Math.min(least, key));
  const last = keys.reduce((most, key) => Math.max(most, key));
  const seconds = Math.ceil(((last - first) / cellSeconds + 1) / MOST_CELLS) * cellSeconds;
  const parts = new Map<number, Histogram[]>();
  for (const { cells } of series) {
    for (const [key, histogram] of cells) {
      if (histogram.total === 0) continue;
      const index = Math.floor((key - first) / seconds);
      parts.set(index, [...(parts.get(index) ?? []), histogram]);
    }
  }
  return [...parts]
    .sort(([a], [b]) => a - b)
    .map(([, histograms]) => ({ seconds, histogram: merge(histograms) }));
}

/**
 * Leaves out a beginning that is slower than the rest, because of caches and compilers. Its values would be the ones
 * beyond p99, and hide changes in all the others. White's marginal standard error rule (MSER, 1997) finds its end:
 * the point at which the mean of the rest is the surest.
 */
function withoutWarmUp(cells: readonly Cell[]): { rest: readonly Cell[]; warmUp: number } {
  const levels = cells.map(({ histogram }) => Math.log(Math.max(mean(histogram), Number.MIN_VALUE)));
  const n = levels.length;
  let warmUp = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let d = 0; d <= n * LONGEST_WARM_UP; d++) {
    const rest = levels.slice(d);
    const error = squares(rest) / rest.length ** 2;
    if (error < least) [warmUp, least] = [d, error];
  }
  const slower = average(levels.slice(0, warmUp)) - average(levels.slice(warmUp));
  return slower >= Math.log(WARM_UP_SLOWER) && n - warmUp >= LEAST_CELLS
    ? { rest: cells.slice(warmUp), warmUp }
    : { rest: cells, warmUp: 0 };
}

const average = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

function squares(values: readonly number[]): number {
  const center = average(values);
  return values.reduce((sum, value) => sum + (value - center) ** 2, 0);
}
