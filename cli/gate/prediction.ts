/**
 * A prediction of the next run, if nothing but chance sets it apart from earlier ones. It is an interval about the
 * median of the baselines, from how far they differ among themselves. docs/concepts/gate.md explains it. Pure.
 */
import jstat from "jstat";
import type { Estimate } from "./bootstrap.ts";

const { chisquare, studentt } = jstat.jStat;

/** A healthy run is beyond either end of an interval this often. */
export const FALSE_ALARMS = 0.05;

/** From so many baselines on, how far they differ is evidence. */
export const ENOUGH_BASELINES = 3;
/** The standard deviation between runs, as a share, that is assumed where baselines do not show more. */
export const ASSUMED_SPREAD = 0.05;
/** The same where there are too few baselines to show anything. */
export const UNKNOWN_SPREAD = 0.1;

/** A baseline this many times as slow or as fast as the median of all does not represent the others. */
const ODD = 2;

/** The prediction for a run, and how the run compares with it. */
export interface Prediction {
  /** The median of the baselines that count. */
  readonly before: number;
  /** The run's value ÷ `before`, and the interval that holds it if nothing but chance is at work otherwise. */
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  /** How often chance alone makes a run this much slower; and so much slower that it is `tolerance` beyond the median. */
  readonly probability: number;
  readonly beyondTolerance: number;
  readonly spread: Spread;
}

/** How far runs of the same software differ. */
export interface Spread {
  /** A standard deviation, as a share. */
  readonly share: number;
  /**
   * The source of the spread. `stated`: the user. `baselines`: the baselines themselves. `assumed`: nobody, since the
   * baselines show no more than the assumed spread. `unknown`: nobody, since there are too few baselines.
   */
  readonly from: "stated" | "baselines" | "assumed" | "unknown";
}

/** What is taken for granted of the differences between runs. */
export interface Assumption {
  readonly spread: Spread;
  /** Whether the baselines show that it is more. Each latency then goes by what its own baselines show. */
  readonly isRefuted: boolean;
}

/** The baselines of one latency: the ones that count, and the indexes of the others (see {@link ODD}). */
export interface Usual {
  readonly estimates: readonly Estimate[];
  readonly odd: readonly number[];
}

/** Sets aside what is far from the median; undefined where that is half of them, or more. */
export function usual(baselines: readonly Estimate[]): Usual | undefined {
  const all = baselines.map(({ value }) => Math.log(value));
  const middle = median(all);
  const odd = all.flatMap((value, i) => (Math.abs(value - middle) > Math.log(ODD) ? [i] : []));
  if (odd.length * 2 >= baselines.length) return undefined;
  return { estimates: baselines.filter((_, i) => !odd.includes(i)), odd };
}

/**
 * Decides what to assume of how far runs differ: a stated spread, or one that most services keep within, unless the
 * baselines show more. Of three baselines one latency shows little by itself: all metrics are taken together.
 *
 * @param metrics The latencies of each metric.
 * @param stated By somebody who knows: the baselines then need to be as far apart as chance makes them in 5 % of cases.
 */
export function assume(metrics: readonly (readonly Usual[])[], stated?: number): Assumption {
  const telling = metrics
    .map((latencies) => latencies.filter(({ estimates }) => estimates.length >= ENOUGH_BASELINES))
    .filter(({ length }) => length > 0);
  const spread: Spread =
    stated === undefined ? { share: ASSUMED_SPREAD, from: "assumed" } : { share: stated, from: "stated" };
  if (telling.length === 0) return { spread, isRefuted: false };
  const shown = average(telling.map((latencies) => average(latencies.map(shownVariance))));
  const degrees = Math.min(...telling.flat().map(({ estimates }) => estimates.length - 1));
  const allowed = stated === undefined ? 1 : chisquare.inv(1 - FALSE_ALARMS, degrees) / degrees;
  return { spread, isRefuted: shown > spread.share ** 2 * allowed };
}

/**
 * What sets baselines apart beyond what each of them varies by itself. Half of that alone counts for it, as the error
 * of a short and restless run is told too roughly to explain away what is seen.
 */
const shownVariance = ({ estimates }: Usual): number => between(estimates) - within(estimates) / 2;

const between = (estimates: readonly Estimate[]): number =>
  squares(estimates.map(({ value }) => Math.log(value))) / (estimates.length - 1);

const within = (estimates: readonly Estimate[]): number =>
  average(estimates.map(({ standardError }) => standardError ** 2));

