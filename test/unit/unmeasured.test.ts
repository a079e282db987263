/** Limits that a run could not show to be broken. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { MetricSummary } from "../../lib/summary/summary.ts";
import { whyUnjudged } from "../../lib/unmeasured.ts";

const counted = (count: number): MetricSummary => ({ kind: "counter", count }) as MetricSummary;

describe("a lag of more than 78 hours by the server's stamps is no lag", () => {
  const CAPPED_MS = 281_474_976.710655; // what the engine keeps of any longer time
  const listened = { ws_deliveries: counted(3) };
  const published = { ...listened, ws_publications: counted(3) };
  const rows = [
    ["nobody published here", "ws_fanout_lag_ms", CAPPED_MS, listened, true],
    ["nobody published here, and it may be one", "ws_fanout_lag_ms", 60_001, listened, false],
    ["the publication's own time tells it", "ws_fanout_lag_ms", CAPPED_MS, published, false],
    ["the server's lag goes by stamps alone", "ws_fanout_server_lag_ms", CAPPED_MS, published, true],
    ["of one room", "ws_fanout_server_lag_ms{room:1}", CAPPED_MS, published, true],
    ["another metric", "ws_msg_rtt_ms", CAPPED_MS, listened, false],
  ] as const;
  for (const [sentence, metric, value, metrics, isUnjudged] of rows)
    test(sentence, () => {
      const why = whyUnjudged({ metric, expression: "p(50)<100", value, ok: false }, metrics);
      if (isUnjudged)
        assert.match(why ?? "judged", /^the server's time stamps lie 78 hours or more .* check `unit`/);
      else assert.equal(why, undefined);
    });
});
