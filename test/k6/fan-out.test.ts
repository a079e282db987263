import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { describe, type TestContext, test } from "node:test";
import type { TrendSummary } from "../../lib/summary/summary.ts";
import { startServer } from "../../server/server.ts";
import { count, outcomes, rate, trend } from "./figures.ts";
import { type DeliveryFaults, roomServer } from "./room-server.ts";
import { type K6Run, OUR_K6, runK6 } from "./run.ts";

/** 60 subscribers in three rooms, which hear 40 publications a second. */
const SHORT = {
  CONNECTIONS: 60,
  RATE: 2000,
  ROOMS: 3,
  PUBLISH_RATE: 40,
  DURATION: "2s",
  REPLY_TIMEOUT: "3s",
};

const fanOut = (t: TestContext, env: Record<string, string | number>): Promise<K6Run> =>
  runK6(t, { scenario: "fan-out", k6: OUR_K6, env: { ...SHORT, ...env } });

async function against(t: TestContext, faults: DeliveryFaults, env: Record<string, string | number> = {}) {
  const server = await roomServer(t, faults);
  const run = await fanOut(t, { WS_URL: server.url, ...env });
  assert.ok(run.summary, run.stderr);
  return { run, summary: run.summary, did: server.did };
}

/** Each `every`th, `times` times in all. */
const each = (every: number, times: number) => (n: number) => n % every === 0 && n / every <= times;

test("every publication comes once to all of its room, and each delivery is measured", async (t) => {
  const { run, summary } = await against(t, {});
  assert.deepEqual(
    { code: run.code, verdict: summary.verdict },
    { code: 0, verdict: "pass" },
    summary.reason,
  );
  assert.equal(count(summary, "ws_publications"), 80);
  assert.equal(count(summary, "ws_deliveries"), 80 * 20);
  assert.deepEqual(outcomes(summary, "ws_delivery_success_rate"), { passes: 80 * 20, fails: 0 });
  for (const fault of ["lost", "duplicated", "reordered", "late", "foreign"]) {
    assert.equal(count(summary, `ws_messages_${fault}`), 0, fault);
  }
  const lag = trend(summary, "ws_fanout_lag_ms");
  const spread = trend(summary, "ws_fanout_spread_ms");
  assert.deepEqual([lag.count, spread.count], [80 * 20, 80]);
  assert.ok(lag.min! > 0, "a lag of 0 ms is a defect");
  assert.ok(
    spread.p50! >= lag.p50! && Math.abs(spread.max! - lag.max!) <= 0.01 * lag.max!,
    "the last is the slowest",
  );
});

test("at real-time priority all is measured too, or the run says which right is missing", async (t) => {
  const { run, summary } = await against(t, {}, { PRIORITY: "realtime" });
  if (run.code === 0) return assert.equal(count(summary, "ws_deliveries"), 80 * 20);
  assert.match(run.stderr, /run at real-time priority: .*(CAP_SYS_NICE|two processors)/);
  assert.equal(summary.verdict, "incomplete");
});

describe("what the server does wrong is counted exactly", () => {
  const rows: [sentence: string, faults: DeliveryFaults, env: Record<string, string | number>][] = [
    ["losses", { lose: each(50, 10) }, {}],
    ["repetitions", { repeat: each(50, 10) }, {}],
    ["changes of order", { delay: each(50, 10) }, {}],
    [
      // What is lost on its way to one that has begun to leave was not due, which the server cannot know: so
      // those that come and go, the first 20, are spared.
      "all of them while subscribers come and go",
      { lose: each(41, 10), repeat: each(43, 10), delay: each(47, 10), from: 30 },
      { CHURN: 10, HEADERS: '{"X-Connection":"${connection}"}' },
    ],
  ];
  for (const [sentence, faults, env] of rows) {
    test(sentence, async (t) => {
      const { summary, did } = await against(t, faults, env);
      const asked = {
        lost: faults.lose ? 10 : 0,
        duplicated: faults.repeat ? 10 : 0,
        reordered: faults.delay ? 10 : 0,
      };
      assert.deepEqual(
        {
          lost: count(summary, "ws_messages_lost"),
          duplicated: count(summary, "ws_messages_duplicated"),
          reordered: count(summary, "ws_messages_reordered"),
          foreign: count(summary, "ws_messages_foreign"),
          late: count(summary, "ws_messages_late"),
        },
        { ...asked, foreign: 0, late: 0 },
      );
      // What is on its way to a subscriber that has just left is heard by nobody, and was due to nobody.
      const heard = count(summary, "ws_deliveries");
      assert.ok(env.CHURN ? heard <= did.delivered : heard === did.delivered, `${heard} of ${did.delivered}`);
      assert.equal(rate(summary, "ws_delivery_success_rate").fails, asked.lost);
      assert.equal(count(summary, "ws_connections_given_up"), 0);
      assert.equal(trend(summary, "ws_time_to_reach_ms").count, 1);
      if (env.CHURN) assert.ok(count(summary, "ws_sessions_opened") > 63 + 10, "they came back");
    });
  }
});

test("the token may travel in a message", async (t) => {
  const server = await startServer();
  t.after(() => server.close());
  const run = await fanOut(t, { WS_URL: `${server.url}/ws/chat?auth=message`, AUTH: "message" });
  assert.deepEqual(
    { code: run.code, verdict: run.summary?.verdict },
    { code: 0, verdict: "pass" },
    run.stderr,
  );
  assert.equal(count(run.summary!, "ws_deliveries"), 80 * 20);
});

