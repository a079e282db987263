/**
 * The treatment of a subscriber that reads more slowly than its room publishes. `close` ends it with 1013 when its
 * queue is full. `drop` skips messages while the queue is full. `block` makes the whole room wait until the queue has
 * drained; `queue` has no limit.
 */
export const SLOW_READER_POLICIES = ["close", "drop", "block", "queue"] as const;
export type SlowReaderPolicy = (typeof SLOW_READER_POLICIES)[number];

/** What to do with one delivery. A frame of any size goes out to a reader that owes nothing. */
export function decideDelivery(
  policy: SlowReaderPolicy,
  bufferedBytes: number,
  frameBytes: number,
  maxBufferedBytes: number,
): "send" | "drop" | "close" | "wait" {
  const fits = bufferedBytes === 0 || bufferedBytes + frameBytes <= maxBufferedBytes;
  if (fits || policy === "queue") return "send";
  return policy === "block" ? "wait" : policy;
}
