/** What the report says stands out, in real runs whose faults are known: each is named, and a clean run has none. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { openViews } from "../../cli/report/open.ts";
import type { FaultSettings } from "../../server/faults.ts";
import { type RunningServer, type ServerOptions, startServer } from "../../server/server.ts";
import { trend } from "../k6/figures.ts";
import { OUR_K6, runK6 } from "../k6/run.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

interface Row {
  readonly scenario:
    | "massconnect"
    | "mass-soak"
    | "fan-out"
    | "x/chat-soak"
    | "backpressure"
    | "token-stream";
  /** Where its event streams come from, in place of WebSockets. */
  readonly streams?: string;
  readonly env?: Readonly<Record<string, string | number>>;
  readonly faults?: FaultSettings;
  readonly options?: Partial<ServerOptions>;
  /** Done while it runs. */
  readonly meanwhile?: (server: RunningServer, t: TestContext, k6: number) => Promise<unknown>;
  /** What each finding says, in their order. */
  readonly findings: readonly RegExp[];
}

const LOADS = {
  massconnect: { CONNECTIONS: 50, RATE: 100, DURATION: "5s", RETRIES: 10, RETRY_DELAY: "10ms" },
  "mass-soak": { CONNECTIONS: 50, RATE: 100, DURATION: "8s", PROBE_INTERVAL: "250ms", REPLY_TIMEOUT: "6s" },
  "fan-out": { CONNECTIONS: 50, RATE: 200, ROOMS: 1, PUBLISH_RATE: 10, DURATION: "8s", REPLY_TIMEOUT: "6s" },
  "x/chat-soak": {
    CONNECTIONS: 30,
    RAMP: "1s",
    DURATION: "10s",
    RAMP_DOWN: "1s",
    SESSION: "60s",
    PROBE_INTERVAL: "250ms",
    REPLY_TIMEOUT: "2s",
    BACKOFF_BASE: "200ms",
    BACKOFF_CAP: "500ms",
  },
  "token-stream": { RATE: 10, DURATION: "4s", MAX_TOKENS: 40, PROFILE: "token-batch" },
  backpressure: { BASELINE_TIME: "1s", PAUSE: "1s", BURST: "2s", HOLD: "1s", RESUME: "1s", DRAIN: "3s" },
} as const;

const opened = async (server: RunningServer, connections: number) => {
  while (server.stats().connectionsOpened < connections) await new Promise((next) => setTimeout(next, 20));
};
const busy = async (server: RunningServer) => {
  while (server.stats().repliesSent + server.stats().deliveriesSent < 300)
    await new Promise((next) => setTimeout(next, 20));
};

