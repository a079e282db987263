import { Counter, Gauge, Rate, Trend } from "k6/metrics";
import { type MetricKind, type MetricName, type OwnMetrics, specOf } from "../metrics.ts";

/** Adds one sample of a metric of the table, or of one of the script's own (`M`). */
export type Record<M extends string = never> = (
  metric: MetricName | M,
  value: number | boolean,
  tags?: { [tag: string]: string },
) => void;

const MAKE: { [K in MetricKind]: (name: string, isTime: boolean) => Trend | Counter | Rate | Gauge } = {
  trend: (name, isTime) => new Trend(name, isTime),
  counter: (name) => new Counter(name),
  rate: (name) => new Rate(name),
  gauge: (name) => new Gauge(name),
};

/** Declares metrics with k6, which allows it in the init context only, and returns how to record them. */
export function recorder<M extends string = never>(
  names: readonly MetricName[],
  own: { readonly [K in M]: OwnMetrics[string] } = {} as { [K in M]: OwnMetrics[string] },
): Record<M> {
  const metrics = new Map(
    [...new Set([...names, ...Object.keys(own)])].map((name) => {
      const { kind, unit } = specOf(name, own);
      return [name, MAKE[kind](name, unit === "ms")] as const;
    }),
  );
  return (name, value, tags) => {
    const metric = metrics.get(name);
    if (!metric) throw new RangeError(`${name}: recorded, but not among the metrics that were declared`);
    metric.add(value as number, tags);
  };
}
