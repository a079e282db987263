import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { WebSocketServer } from "ws";
import type { Summary, Verdict } from "../../lib/summary/summary.ts";
import { type FaultSettings, type RunningServer, startServer } from "../../server/server.ts";
import { assertNotShorter, count, rate, trend } from "./figures.ts";
import { type K6Run, runK6 } from "./run.ts";

/** Ten connections for twelve seconds, each with two sessions and a probe every 100 ms. */
const SHORT = {
  CONNECTIONS: 10,
  RAMP: "500ms",
  DURATION: "11s",
  RAMP_DOWN: "500ms",
  SESSION: "6s",
  PROBE_INTERVAL: "100ms",
  REPLY_TIMEOUT: "4s",
};

async function soak(
  t: TestContext,
  { faults = {}, env = {} }: { faults?: FaultSettings; env?: Record<string, string | number> } = {},
): Promise<{ run: K6Run; summary: Summary; server: RunningServer }> {
  const server = await startServer({ faults });
  t.after(() => server.close());
  const run = await runK6(t, {
    scenario: "chat-soak",
    env: { WS_URL: `${server.url}/ws/chat`, ...SHORT, ...env },
  });
  assert.ok(run.summary, run.stderr);
  return { run, summary: run.summary, server };
}

function assertEnded(run: K6Run, code: number, verdict: Verdict): void {
  const said = `${run.summary?.reason}\n${run.stderr}`;
  assert.deepEqual({ code: run.code, verdict: run.summary?.verdict }, { code, verdict }, said);
}

