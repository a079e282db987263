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
}

/** Milliseconds by second: log-normal about 20 ms, about a level that wanders. */
export function latencies(weather: Weather, random: Random): number[][] {
  const { seconds, perSecond, persistence, swing } = weather;
  let level = swing * normal(random);
  return Array.from({ length: seconds }, () => {
    level = persistence * level + swing * Math.sqrt(1 - persistence ** 2) * normal(random);
    return Array.from({ length: perSecond }, () => 20 * Math.exp(level + 0.4 * normal(random)));
  });
}

/** A run whose round trips are `factor` times as long. */
export function madeUpRun(weather: Weather, seed: number, factor = 1): Run {
  const values = latencies(weather, seeded(seed));
  const cells = new Map(values.map((second, i) => [i, histogramOf(second.map((value) => factor * value))]));
  return {
    label: `run ${seed}`,
    instances: [],
    covered: 1,
    cellSeconds: 1,
    series: [{ kind: "trend", metric: "ws_msg_rtt_ms", unit: "ms", tags: {}, cells }],
  };
}

function normal(random: Random): number {
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
