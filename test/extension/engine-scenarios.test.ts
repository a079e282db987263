/** Each scenario of stock k6 in its form for the engine's sockets, `dist/x`. Real k6, real sockets. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { Summary } from "../../lib/summary/summary.ts";
import {
  type FaultSettings,
  type ServerOptions,
  type ServerStats,
  signToken,
  startServer,
} from "../../server/server.ts";
import { count } from "../k6/figures.ts";
import { OUR_K6, runK6, STOCK_K6 } from "../k6/run.ts";

const SECRET = "a key of tests";

interface Row {
  readonly env: Readonly<Record<string, string | number>>;
  /** Made when the run begins. */
  readonly token?: () => string;
  readonly faults?: FaultSettings;
  /** Counts of a run in which all goes well. */
  readonly counts: (server: ServerStats) => Readonly<Record<string, number>>;
  readonly also?: (summary: Summary, server: ServerStats) => void;
  /** Distributions that have values then. */
  readonly trends: readonly string[];
}

/** Judged by its own limits alone. */
const OWN = { PROFILE: "" };
const TALK = { ...OWN, CONNECTIONS: 4, ROOMS: 2, DURATION: "2s", MESSAGE_INTERVAL: "50ms" };

const rows: Record<string, Row> = {
  connect: {
    env: { RATE: 20, DURATION: "500ms", HOLD: "500ms" },
    counts: () => ({ ws_sessions_opened: 10, ws_sessions_closed: 10 }),
    trends: ["ws_connect_latency_ms", "ws_generator_delay_ms"],
  },
  "chat-soak": {
    env: {
      CONNECTIONS: 4,
      RAMP: "200ms",
      DURATION: "6s",
      RAMP_DOWN: "200ms",
      SESSION: "20s",
      PROBE_INTERVAL: "200ms",
      REPLY_TIMEOUT: "4s",
    },
    counts: ({ repliesSent }) => ({
      ws_sessions_opened: 4,
      ws_sessions_closed: 4,
      ws_probes: repliesSent,
      ws_replies: repliesSent,
    }),
    trends: ["ws_connect_latency_ms", "ws_msg_rtt_ms", "ws_msg_service_ms", "ws_generator_delay_ms"],
  },
  idle: {
    env: { ...OWN, CONNECTIONS: 3, RAMP: "0", IDLE: "1s" },
    counts: ({ repliesSent }) => ({
      ws_sessions_opened: 3,
      "ws_outcomes{outcome:alive}": 3,
      ws_replies: repliesSent,
    }),
    trends: ["ws_connect_latency_ms", "ws_msg_rtt_ms"],
  },
  "token-expiry": {
    env: { ...OWN, CONNECTIONS: 3, RAMP: "0", TOKEN_TTL: "3s", GRACE: "8s" },
    // A busy machine may take long from here to the load.
    token: () => signToken("ann", 10, SECRET),
    counts: ({ closesSent }) => ({
      ws_sessions_opened: 3,
      ws_outcomes: 3,
      "ws_outcomes{outcome:closed}": closesSent[4001] ?? 0,
    }),
    trends: ["ws_connect_latency_ms"],
  },
  ordering: {
    env: TALK,
    counts: ({ published, deliveriesSent }) => ({
      ws_sessions_opened: 4,
      ws_publications: published,
      ws_deliveries: deliveriesSent,
      ws_messages_lost: 0,
    }),
    trends: ["ws_connect_latency_ms"],
  },
  reconnect: {
    env: { ...TALK, ROOMS: 1, DURATION: "4s" },
    // Connection 1 is the set-up's, then come the subscribers.
    faults: { resetConnections: { ordinals: [2, 3, 4, 5], afterMs: 1_000 } },
    counts: ({ published }) => ({
      ws_reconnects: 4,
      ws_connection_drops: 4,
      "ws_outcomes{outcome:came_back}": 4,
      ws_publications: published,
      "ws_gap_messages{fate:lost}": 0,
    }),
    // What is published while a session is being had may come live, and counts among the gap's all the same.
    also: (summary, { replaysSent }) =>
      assert.ok(replaysSent > 0 && count(summary, "ws_gap_messages{fate:replayed}") >= replaysSent),
    trends: ["ws_connect_latency_ms", "ws_reconnect_time_ms"],
  },
  handshake: {
    env: OWN,
    counts: () => ({ "ws_outcomes{outcome:as_specified}": 12 }),
    trends: [],
  },
};

