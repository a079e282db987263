/** Runs of made-up latencies, whose seconds are as alike as those of real services. */
import { type Random, seeded } from "../../cli/gate/bootstrap.ts";
import { type Histogram, merge } from "../../cli/recording/histogram.ts";
import type { Run } from "../../cli/recording/run.ts";

/** How latencies come about. */
export interface Weather {
  readonly seconds: number;
  readonly perSecond: number;
  /** How much of a second's deviation lives on in the next one: 0 to 1. */
  readonly persistence: number;
  /** The standard deviation of the seconds' level, as a share of it. */
  readonly swing: number;
  /** Standard deviation of a value's logarithm. Default 0.4. */
  readonly sigma?: number;
  /** The first so many seconds are ten times as slow. Default 0. */
  readonly warmUpSeconds?: number;
  /** Only each so manyth second has values. Default 1: all. */
  readonly every?: number;
  /** The clock's step in milliseconds: values are multiples of it. Default none. */
  readonly clockMs?: number;
}

/** Milliseconds by second: log-normal about 20 ms, about a level that wanders. */
export function latencies(weather: Weather, random: Random): number[][] {
  const { seconds, perSecond, persistence, swing, sigma = 0.4, warmUpSeconds = 0, every = 1 } = weather;
  let level = swing * normal(random);
  return Array.from({ length: seconds }, (_, second) => {
    level = persistence * level + swing * Math.sqrt(1 - persistence ** 2) * normal(random);
    const typical = second < warmUpSeconds ? 200 : 20;
    const count = second % every === 0 ? perSecond : 0;
    return Array.from({ length: count }, () => typical * Math.exp(level + sigma * normal(random)));
  });
}

/** A run whose round trips are `factor` times as long. */
export function madeUpRun(weather: Weather, seed: number, factor = 1): Run {
  const { clockMs } = weather;
  const ticked = (value: number) =>
    clockMs ? Math.max(clockMs, Math.round(value / clockMs) * clockMs) : value;
  const cells = new Map(
    latencies(weather, seeded(seed))
      .map((second, i) => [i, histogramOf(second.map((value) => ticked(factor * value)))] as const)
      .filter(([, { total }]) => total > 0),
  );
  return {
    label: `run ${seed}`,
    instances: [],
    covered: 1,
    cellSeconds: 1,
    series: [{ kind: "trend", metric: "ws_msg_rtt_ms", unit: "ms", tags: {}, cells }],
  };
}

export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function histogramOf(values: readonly number[]): Histogram {
  return merge(
    values.map((value) => ({
      buckets: Uint16Array.of(bucketOf(value)),
      counts: Float64Array.of(1),
      total: 1,
    })),
  );
}

/** Of values above 2048 ns. */
function bucketOf(milliseconds: number): number {
  const doublings = Math.floor(Math.log2(milliseconds * 1e6)) - 10;
  return doublings * 1024 + Math.floor((milliseconds * 1e6) / 2 ** doublings);
}
