/** Deliveries in the order of each publisher: right on the right server, found and named on one with just that fault. Each row is one run of stock k6. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { FaultSettings } from "../../server/server.ts";
import { count, outcomes, trend } from "./figures.ts";
import { judge } from "./publications.ts";

interface OrderRow {
  readonly env?: Readonly<Record<string, string | number>>;
  readonly faults?: FaultSettings;
  /** What stands in the reason; absent: it passes. */
  readonly reason?: RegExp;
}

const everyFifth = { every: 5, count: 20 };
const ordering: Record<string, OrderRow> = {
  "a server that delivers each message once, in order": {},
  "one that loses deliveries": {
    faults: { loseDeliveries: everyFifth },
    reason: /^20 lost messages \(limit 0\)$/,
  },
  "one that repeats deliveries": {
    faults: { repeatDeliveries: everyFifth },
    reason: /^20 repeated messages \(limit 0\)$/,
  },
  "one that reorders deliveries": {
    faults: { reorderDeliveries: everyFifth },
    reason: /^20 messages out of order \(limit 0\)$/,
  },
  "one that may lose and does": {
    faults: { loseDeliveries: everyFifth },
    env: { GUARANTEE: "at-most-once" },
  },
  "one that may repeat and does": {
    faults: { repeatDeliveries: everyFifth },
    env: { GUARANTEE: "at-least-once" },
  },
  "one that may repeat and loses": {
    faults: { loseDeliveries: everyFifth },
    env: { GUARANTEE: "at-least-once" },
    reason: /^20 lost messages \(limit 0\)$/,
  },
};

describe("ordering", { concurrency: 4 }, () => {
  for (const [sentence, { env = {}, faults = {}, reason }] of Object.entries(ordering)) {
    test(sentence, async (t) => {
      const talk = {
        CONNECTIONS: 6,
        ROOMS: 2,
        DURATION: "2s",
        MESSAGE_INTERVAL: "50ms",
        REPLY_TIMEOUT: "3s",
      };
      const judged = await judge(t, "ordering", { ...talk, ...env }, { faults }, reason);
      if (!judged) return;
      const { run, summary, stats } = judged;
      assert.deepEqual(
        [
          "ws_publications",
          "ws_deliveries",
          "ws_messages_lost",
          "ws_messages_duplicated",
          "ws_messages_reordered",
          "ws_messages_foreign",
        ].map((name) => count(summary, name)),
        [
          stats.published,
          stats.deliveriesSent + stats.deliveriesRepeated,
          stats.deliveriesLost,
          stats.deliveriesRepeated,
          stats.deliveriesReordered,
          0,
        ],
        run.stdout,
      );
      // Each delivery has its lag, and each that was due is in the share, those that never came included.
      assert.equal(trend(summary, "ws_fanout_lag_ms").count, stats.deliveriesSent);
      assert.deepEqual(outcomes(summary, "ws_delivery_success_rate"), {
        passes: stats.deliveriesSent,
        fails: stats.deliveriesLost,
      });
      assert.equal(stats.published * 3, stats.deliveriesSent + stats.deliveriesLost);
      if (!("reorderDeliveries" in faults) && !("loseDeliveries" in faults))
        assert.equal(count(summary, "ws_messages_crossed"), 0, "a room of this server has one order");
      assert.ok(stats.published > 100, "a run without traffic counts nothing");
    });
  }
});
