/**
 * How far quantiles of a run would vary if it were run again under the same conditions, from its own seconds alone.
 * Neighbouring seconds are alike (a garbage collection, a queue that drains), so whole blocks of them are drawn. This
 * is the stationary bootstrap (Politis and Romano 1994), with block lengths after Politis and White (2004).
 */
import { bucketMiddle, type Counts, type Histogram, merge } from "../recording/histogram.ts";

/** Uniform random numbers in [0, 1). */
export type Random = () => number;

/** Repeatable random numbers: the same recordings always give the same answer. (Mulberry32.) */
export function seeded(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A quantile of a run, with its uncertainty. */
export interface Estimate {
  /** Interpolated where many values are alike: see {@link midQuantile}. */
  readonly value: number;
  /** Of the logarithm of the value, hence a share of it. */
  readonly standardError: number;
  /** About how many independent pieces the run consists of. */
  readonly blocks: number;
}

const RESAMPLES = 1_000;

/**
 * Estimates quantiles of all values of a run.
 *
 * @param cells The values of each stretch of time, all equally long, in their order; each has values.
 * @param shares 0 to 1.
 */
export function estimate(cells: readonly Histogram[], shares: readonly number[], random: Random): Estimate[] {
  const whole = merge(cells);
  const { resample, middles } = resampler(cells, whole);
  const values = shares.map((share) => midQuantile(whole.counts, middles, share));
  const series = values.map((value) => exceedances(cells, value));
  // One length for all, so that the same resamples serve every quantile.
  const length = Math.max(...series.map(blockLength));
  const logarithms: number[][] = shares.map(() => []);
  for (let i = 0; i < RESAMPLES; i++) {
    const sums = resample(drawBlocks(cells.length, length, random));
    for (const [j, share] of shares.entries()) {
      logarithms[j]!.push(Math.log(midQuantile(sums, middles, share)));
    }
  }
  return shares.map((_, j) => ({
    value: values[j]!,
    standardError: Math.hypot(
      deviation(logarithms[j]!) * whatBlocksMiss(series[j]!, length),
      clockError(whole, middles, values[j]!),
    ),
    blocks: cells.length / length,
  }));
}

/** Indexes of cells: blocks that begin anywhere, go on over the end to the beginning, and are `length` long on average. */
function drawBlocks(cells: number, length: number, random: Random): Int32Array {
  const drawn = new Int32Array(cells);
  let at = 0;
  for (let i = 0; i < cells; i++) {
    at = i === 0 || random() < 1 / length ? Math.floor(random() * cells) : (at + 1) % cells;
    drawn[i] = at;
  }
  return drawn;
}

/** Sums the drawn cells up, in an array of only those buckets that are not empty. */
function resampler(cells: readonly Histogram[], whole: Histogram) {
  const position = new Map(Array.from(whole.buckets, (bucket, i) => [bucket, i]));
  const rows = cells.map(({ buckets, counts }) => ({
    positions: Int32Array.from(buckets, (bucket) => position.get(bucket)!),
    counts,
  }));
  const sums = new Float64Array(whole.buckets.length);
  const resample = (drawn: Int32Array) => {
    sums.fill(0);
    for (const cell of drawn) {
      const { positions, counts } = rows[cell]!;
      for (let i = 0; i < positions.length; i++) sums[positions[i]!]! += counts[i]!;
    }
    return sums;
  };
  return { resample, middles: Float64Array.from(whole.buckets, bucketMiddle) };
}

/**
 * The quantile of the mid-distribution function (Ma, Genton and Parzen 2011), which counts half of the equal values
 * as smaller. A clock of whole milliseconds makes most values equal. An ordinary quantile then stays the same or
 * jumps by a whole millisecond. This one moves with the share of values on either side.
 */
function midQuantile(counts: Counts, middles: Float64Array, share: number): number {
  let total = 0;
  for (const count of counts) total += count;
  let seen = 0;
  let [rank, value] = [Number.NaN, Number.NaN];
  for (let i = 0; i < counts.length; i++) {
    if (counts[i] === 0) continue;
    const next = (seen + counts[i]! / 2) / total;
    const middle = Math.max(middles[i]!, Number.MIN_VALUE);
    if (next >= share) {
      return Number.isNaN(rank) ? middle : value + ((middle - value) * (share - rank)) / (next - rank);
    }
    [rank, value] = [next, middle];
    seen += counts[i]!;
  }
  return value;
}

/**
 * The error of a clock whose step hides everything. If more than half of the values are the same, the true ones may
 * lie anywhere within a step of it. As a share of the value.
 */
function clockError({ counts, total }: Histogram, middles: Float64Array, value: number): number {
  const most = counts.indexOf(Math.max(...counts));
  if (counts[most]! <= total / 2 || counts.length === 1) return 0;
  const gaps = [most - 1, most + 1].flatMap((i) =>
    i in middles ? [Math.abs(middles[i]! - middles[most]!)] : [],
  );
  return Math.min(...gaps) / Math.sqrt(12) / value;
}

function deviation(values: readonly number[]): number {
  const center = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - center) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}