/** Runs a scenario against a server that is as the row says, and more. */
async function run(t: TestContext, k6: string, bundle: string, row: Row, more: Partial<ServerOptions> = {}) {
  const server = await startServer({ secret: SECRET, faults: row.faults ?? {}, ...more });
  t.after(() => server.close());
  const { stderr, code, summary } = await runK6(t, {
    scenario: bundle,
    k6,
    env: { WS_URL: `${server.url}/ws/chat`, WS_TOKEN: row.token?.() ?? "test-token", ...row.env },
  });
  assert.ok(summary, stderr);
  return { code, summary, stats: server.stats(), said: `${summary.reason}\n${stderr}` };
}

const valuesOf = (summary: Summary, metric: string): number => {
  const figures = summary.metrics[metric];
  return figures?.kind === "trend" ? figures.count : 0;
};

// Most of the time they wait.
describe("a scenario runs to its end, and records what it records on stock k6", { concurrency: 3 }, () => {
  for (const [scenario, row] of Object.entries(rows)) {
    test(scenario, async (t) => {
      const { code, summary, stats, said } = await run(t, OUR_K6, `x/${scenario}`, row);
      assert.deepEqual({ code, verdict: summary.verdict }, { code: 0, verdict: "pass" }, said);
      const counts = row.counts(stats);
      const counted = Object.keys(counts).map((series) => [series, count(summary, series)]);
      assert.deepEqual(Object.fromEntries(counted), counts, said);
      row.also?.(summary, stats);
      for (const metric of row.trends) assert.ok(valuesOf(summary, metric) > 0, `${metric} has no values`);
      const stock = await run(t, STOCK_K6, scenario, row);
      assert.equal(stock.summary.verdict, "pass", stock.said);
      const onStock = Object.keys(stock.summary.metrics);
      // Stock k6 tells no scenario of its sockets' bytes.
      const beyond = onStock.includes("ws_sessions_compressed")
        ? ["ws_message_bytes", "ws_wire_bytes", "ws_tcp_connections"]
        : [];
      assert.deepEqual(Object.keys(summary.metrics).sort(), [...onStock, ...beyond].sort());
      assert.deepEqual(
        summary.thresholds.map(({ metric, expression }) => `${metric} ${expression}`),
        stock.summary.thresholds.map(({ metric, expression }) => `${metric} ${expression}`),
      );
    });
  }
});

describe("an upgrade that is refused during the load is counted by its status", { concurrency: 3 }, () => {
  for (const scenario of ["connect", "chat-soak", "idle", "token-expiry", "ordering"]) {
    test(scenario, async (t) => {
      const refuseUpgrades = { ordinals: [2], status: 401 };
      const row = { ...rows[scenario]!, faults: { refuseUpgrades } };
      const { summary, stats, said } = await run(t, OUR_K6, `x/${scenario}`, row);
      assert.deepEqual(stats.upgradesRefused, { 401: 1 }, said);
      assert.equal(count(summary, "ws_connect_failures"), 1, said);
      assert.equal(count(summary, "ws_connect_failures{reason:http_401}"), 1, said);
      // What connect's profile allows a few of, and what chat-soak's client, which comes back after a random wait, need
      // not have missed anything by.
      const harmless =
        scenario === "connect" || (scenario === "chat-soak" && count(summary, "ws_messages_lost") === 0);
      assert.equal(summary.verdict, harmless ? "pass" : "fail", said);
    });
  }
});

test("a token that nobody knows: no load, and the status as the reason", async (t) => {
  const row = { ...rows.connect!, token: () => "not-a-token" };
  for (const [k6, bundle] of [
    [OUR_K6, "x/connect"],
    [STOCK_K6, "connect"],
  ] as const) {
    const { code, summary, said } = await run(t, k6, bundle, row);
    assert.deepEqual({ code, verdict: summary.verdict }, { code: 107, verdict: "incomplete" }, said);
    assert.equal(count(summary, "ws_connect_failures{reason:http_401}"), 1, said);
    assert.match(summary.reason, /the server took no WebSocket upgrade \(http_401/);
  }
});
