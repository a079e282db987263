import type { MetricName } from "../metrics.ts";

/** What every load records: whether all of it was there to its end. */
export const SHARD_METRICS = [
  "ws_shards_started",
  "ws_shards_completed",
] as const satisfies readonly MetricName[];
