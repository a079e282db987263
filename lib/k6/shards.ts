/** The parts of a load: one for each virtual user. */
import { fail } from "k6";
import exec from "k6/execution";
import type { MetricName } from "../metrics.ts";

/** What every load records: whether all of it was there to its end. */
export const SHARD_METRICS = [
  "ws_shards_started",
  "ws_shards_completed",
] as const satisfies readonly MetricName[];

/**
 * The largest number of virtual users. Each drives many connections on one event loop, because a virtual user costs
 * far more memory than a connection. There are several, because each uses at most one processor.
 */
export const MAX_SHARDS = 20;

/** Of a test in several instances, one without a virtual user would do nothing, and end well. */
export function requireShard(shards: number): void {
  if (exec.instance.vusInitialized > 0) return;
  fail(
    `this instance of k6 has no share of the load, which has ${shards} parts: raise SHARDS to the number of instances at least`,
  );
}

/** Whether this instance of k6 is one of several, and not the first. */
export function isLaterPart(): boolean {
  const { executionSegment } = exec.test.options as { executionSegment?: unknown };
  return typeof executionSegment === "string" && !/^0[:/]/.test(executionSegment);
}