/** For each cell, the share of its values beyond a limit: what a quantile's variance comes from. */
function exceedances(cells: readonly Histogram[], limit: number): number[] {
  return cells.map(({ buckets, counts, total }) => {
    const beyond = buckets.reduce(
      (sum, bucket, i) => (bucketMiddle(bucket) > limit ? sum + counts[i]! : sum),
      0,
    );
    return beyond / total;
  });
}

/**
 * The factor by which to widen a standard error. Blocks cut through events that last longer than a block, and
 * deviations are taken from the run's own mean: both hide variation. So two variances of the mean are compared. One
 * comes from such blocks, the other from a first-order autoregression, which has no blocks (the prewhitening of
 * Andrews and Monahan 1992). The autoregression takes the correlation of neighbours, corrected for its bias in short
 * series (Kendall 1954).
 */
function whatBlocksMiss(series: readonly number[], length: number): number {
  const n = series.length;
  const covariance = autocovariance(series);
  const variance = covariance(0);
  const fromOwnMean = Math.sqrt(n / Math.max(1, n - length));
  if (variance === 0) return fromOwnMean;
  let inBlocks = variance;
  for (let lag = 1; lag < n; lag++) {
    inBlocks += 2 * (1 - lag / n) * (1 - 1 / length) ** lag * covariance(lag);
  }
  const found = covariance(1) / variance;
  const correlation = Math.min(found + (1 + 3 * found) / n, MOST_CORRELATION);
  const autoregressive = (variance * (1 + correlation)) / (1 - correlation);
  return fromOwnMean * Math.sqrt(Math.max(1, autoregressive / Math.max(inBlocks, Number.MIN_VALUE)));
}

/** A correlation of neighbours above this one cannot be told from a drift. */
const MOST_CORRELATION = 0.97;

/**
 * The mean length of the blocks: twice the one that estimates the variance of a mean best (Politis and White 2004,
 * corrected by Patton, Politis and White 2009). With the single length, intervals are too narrow if seconds are much
 * alike. The length is at least the cube root of the series' length, because a short series cannot tell how alike its
 * seconds are, and at most a quarter of it.
 */
export function blockLength(series: readonly number[]): number {
  const n = series.length;
  const least = Math.cbrt(n);
  const most = Math.max(1, n / 4);
  const covariance = autocovariance(series);
  const variance = covariance(0);
  if (variance === 0) return Math.min(2 * least, most);
  const lags = 2 * lastNotableLag((lag) => covariance(lag) / variance, n);
  let spectrum = variance;
  let slope = 0;
  for (let lag = 1; lag <= lags; lag++) {
    const weight = Math.min(1, 2 * (1 - lag / lags)); // flat, then falling to 0
    spectrum += 2 * weight * covariance(lag);
    slope += 2 * weight * lag * covariance(lag);
  }
  const best = spectrum > 0 ? Math.cbrt((slope ** 2 / spectrum ** 2) * n) : most;
  return Math.min(2 * Math.max(best, least), most);
}

function autocovariance(series: readonly number[]): (lag: number) => number {
  const n = series.length;
  const center = series.reduce((sum, value) => sum + value, 0) / n;
  return (lag) => {
    let sum = 0;
    for (let i = lag; i < n; i++) sum += (series[i]! - center) * (series[i - lag]! - center);
    return sum / n;
  };
}

/** The lag behind which the next few correlations are all negligible; at least 1. */
function lastNotableLag(correlation: (lag: number) => number, n: number): number {
  const inARow = Math.max(5, Math.ceil(Math.sqrt(Math.log10(n))));
  const negligible = 2 * Math.sqrt(Math.log10(n) / n);
  const most = Math.min(Math.ceil(Math.sqrt(n)) + inARow, n - 1);
  let row = 0;
  for (let lag = 1; lag <= most; lag++) {
    row = Math.abs(correlation(lag)) < negligible ? row + 1 : 0;
    if (row === inARow) return Math.max(1, lag - inARow);
  }
  return Math.max(1, most);
}