/** Holds a run against what its baselines let expect. */
export function predict(
  now: Estimate,
  { estimates }: Usual,
  assumption: Assumption,
  tolerance: number,
): Prediction {
  const isEnough = estimates.length >= ENOUGH_BASELINES;
  const isShown = isEnough && assumption.isRefuted;
  const spread = isShown ? shownSpread(estimates) : isEnough ? assumption.spread : fewSpread(assumption);
  const parts = isShown ? shownParts(now, estimates) : assumedParts(now, estimates, spread.share);
  const total = parts.reduce((sum, part) => sum + part.variance, 0);
  const deviation = Math.max(Math.sqrt(total), Number.MIN_VALUE);
  const degrees = degreesOfFreedom(parts);
  const before = median(estimates.map(({ value }) => Math.log(value)));
  const difference = Math.log(now.value) - before;
  const margin = studentt.inv(1 - FALSE_ALARMS, degrees) * deviation;
  const exceeding = (by: number) => Math.max(0, 1 - studentt.cdf(by / deviation, degrees));
  return {
    before: Math.exp(before),
    ratio: Math.exp(difference),
    low: Math.exp(difference - margin),
    high: Math.exp(difference + margin),
    probability: exceeding(difference),
    beyondTolerance: exceeding(Math.max(margin, Math.log(1 + tolerance))),
    spread,
  };
}

const shownSpread = (estimates: readonly Estimate[]): Spread => ({
  share: Math.sqrt(Math.max(0, between(estimates) - within(estimates))),
  from: "baselines",
});

const fewSpread = ({ spread }: Assumption): Spread =>
  spread.from === "stated" ? spread : { share: UNKNOWN_SPREAD, from: "unknown" };

/** A part of a variance, and the degrees of freedom of its estimate. */
interface Part {
  readonly variance: number;
  readonly degrees: number;
}

/** The variance of the difference between a run and the median of its baselines, by an assumed spread. */
function assumedParts(now: Estimate, baselines: readonly Estimate[], spread: number): Part[] {
  const ofMedian = varianceOfMedian(baselines.length);
  return [
    { variance: spread ** 2 * (1 + ofMedian), degrees: MOST_DEGREES },
    { variance: now.standardError ** 2, degrees: freedom([now]) },
    { variance: within(baselines) * ofMedian, degrees: freedom(baselines) },
  ];
}

/** The same by the baselines alone, and by how much less sure this run is by itself than they are. */
function shownParts(now: Estimate, baselines: readonly Estimate[]): Part[] {
  const own = within(baselines);
  return [
    {
      variance: Math.max(between(baselines), own) * (1 + varianceOfMedian(baselines.length)),
      degrees: baselines.length - 1,
    },
    { variance: Math.max(0, now.standardError ** 2 - own), degrees: freedom([now]) },
  ];
}

const freedom = (estimates: readonly Estimate[]): number =>
  Math.max(
    1,
    estimates.reduce((sum, { blocks }) => sum + blocks - 1, 0),
  );

/** As good as infinitely many. */
const MOST_DEGREES = 1_000;

/** Of a sum of estimated variances (Welch 1947, Satterthwaite 1946). */
function degreesOfFreedom(parts: readonly Part[]): number {
  const total = parts.reduce((sum, { variance }) => sum + variance, 0);
  const sum = parts.reduce((all, { variance, degrees }) => all + variance ** 2 / degrees, 0);
  return sum === 0 ? MOST_DEGREES : Math.min(total ** 2 / sum, MOST_DEGREES);
}

/** Of normal values, in units of the variance of one: order statistics up to ten, its limit π ÷ 2n beyond. */
const OF_MEDIAN = [1, 0.5, 0.4487, 0.2982, 0.2868, 0.2147, 0.2104, 0.1682, 0.1661, 0.1383];
const varianceOfMedian = (count: number): number => OF_MEDIAN[count - 1] ?? Math.PI / (2 * count);

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return (sorted[Math.ceil(half) - 1]! + sorted[Math.floor(half)]!) / 2;
}

/** The mean; NaN of none. */
export const average = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** The sum of the squares of what sets each apart from the mean. */
export function squares(values: readonly number[]): number {
  const center = average(values);
  return values.reduce((sum, value) => sum + (value - center) ** 2, 0);
}

/**
 * Whether several comparisons together are more than chance explains: their harmonic mean p-value (Wilson 2019), which
 * holds for latencies that rise and fall together as well as for independent ones. Bonferroni's correction would treat
 * p50, p95 and p99 of one metric, which mostly move as one, as three independent chances of a false alarm.
 */
export function isBeyondChance(probabilities: readonly number[]): boolean {
  const count = probabilities.length;
  const harmonic = count / probabilities.reduce((sum, probability) => sum + 1 / probability, 0);
  return count > 0 && harmonic <= CRITICAL.find(([most]) => count <= most)![1];
}

/** Of so many independent comparisons at most, the harmonic mean is below this in 5 % of cases. */
const CRITICAL = [
  [1, 0.05],
  [3, 0.0435],
  [10, 0.0405],
  [40, 0.038],
  [Number.POSITIVE_INFINITY, 0.034],
] as const;
