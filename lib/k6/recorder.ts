import { Counter, Gauge, Rate, Trend } from "k6/metrics";
import { METRICS, type MetricKind, type MetricName } from "../metrics.ts";

/** Adds one sample of a metric of the table. */
export type Record = (metric: MetricName, value: number | boolean, tags?: { [tag: string]: string }) => void;

const MAKE: { [K in MetricKind]: (name: string, isTime: boolean) => Trend | Counter | Rate | Gauge } = {
  trend: (name, isTime) => new Trend(name, isTime),
  counter: (name) => new Counter(name),
  rate: (name) => new Rate(name),
  gauge: (name) => new Gauge(name),
};

/** Declares metrics with k6, which allows it in the init context only, and returns how to record them. */
export function recorder(names: readonly MetricName[]): Record {
  const metrics = new Map(
    names.map((name) => [name, MAKE[METRICS[name].kind](name, METRICS[name].unit === "ms")] as const),
  );
  return (name, value, tags) => metrics.get(name)!.add(value as number, tags);
}
