import { METRICS, type MetricKind, type MetricName } from "../lib/metrics.ts";
import { row, runs } from "./common.ts";

const ofKind = (...kinds: MetricKind[]) =>
  (Object.keys(METRICS) as MetricName[]).filter((metric) => kinds.includes(METRICS[metric].kind)).map(runs);

export const latencies = row("Latencies", ofKind("trend"));
export const shares = row("Shares and peaks", ofKind("rate", "gauge"));
export const counts = row("Counts", ofKind("counter"));
