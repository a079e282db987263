import assert from "node:assert/strict";
import { test } from "node:test";
import { resultOf } from "../../lib/result.ts";
import type { Summary } from "../../lib/summary/summary.ts";

const SUMMARY: Summary = {
  scenario: "chat-soak",
  verdict: "fail",
  reason: "ws_msg_rtt_ms p(99)<100: was 187",
  startedAt: "2026-01-02T03:04:05.000Z",
  durationMs: 10_000,
  plannedMs: 10_000,
  k6: { version: "v2.2.0", extension: null },
  metrics: {
    ws_msg_rtt_ms: {
      kind: "trend",
      unit: "ms",
      count: 3,
      min: 1,
      p50: 2,
      p90: 3,
      p95: 4,
      p99: 187,
      max: 187,
    },
    ws_fanout_lag_ms: {
      ...{ kind: "trend", unit: "ms", count: 0 },
      ...{ min: null, p50: null, p90: null, p95: null, p99: null, max: null },
    },
    ws_connection_drops: {
      kind: "counter",
      unit: "1",
      count: 2,
      by: { code: { "1006": { kind: "counter", unit: "1", count: 2 } } },
    },
    ws_active_sessions: { kind: "gauge", unit: "1", value: 0, min: 0, max: 10 },
  },
  thresholds: [
    { metric: "ws_msg_rtt_ms", expression: "p(99)<100", ok: false, value: 187 },
    { metric: "ws_connect_latency_ms{step:20}", expression: "med<5", ok: true, value: 1 },
  ],
};

test("a result has the verdict, each figure that there is, by tag too, and the limits", () => {
  assert.deepEqual(resultOf(SUMMARY), {
    fields: {
      verdict: "fail",
      reason: "ws_msg_rtt_ms p(99)<100: was 187",
      durationMs: 10_000,
      ws_msg_rtt_ms_count: 3,
      ws_msg_rtt_ms_min: 1,
      ws_msg_rtt_ms_p50: 2,
      ws_msg_rtt_ms_p90: 3,
      ws_msg_rtt_ms_p95: 4,
      ws_msg_rtt_ms_p99: 187,
      ws_msg_rtt_ms_max: 187,
      // Without a value there is no percentile, and 0 would be a good one.
      ws_fanout_lag_ms_count: 0,
      ws_connection_drops_count: 2,
      ws_connection_drops_code_1006_count: 2,
      ws_active_sessions_last: 0,
      ws_active_sessions_max: 10,
      ws_msg_rtt_ms_p99_limit: 100,
      ws_connect_latency_ms_p50_limit: 5,
    },
    steps: [],
  });
});
