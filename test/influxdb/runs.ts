/** Runs of real scenarios that are stored by both ways in each of the servers. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Summary } from "../../lib/summary/summary.ts";
import { type FaultSettings, startServer } from "../../server/server.ts";
import { type Cleanup, OUR_K6, runK6 } from "../k6/run.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import type { Chosen } from "./grafana.ts";
import type { InfluxServer } from "./servers.ts";

/** A run and what its summary says, stored by both ways in every server. */
export interface Stored {
  readonly summary: Summary;
  readonly code: number | null;
  readonly chosen: Chosen & { readonly run: string };
}

const SOAK = {
  CONNECTIONS: 10,
  RAMP: "500ms",
  DURATION: "4s",
  RAMP_DOWN: "500ms",
  SESSION: "3s",
  PROBE_INTERVAL: "100ms",
  REPLY_TIMEOUT: "1s",
};
const CHAT_CONTRACT = fileURLToPath(new URL("../../examples/contracts/chat.json", import.meta.url));
const CLIMB = { RATE: 1_000, DURATION: "2s", REPLY_TIMEOUT: "5s", ROOMS: 1 };

export const RUNS: readonly {
  readonly name: string;
  readonly scenario: string;
  readonly env: Record<string, string | number>;
  /** Where its event streams come from, in place of WebSockets. */
  readonly streams?: string;
  readonly faults?: FaultSettings;
  /** Limits in place of those of chat. */
  readonly limits?: Record<string, string[]>;
  readonly verdict?: Summary["verdict"];
}[] = [
  { name: "a chat soak", scenario: "chat-soak", env: { ...SOAK, CONTRACT: CHAT_CONTRACT } },
  {
    name: "fan-out that loses deliveries",
    scenario: "fan-out",
    env: { CONNECTIONS: 50, RATE: 200, ROOMS: 1, PUBLISH_RATE: 5, DURATION: "4s", REPLY_TIMEOUT: "8s" },
    faults: { loseDeliveries: { every: 50 } },
    limits: { ws_delivery_success_rate: ["rate>0.995"] },
    verdict: "fail",
  },
  { name: "massconnect", scenario: "massconnect", env: { CONNECTIONS: 100, RATE: 500, DURATION: "3s" } },
  {
    name: "a frozen server",
    scenario: "chat-soak",
    env: { ...SOAK, DURATION: "7s", SESSION: "6s", REPLY_TIMEOUT: "5s" },
    faults: { freeze: { forMs: 2_000, afterMs: 2_500 } },
  },
  {
    name: "a generator that is too slow for its limits",
    scenario: "chat-soak",
    env: SOAK,
    limits: { ws_msg_rtt_ms: ["p(99)<0.001"] },
    verdict: "generator-bound",
  },
  {
    name: "backpressure",
    scenario: "backpressure",
    env: { CONNECTIONS: 6, RATE: 100, PUBLISH_RATE: 20, DURATION: "4s", REPLY_TIMEOUT: "1s" },
  },
  {
    name: "fan-out of events",
    scenario: "fan-out",
    streams: "/sse/rooms/${room}",
    env: { ...CLIMB, PROTOCOL: "room-events", CONNECTIONS: 20, PUBLISH_RATE: 10 },
  },
  {
    name: "token streams",
    scenario: "token-stream",
    streams: "/v1/chat/completions",
    env: { RATE: 20, DURATION: "2s", MAX_TOKENS: 20, STREAM_TIMEOUT: "30s" },
    limits: { token_first_content_ms: ["p(99)<60000"] },
  },
  // In another order than their texts.
  {
    name: "fan-out by subscribers",
    scenario: "fan-out",
    env: { ...CLIMB, STEPS: "20,100,200", PUBLISH_RATE: 20 },
  },
  {
    name: "mass-soak by connections",
    scenario: "mass-soak",
    env: { ...CLIMB, STEPS: "20,100", PROBE_INTERVAL: "200ms" },
  },
];

/** None that a busy machine breaks. */
const PATIENT = {
  ws_msg_rtt_ms: ["p(99)<60000"],
  ws_fanout_lag_ms: ["p(99)<60000"],
  ws_connect_latency_ms: ["p(95)<60000"],
};

/** Runs a scenario and stores it by both ways in each of the servers. */
export async function store(
  cleanup: Cleanup,
  servers: readonly InfluxServer[],
  { name, scenario, env, streams, faults = {}, limits = PATIENT, verdict }: (typeof RUNS)[number],
): Promise<Stored> {
  const server = await startServer({ faults });
  cleanup.after(() => server.close());
  const run = name.replaceAll(" ", "-");
  const profile = join(await temporaryDirectory(cleanup), "limits.json");
  await writeFile(profile, JSON.stringify({ description: "Of a test.", thresholds: limits }));
  const from = Date.now();
  const { summary, code, stderr } = await runK6(cleanup, {
    k6: OUR_K6,
    scenario,
    env: {
      ...(streams ? { SSE_URL: server.httpUrl + streams } : { WS_URL: `${server.url}/ws/chat` }),
      ...env,
      PROFILE: profile,
    },
    processEnv: Object.assign({}, ...servers.flatMap(({ env, stock }) => [env, stock.env])),
    args: [
      ...servers.flatMap(({ out, stock }) => [
        ...["--out", `realtime-influxdb=${out}`],
        ...["--out", `influxdb=${stock.out}`],
      ]),
      ...["--tag", `testid=${run}`, "--tag", "branch=main"],
    ],
  });
  assert.ok(summary, stderr);
  if (verdict) assert.equal(summary.verdict, verdict, summary.reason);
  return { summary, code, chosen: { run, scenario, from: from - 1_000, to: Date.now() } };
}