// They wait most of the time.
describe("chat-soak", { concurrency: 4 }, () => {
  test("a healthy server passes: every probe has its reply, every session is closed", async (t) => {
    const { run, summary, server } = await soak(t);
    assertEnded(run, 0, "pass");
    const probes = count(summary, "ws_probes");
    // 10 connections × 2 sessions × at most 20 due times before the last four seconds of each
    assert.ok(probes > 200 && probes <= 400, `${probes} probes`);
    assert.equal(count(summary, "ws_replies"), probes);
    assert.equal(server.stats().repliesSent, probes);
    assert.equal(count(summary, "ws_sessions_opened"), 20);
    assert.equal(count(summary, "ws_sessions_closed"), 20);
    assert.deepEqual(rate(summary, "ws_reply_success_rate"), {
      kind: "rate",
      unit: "ratio",
      rate: 1,
      passes: probes,
      fails: 0,
    });
    const rtt = trend(summary, "ws_msg_rtt_ms");
    assert.equal(rtt.count, probes);
    assert.ok(rtt.min! > 0, "a round trip of 0 ms is a defect");
    assert.ok(trend(summary, "ws_msg_service_ms").p50! <= rtt.p50!, "service time is part of response time");
    assert.ok(summary.durationMs >= summary.plannedMs - 20 && summary.plannedMs === 12_000);
  });

  test("what a run tested is in its summary, without what is secret", async (t) => {
    const server = await startServer();
    t.after(() => server.close());
    const WS_URL = `${server.url}/ws/chat?key=secret`;
    const { summary } = await runK6(t, {
      scenario: "chat-soak",
      env: { WS_URL, ...SHORT, PROFILE: "dashboard" },
    });
    const { settings, ...tested } = summary!.tested!;
    assert.deepEqual(tested, {
      urls: [`${server.url}/ws/chat?…`],
      protocol: "chat",
      profile: "dashboard",
      load: "10 connections for 12s",
      connections: 10,
      replyTimeoutMs: 4_000,
    });
    assert.deepEqual(
      [settings.PROBE_INTERVAL, settings.WS_TOKEN, settings.WS_URL],
      ["100ms", "***", undefined],
    );
  });

  test("a server that loses broadcasts passes, and the summary says that nobody looked", async (t) => {
    const { summary } = await soak(t, {
      faults: { loseDeliveries: { every: 5 } },
      env: { PROFILE: "dashboard" },
    });
    assert.equal(summary.metrics.ws_delivery_success_rate, undefined);
    assert.deepEqual(summary.notes?.slice(0, 2), [
      "chat-soak does not check deliveries: use ordering or fan-out",
      "limits of the profile dashboard that do not apply to chat-soak: ws_fanout_lag_ms p(50)<500, p(95)<2000, p(99)<5000; ws_delivery_success_rate rate>0.995",
    ]);
  });

  test("100 lost and 50 repeated replies are counted exactly", async (t) => {
    const faults = { loseReplies: { every: 4, count: 100 }, repeatReplies: { every: 3, count: 50 } };
    const { run, summary, server } = await soak(t, { faults, env: { PROBE_INTERVAL: "25ms" } });
    assertEnded(run, 99, "fail");
    const { repliesLost, repliesRepeated } = server.stats();
    assert.deepEqual({ repliesLost, repliesRepeated }, { repliesLost: 100, repliesRepeated: 50 });
    assert.equal(count(summary, "ws_messages_lost"), 100);
    assert.equal(count(summary, "ws_messages_duplicated"), 50);
    assert.equal(rate(summary, "ws_reply_success_rate").fails, 100);
    assert.equal(count(summary, "ws_probes"), count(summary, "ws_replies") + 100);
    assert.equal(trend(summary, "ws_msg_rtt_ms").max, 4_000, "what was lost stands with the reply time-out");
  });

  test("a delay in the server is never reported shorter than it was", async (t) => {
    const faults: FaultSettings = { delay: { kind: "lognormal", medianMs: 20, sigma: 0.5 } };
    const { run, summary, server } = await soak(t, { faults });
    assertEnded(run, 0, "pass");
    assertNotShorter(summary, server.faults.delays.of("echo"), (service) => service - 0.01);
  });

  test("a frozen server shows whole: response time grows with the freeze, for every probe due in it", async (t) => {
    const server = await startServer();
    t.after(() => server.close());
    const [run] = await Promise.all([
      runK6(t, {
        scenario: "chat-soak",
        env: { WS_URL: `${server.url}/ws/chat`, ...SHORT, DURATION: "6s", SESSION: "20s" },
      }),
      allConnected(server).then(() => server.faults.freeze(1_000)),
    ]);
    const summary = run.summary!;
    const rtt = trend(summary, "ws_msg_rtt_ms");
    assert.equal(count(summary, "ws_messages_lost"), 0);
    // Every connection had a probe due in the first tenth of the freeze: a tenth of those in the freeze waited 900 ms.
    assert.ok(rtt.max! >= 900, `max ${rtt.max}`);
    const frozen = 10 * 10;
    assert.ok(
      rtt.count > frozen && rtt.p90! > 1_000 * (1 - (0.1 * rtt.count) / frozen) - 100,
      `p90 ${rtt.p90} of ${rtt.count}`,
    );
  });

  test("a server that is cut off in the middle: every connection drops once, the load comes back for it", async (t) => {
    const first = await startServer();
    t.after(() => first.close());
    const [run] = await Promise.all([
      runK6(t, {
        scenario: "chat-soak",
        env: { WS_URL: `${first.url}/ws/chat`, ...SHORT, SESSION: "20s" },
      }),
      allConnected(first).then(() => first.close()),
    ]);
    assertEnded(run, 99, "fail");
    const summary = run.summary!;
    assert.equal(count(summary, "ws_connection_drops"), 10);
    assert.equal(count(summary, "ws_connection_drops{code:1001}"), 10);
    assert.equal(count(summary, "ws_connection_drops{by:server}"), 10);
    assert.ok(count(summary, "ws_connect_failures{reason:refused}") >= 10, "they try again");
    assert.ok(count(summary, "ws_messages_lost") > 0, "what falls due meanwhile is lost");
    assert.equal(rate(summary, "ws_connection_drop_rate").rate, 1);
  });

  describe("a server that takes no upgrade ends the run before the load", () => {
    const rows: [
      sentence: string,
      start: (t: TestContext) => Promise<string>,
      code: number,
      stderr: RegExp,
      reason: RegExp,
    ][] = [
      ["nobody listens", async () => "ws://127.0.0.1:1/ws", 107, /connection refused/, /\(refused\)/],
      [
        "it wants another token",
        (t) => reference(t, "/ws/chat?token=wrong"),
        107,
        /got HTTP 401/,
        /\(http_401\)/,
      ],
      ["there is no such endpoint", (t) => reference(t, "/nothing"), 107, /got HTTP 404/, /\(http_404\)/],
      [
        "it accepts the connection and never answers",
        (t) => tcp(t, () => {}),
        107,
        /accept a WebSocket upgrade \(101\), got no answer within 2 s/,
        /did not answer the WebSocket upgrade in time/,
      ],
      [
        "it answers with garbage",
        (t) => tcp(t, (socket) => socket.end("\u0000nonsense\r\n\r\n")),
        107,
        /malformed HTTP/,
        /\(http_rejected\)/,
      ],
    ];
    for (const [sentence, start, code, stderr, reason] of rows) {
      test(sentence, async (t) => {
        const url = await start(t);
        const waits = sentence.endsWith("never answers") && { CONNECT_TIMEOUT: "2s" };
        const env = { ...SHORT, WS_URL: url, WS_TOKEN: "", ...waits };
        const run = await runK6(t, { scenario: "chat-soak", env });
        assertEnded(run, code, "incomplete");
        assert.match(run.stderr, stderr);
        assert.match(run.summary!.reason, reason);
        assert.equal(count(run.summary!, "ws_probes"), 0);
      });
    }
  });

  test("a server that stops upgrading is left to itself: time-outs are counted and the run ends on time", async (t) => {
    const url = await upgradesOnce(t);
    const run = await runK6(t, {
      scenario: "chat-soak",
      env: { ...SHORT, WS_URL: url, CONNECT_TIMEOUT: "3s" },
    });
    const summary = run.summary!;
    assert.equal(run.code, 99, run.stderr);
    assert.ok(count(summary, "ws_connect_failures{reason:timeout}") >= 10);
    assert.equal(count(summary, "ws_sessions_opened"), 0);
    assert.equal(count(summary, "ws_replies"), 0);
    // plan + CONNECT_TIMEOUT + time for Close + gracefulStop, plus the 10 s a run may take to end
    assert.ok(
      summary.durationMs <= summary.plannedMs + 3_000 + 5_000 + 5_000 + 10_000,
      `${summary.durationMs}`,
    );
  });

  describe("the user's mistakes end the run before any connection", () => {
    const rows: [sentence: string, env: Record<string, string>, args: string[], stderr: RegExp][] = [
      [
        "a wrong value",
        { CONNECTIONS: "ten" },
        [],
        /CONNECTIONS: expected a whole number from 1 to 100000, got \\?"ten\\?"/,
      ],
      [
        "a back-off whose cap is below its base",
        { BACKOFF_BASE: "20s" },
        [],
        /BACKOFF_CAP: expected at least BACKOFF_BASE \(20s\), got 10s/,
      ],
      [
        "results into nowhere",
        { RESULTS_DIR: "/nonexistent/dir" },
        [],
        /RESULTS_DIR: expected the path of an existing directory, got \/nonexistent\/dir/,
      ],
      [
        "k6's own load options",
        {},
        ["--vus", "3", "--duration", "2s"],
        /use -e CONNECTIONS, -e RAMP, -e DURATION/,
      ],
    ];
    for (const [sentence, env, args, stderr] of rows) {
      test(sentence, async (t) => {
        const server = await startServer();
        t.after(() => server.close());
        const run = await runK6(t, {
          scenario: "chat-soak",
          env: { WS_URL: `${server.url}/ws/chat`, ...SHORT, ...env },
          args,
        });
        assert.ok(run.code !== 0 && run.code !== null, `exit code ${run.code}`);
        assert.match(run.stderr, stderr);
        assert.equal(server.stats().connectionsOpened, 0);
        if (run.summary) assert.match(run.summary.reason, stderr);
      });
    }
  });

  test("an interrupted run is incomplete, and says what it had", async (t) => {
    const server = await startServer();
    t.after(() => server.close());
    let interrupted = false;
    const run = await runK6(t, {
      scenario: "chat-soak",
      env: { WS_URL: `${server.url}/ws/chat`, ...SHORT, DURATION: "10m" },
      onOutput: (_, interrupt) => {
        if (interrupted) return;
        interrupted = true;
        void allConnected(server).then(interrupt);
      },
    });
    assertEnded(run, 105, "incomplete");
    assert.ok(count(run.summary!, "ws_replies") > 0);
  });

  test("the token is in none of the files that a run leaves", async (t) => {
    const token = "s3cr3t-t0ken";
    const server = await startServer({ tokens: [token] });
    t.after(() => server.close());
    const run = await runK6(t, {
      scenario: "chat-soak",
      env: {
        ...SHORT,
        WS_URL: `${server.url}/ws/chat?token=${token}`,
        WS_TOKEN: token,
        DURATION: "5s",
        SESSION: "5s",
        PROBE_INTERVAL: "200ms",
      },
      args: ["--out", "json=samples.json"],
    });
    assert.equal(run.code, 0, run.stderr);
    const files = await readdir(run.results);
    assert.deepEqual(files.sort(), [
      "chat-soak.junit.xml",
      "chat-soak.summary.json",
      "chat-soak.summary.md",
      "samples.json",
    ]);
    for (const file of files) {
      assert.ok(!(await readFile(join(run.results, file), "utf8")).includes(token), file);
    }
    assert.ok(!`${run.stdout}${run.stderr}`.includes(token));
  });
});

/** Resolves when the ten connections of {@link SHORT}, and the set-up's, were there and probes are answered. */
async function allConnected(server: RunningServer): Promise<void> {
  const isThere = () => server.stats().connectionsOpened >= 11 && server.stats().repliesSent >= 50;
  while (!isThere()) await new Promise((resolve) => setTimeout(resolve, 10));
}

async function reference(t: TestContext, path: string): Promise<string> {
  const server = await startServer();
  t.after(() => server.close());
  return server.url + path;
}

async function tcp(t: TestContext, onConnection: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `ws://127.0.0.1:${(server.address() as { port: number }).port}/ws`;
}

/** Takes the first upgrade, which is the scenario's check, and leaves all others waiting. */
async function upgradesOnce(t: TestContext): Promise<string> {
  const upgrader = new WebSocketServer({ noServer: true });
  let upgraded = false;
  const server = createHttpServer();
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  server.on("upgrade", (request, socket, head) => {
    if (!upgraded) upgrader.handleUpgrade(request, socket, head, () => {});
    upgraded = true;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `ws://127.0.0.1:${(server.address() as { port: number }).port}/ws`;
}