test("two processes in the same rooms: each counts the other's publications as foreign, and loses none", async (t) => {
  const server = await roomServer(t);
  const runs = await Promise.all([1, 2].map(() => fanOut(t, { WS_URL: server.url, DURATION: "3s" })));
  for (const { summary, stderr } of runs) {
    assert.ok(summary, stderr);
    assert.equal(count(summary, "ws_deliveries"), 120 * 20);
    assert.equal(count(summary, "ws_messages_lost"), 0);
  }
  assert.ok(runs.some(({ summary }) => count(summary!, "ws_messages_foreign") > 0));
});

test("without publishers it listens to what the server sends by itself", async (t) => {
  const url = await broadcaster(t);
  const listening = new URL("./listening.json", import.meta.url).pathname;
  const run = await fanOut(t, { WS_URL: url, PUBLISHERS: 0, PROTOCOL_FILE: listening });
  assert.ok(run.summary, run.stderr);
  assert.deepEqual(
    { code: run.code, verdict: run.summary.verdict },
    { code: 0, verdict: "pass" },
    run.summary.reason,
  );
  const lag = trend(run.summary, "ws_fanout_server_lag_ms");
  const joining = count(run.summary, "ws_unmeasured{reason:joining}");
  assert.equal(lag.count + joining, count(run.summary, "ws_deliveries"));
  assert.ok(lag.count > 60 * 10 && lag.min! > 0, `${lag.count} deliveries, least lag ${lag.min}`);
  assert.equal(count(run.summary, "ws_publications"), 0);
});

describe("a generator that is starved of CPU says that it was the bottleneck", () => {
  const listening = new URL("./listening.json", import.meta.url).pathname;
  const rows: [sentence: string, side: string, server: (t: TestContext) => Promise<string>, env: object][] = [
    // It publishes too late, so that it has less to be late with in reading.
    ["where it publishes", "send", async (t) => (await roomServer(t)).url, {}],
    [
      "where it only reads",
      "receive",
      // Each comes at another point of the pauses. What comes twice in one of them counts from the second.
      (t) => broadcaster(t, "450ms"),
      { PUBLISHERS: 0, PROTOCOL_FILE: listening, DURATION: "6s" },
    ],
  ];
  for (const [sentence, side, server, env] of rows) {
    test(sentence, async (t) => {
      const run = await runK6(t, {
        scenario: "fan-out",
        k6: OUR_K6,
        env: { ...SHORT, WS_URL: await server(t), PROFILE: CHAT, ...env },
        onStart: (k6) => starve(t, k6),
      });
      assert.equal(run.summary?.verdict, "generator-bound", run.summary?.reason ?? run.stderr);
      const { p99 } = run.summary.metrics.ws_generator_delay_ms!.by!.side![side] as TrendSummary;
      assert.ok(p99! > 100, `${side} p99 ${p99} ms`);
    });
  }
});

/** Its limits on lag end at 1,000 ms, of which the generator may take a tenth. */
const CHAT = new URL("../../thresholds/chat.json", import.meta.url).pathname;

/** As a container's CPU limit does: runs a process for a tenth of a second, then stops it for three, and so on. */
function starve(t: TestContext, { pid }: ChildProcess): void {
  let stopped = false;
  const next = () => {
    try {
      process.kill(pid!, stopped ? "SIGCONT" : "SIGSTOP");
    } catch {
      return; // it has ended
    }
    stopped = !stopped;
    timer = setTimeout(next, stopped ? 300 : 100);
  };
  let timer = setTimeout(next, 100);
  t.after(() => clearTimeout(timer));
}

describe("the user's mistakes end the run before any connection", () => {
  const rows: [sentence: string, env: Record<string, string | number>, stderr: RegExp][] = [
    ["rooms of unequal size", { CONNECTIONS: 61 }, /CONNECTIONS: expected a multiple of ROOMS \(3\), got 61/],
    ["a room over two shards", { SHARDS: 2 }, /ROOMS: expected a multiple of SHARDS \(2\), got 3/],
    [
      "a protocol that publishes nothing",
      { PROTOCOL: "echo" },
      /Protocol: want one with a delivery, got \\?"echo/,
    ],
  ];
  for (const [sentence, env, stderr] of rows) {
    test(sentence, async (t) => {
      const server = await startServer();
      t.after(() => server.close());
      const run = await fanOut(t, { WS_URL: `${server.url}/ws/chat`, ...env });
      assert.notEqual(run.code, 0);
      assert.match(run.stderr, stderr);
      assert.equal(server.stats().connectionsOpened, 0);
    });
  }
});

/** k6's own broadcast server, sending ten messages a second unless it is told otherwise. */
async function broadcaster(t: TestContext, interval = "100ms"): Promise<string> {
  const args = ["x", "broadcast-server", "--listen", "127.0.0.1:0", "--interval", interval];
  const child: ChildProcess = spawn(OUR_K6, args, { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill());
  for await (const line of createInterface({ input: child.stdout! })) {
    const [url] = /ws:\/\/[\d.:]+/.exec(line) ?? [];
    if (url) return url;
  }
  throw new Error("the server ended");
}