const rows: Record<string, Row> = {
  "a clean mass-soak": { scenario: "mass-soak", findings: [] },
  "a clean fan-out": { scenario: "fan-out", findings: [] },
  "a clean chat-soak": { scenario: "x/chat-soak", findings: [] },
  "a clean chat-soak whose sessions end together": {
    scenario: "x/chat-soak",
    env: { RAMP: "100ms", SESSION: "6s", REPLY_TIMEOUT: "3s" },
    findings: [],
  },
  "a server that freezes": {
    scenario: "mass-soak",
    meanwhile: (server) => busy(server).then(() => server.faults.freeze(4_000)),
    findings: [/^no message on 50 connections for [2345]s, then \d+ at once: the server stalled$/],
  },
  "one that freezes while it fans out": {
    scenario: "fan-out",
    meanwhile: (server) => busy(server).then(() => server.faults.freeze(4_000)),
    findings: [/^no message on 51 connections for [2345]s, then [\d,]+ at once: the server stalled$/],
  },
  "a generator that stands still": {
    scenario: "mass-soak",
    async meanwhile(server, _, k6) {
      await busy(server);
      process.kill(k6, "SIGSTOP");
      await new Promise((next) => setTimeout(next, 4_000));
      process.kill(k6, "SIGCONT");
    },
    findings: [/^no message on 50 connections for [2345]s: the load generator itself stood still/],
  },
  "a server that loses replies": {
    scenario: "mass-soak",
    env: { REPLY_TIMEOUT: "1s" },
    faults: { loseReplies: { every: 20 } },
    findings: [/^\d+ messages were lost$/],
  },
  "one that loses deliveries": {
    scenario: "fan-out",
    faults: { loseDeliveries: { every: 50 } },
    findings: [/^\d+ messages were lost$/],
  },
  "one that repeats deliveries": {
    scenario: "fan-out",
    faults: { repeatDeliveries: { every: 50 } },
    findings: [/^\d+ messages came again$/],
  },
  "one that reorders deliveries": {
    scenario: "fan-out",
    faults: { reorderDeliveries: { every: 50 } },
    findings: [/^\d+ messages came after later ones$/],
  },
  "one that closes five connections": {
    scenario: "mass-soak",
    meanwhile: (server) =>
      busy(server).then(() => server.faults.set({ closeConnections: { code: 1011, count: 5 } })),
    findings: [/^5 of 50 connections dropped \(1011\)/],
  },
  "one that refuses every third upgrade": {
    scenario: "massconnect", // a probe that falls due between two tries is lost, and would be a finding too
    faults: { refuseUpgrades: { every: 3 } },
    findings: [/^\d+ attempts to connect failed \(http_503\)$/],
  },
  "one whose replies have a long tail": {
    scenario: "mass-soak",
    faults: { delay: { kind: "list", ms: [...Array(24).fill(5), 800] } },
    findings: [
      /^the round trip has a long tail: the p99 of most seconds, 8\d\d ms, is [\d.]+ times p50 \([\d.]+ ms\), while the load generator was idle$/,
    ],
  },
  "one that is slower the more connections it has": {
    scenario: "mass-soak",
    env: { CONNECTIONS: 100, RATE: 8 },
    async meanwhile(server) {
      await opened(server, 80);
      server.faults.set({ delay: 2_000 });
    },
    findings: [
      /^the round trip rose with the load: p99 [\d.]+ ms at fewer than 40 connections, 2[\d,]{3,4} ms at 100$/,
    ],
  },
  "one that everybody waits for when one reads slowly": {
    scenario: "backpressure",
    options: { slowReader: "block" },
    findings: [/^\d+ healthy readers lost messages, dropped or slowed down beside a slow one$/],
  },
  "token streams that are held back": {
    scenario: "token-stream",
    streams: "/v1/chat/completions",
    faults: { bufferStreams: { bytes: 4_096 } },
    options: { completions: { firstMs: 20, gapMs: 5 } },
    findings: [/^\d+ token streams came in bursts: something on their way held them back/],
  },
  "an event stream that pauses": {
    scenario: "fan-out",
    streams: "/sse/rooms/${room}",
    env: { PROTOCOL: "room-events", CONNECTIONS: 20 },
    faults: { stallStreams: { every: 10, afterEvents: 20, forMs: 2_000 } },
    findings: [/^an event stream stalled: 2\d\d\d ms passed between two of its events/],
  },
  "one that dies and comes back": {
    scenario: "x/chat-soak",
    async meanwhile(server, t) {
      await opened(server, 31);
      await busy(server);
      const { port } = server;
      await server.close();
      await new Promise((next) => setTimeout(next, 1_500));
      const again = await startServer({ port });
      t.after(() => again.close());
    },
    findings: [
      /^the server went away: 30 of 30 connections dropped \(1001\), \d+ attempts to connect failed, all open again after [1-6]s; \d+ messages were lost with it$/,
    ],
  },
};

/** Runs the row's load against its server, and says what stands out in the recording, beside all else that was said. */
async function runOf(t: TestContext, { scenario, streams, env, faults = {}, options, meanwhile }: Row) {
  const server = await startServer({ faults, ...options });
  t.after(() => server.close());
  const recording = join(await temporaryDirectory(t), "run.jsonl");
  let done: Promise<unknown> | undefined;
  const run = await runK6(t, {
    scenario,
    k6: OUR_K6,
    env: {
      ...(streams ? { SSE_URL: server.httpUrl + streams } : { WS_URL: `${server.url}/ws/chat` }),
      ...LOADS[scenario],
      ...env,
    },
    args: [`--out=realtime=${recording}`],
    onStart: (k6) => {
      done = meanwhile?.(server, t, k6.pid!);
    },
  });
  await done;
  const [view] = await openViews([recording], "/");
  return { run, found: view!.recorded!.findings.map(({ text }) => text) };
}

/** A generator that had to wait this long for the machine's other work tells little of a server. */
const STALLED_MS = 30;
const ATTEMPTS = 4;

describe("what stands out", { concurrency: 3 }, () => {
  for (const [sentence, row] of Object.entries(rows)) {
    test(sentence, async (t) => {
      for (let attempt = 1; ; attempt++) {
        const { run, found } = await runOf(t, row);
        const isRight =
          found.length === row.findings.length && row.findings.every((finding, i) => finding.test(found[i]!));
        if (isRight) return;
        const delay = trend(run.summary!, "ws_generator_delay_ms");
        if (delay.p99! > STALLED_MS && attempt < ATTEMPTS) {
          t.diagnostic(`the machine was busy (generator delay p99 ${delay.p99} ms): ${found.join("; ")}`);
          continue;
        }
        assert.fail(
          `got:\n${found.join("\n")}\nwant:\n${row.findings.join("\n")}\n${run.stdout}\n${run.stderr}`,
        );
      }
    });
  }
});
