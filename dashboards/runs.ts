import { METRICS, type MetricKind } from "../lib/metrics.ts";
import { NAMES } from "./common.ts";
import { processes } from "./figures.ts";
import { row } from "./page.ts";

const ofKind = (...kinds: MetricKind[]) => NAMES.filter((metric) => kinds.includes(METRICS[metric].kind));

export const ran = row("Runs", [], [processes()]);
export const latencies = row("Latencies", ofKind("trend"));
export const shares = row("Shares and peaks", ofKind("rate", "gauge"));
export const counts = row("Counts", ofKind("counter"));
