import type { MetricName } from "../../lib/metrics.ts";
import { type K6Data, summarize, type Thresholds } from "../../lib/summary/summarize.ts";
import type { Tested } from "../../lib/summary/tested.ts";

const METRIC_NAMES: MetricName[] = [
  "ws_connect_latency_ms",
  "ws_connect_phase_ms",
  "ws_reconnect_time_ms",
  "ws_msg_rtt_ms",
  "ws_sessions_opened",
  "ws_generator_delay_ms",
  "ws_replies",
  "ws_publications",
  "ws_deliveries",
  "ws_message_errors",
  "ws_connect_failures",
  "ws_connections_given_up",
  "ws_delivery_success_rate",
  "ws_shards_started",
  "ws_shards_completed",
];
export const LIMITS = {
  ws_replies: ["count>0"],
  ws_msg_rtt_ms: ["p(95)<500", "p(99)<1000"],
  ws_delivery_success_rate: ["rate>0.995"],
};

/** A Trend of that percentile, and others in proportion. */
export const trend = (p99: number, count = 100) => ({
  values: {
    count,
    min: p99 / 8,
    avg: p99 / 3,
    "p(50)": p99 / 4,
    "p(90)": p99 / 2,
    "p(95)": p99 / 1.5,
    "p(99)": p99,
    max: p99 * 2,
  },
});

/** What k6 hands over after a good run, with changes. */
export function k6Data(
  changes: K6Data["metrics"] = {},
  setup: K6Data["setup_data"] | null = { upgraded: true },
): K6Data {
  return {
    state: { testRunDurationMs: 12_000.4 },
    setup_data: setup,
    metrics: {
      ws_replies: { values: { count: 100, rate: 8 }, thresholds: { "count>0": { ok: true } } },
      ws_msg_rtt_ms: { ...trend(120), thresholds: { "p(95)<500": { ok: true }, "p(99)<1000": { ok: true } } },
      ws_delivery_success_rate: {
        values: { rate: 1, passes: 100, fails: 0 },
        thresholds: { "rate>0.995": { ok: true } },
      },
      ws_generator_delay_ms: trend(3),
      "ws_generator_delay_ms{side:send}": { ...trend(3), thresholds: { "max>=0": { ok: true } } },
      ws_sessions_opened: { values: { count: 10, rate: 1 } },
      ws_shards_started: { values: { count: 10, rate: 1 } },
      ws_shards_completed: { values: { count: 10, rate: 1 } },
      ...changes,
    },
  };
}

/** What k6 hands over where it judged nothing (`--no-thresholds`). */
export function unjudged(changes: K6Data["metrics"] = {}): K6Data {
  const data = k6Data(changes);
  const metrics = Object.entries(data.metrics).map(([name, { values }]) => [name, { values }]);
  return { ...data, metrics: Object.fromEntries(metrics) };
}

/** The summary of a run of twelve seconds with these limits. */
export const summaryOf = (data: K6Data, limits: Thresholds = LIMITS, tested?: Tested) =>
  summarize(data, {
    scenario: "chat-soak",
    tested,
    plannedMs: 12_000,
    metrics: data.metrics.ws_probes ? [...METRIC_NAMES, "ws_probes"] : METRIC_NAMES,
    limits,
    k6: { version: "v2.2.0", extension: null },
    endedAt: new Date("2026-01-02T03:04:17.000Z"),
  });
