import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { chartsOf } from "../../cli/report/charts.ts";
import { openViews } from "../../cli/report/open.ts";
import type { Summary } from "../../lib/summary/summary.ts";
import { startServer } from "../../server/server.ts";
import { count } from "./figures.ts";
import { roomServer } from "./room-server.ts";
import { type K6Run, OUR_K6, runK6 } from "./run.ts";

/** Each step is a second of 40 publications into three rooms. */
const FAN_OUT = { RATE: 2000, ROOMS: 3, PUBLISH_RATE: 40, DURATION: "1s", REPLY_TIMEOUT: "2s" };
const MASSCONNECT = { RATE: 1000, RETRIES: 0, DURATION: "200ms" };

/** What each step came to, without what depends on the machine. */
const curve = ({ steps }: Summary) => steps!.curve.map(({ size, verdict }) => [size, verdict]);

function concluded(run: K6Run): Summary {
  assert.ok(run.summary, run.stderr);
  return run.summary;
}

test("the first step that loses deliveries ends the search, and the one before is the capacity", async (t) => {
  // 30 subscribers hear 40 × 10 deliveries, 60 hear 40 × 20: of those of the 90, one in ten is lost.
  const server = await roomServer(t, { lose: (n) => n > 1_200 && n % 10 === 0 });
  const env = { ...FAN_OUT, WS_URL: server.url, STEPS: "30,60,90,120" };
  const args = ["--out", "realtime=run.jsonl"];
  const run = await runK6(t, { scenario: "fan-out", k6: OUR_K6, env, args });
  const summary = concluded(run);
  const sentence =
    "capacity: 60 subscribers in 3 rooms with 40 publications a second; at 90: share delivered in time 90 % (expected more than 99.5 %)";
  assert.equal(summary.reason, sentence);
  assert.deepEqual([run.code, summary.verdict, summary.steps?.holds], [0, "pass", 60]);
  assert.deepEqual(curve(summary), [
    [30, "pass"],
    [60, "pass"],
    [90, "fail"],
  ]);
  assert.deepEqual(
    summary.steps!.curve.map(({ latency }) => [
      latency!.metric,
      latency!.count,
      latency!.p50! <= latency!.p99!,
    ]),
    [400, 800, 1_080].map((deliveries) => ["ws_fanout_lag_ms", deliveries, true]),
    "each step has its own values",
  );
  assert.equal(count(summary, "ws_messages_lost"), 120);
  assert.ok(run.stdout.replace(/\s+/g, " ").includes(sentence), run.stdout);
  assert.match(run.stdout, /step +verdict +ws_fanout_lag_ms p50 +p90 +p99 +max +because/);
  assert.match(run.stdout, /90 subscribers +fail .*share delivered in time 90 %/);

  const [recorded] = await openViews([join(run.results, "run.jsonl")], run.results);
  assert.deepEqual(
    { ...recorded!.summary.steps, curve: curve(recorded!.summary) },
    { ...summary.steps, curve: curve(summary) },
    "the recording says the same",
  );
  const [chart] = chartsOf([recorded!]);
  assert.deepEqual(
    [chart?.title, chart?.lines.map(({ label, x }) => [label, ...x]), chart?.limits],
    [
      "Fan-out lag by subscribers",
      ["p50", "p90", "p99"].map((label) => [label, 30, 60, 90]),
      [{ at: 600_000, axis: "y", label: "p(99)<600000", broken: false }],
    ],
  );
  assert.deepEqual([recorded!.summary.verdict, recorded!.summary.reason], ["pass", sentence]);
});

test("a server that takes no more connections", async (t) => {
  // The set-up is number 1, 20 connections follow, then 40: those of the third step begin at 62.
  const refused = Array.from({ length: 10 }, (_, i) => 70 + i);
  const server = await startServer({ faults: { refuseUpgrades: { ordinals: refused } } });
  t.after(() => server.close());
  const env = { ...MASSCONNECT, WS_URL: `${server.url}/ws/chat`, STEPS: "20,40,60,80" };
  const run = await runK6(t, { scenario: "massconnect", k6: OUR_K6, env });
  const summary = concluded(run);
  assert.equal(
    summary.reason,
    "capacity: 40 connections opened at 1000 a second; at 60: 10 connections that never opened (limit 0)",
  );
  assert.deepEqual([run.code, summary.verdict], [0, "pass"]);
  assert.deepEqual(
    summary.steps!.curve.map(({ latency }) => [latency?.metric, latency?.count]),
    [20, 40, 50].map((opened) => ["ws_connect_latency_ms", opened]),
  );
  assert.match(run.stdout, /step +verdict +ws_connect_latency_ms p50 +p90/);
  assert.equal(server.stats().connectionsOpened, 1 + 20 + 40 + 50, "no fourth step");
});

test("a step that the server keeps refusing ends long before REACH_TIMEOUT, and is broken, not the run", async (t) => {
  const refused = Array.from({ length: 10_000 }, (_, i) => 25 + i);
  const server = await startServer({ faults: { refuseUpgrades: { ordinals: refused } } });
  t.after(() => server.close());
  const env = {
    ...MASSCONNECT,
    RETRIES: "unlimited",
    RETRY_DELAY: "500ms",
    WS_URL: `${server.url}/ws/chat`,
    STEPS: "20,40",
  };
  const run = await runK6(t, { scenario: "massconnect", k6: OUR_K6, env });
  const summary = concluded(run);
  assert.match(
    summary.reason,
    /^capacity: 20 connections opened at 1000 a second; at 40: 37 connections that never opened \(limit 0\)$/,
  );
  assert.deepEqual([run.code, summary.verdict], [0, "pass"]);
});

test("where the first step breaks a limit the run has failed", async (t) => {
  const server = await roomServer(t, { lose: (n) => n % 10 === 0 });
  const env = { ...FAN_OUT, WS_URL: server.url, STEPS: "30,60" };
  const run = await runK6(t, { scenario: "fan-out", k6: OUR_K6, env });
  const summary = concluded(run);
  assert.equal(
    summary.reason,
    "capacity: fewer than 30 subscribers in 3 rooms with 40 publications a second; at 30: share delivered in time 90 % (expected more than 99.5 %)",
  );
  assert.deepEqual([run.code, summary.verdict, summary.steps?.holds], [99, "fail", null]);
});

test("the rate of publications grows too, and where every step holds more may be held", async (t) => {
  const server = await roomServer(t);
  const env = { ...FAN_OUT, WS_URL: server.url, CONNECTIONS: 30, STEPS: "20,40", STEPS_OF: "publish-rate" };
  const run = await runK6(t, { scenario: "fan-out", k6: OUR_K6, env });
  const summary = concluded(run);
  assert.equal(
    summary.reason,
    "capacity: at least 40 publications a second to 30 subscribers in 3 rooms, the largest step asked for",
  );
  assert.deepEqual([run.code, summary.verdict], [0, "pass"]);
  assert.deepEqual(
    summary.steps!.curve.map(({ latency }) => latency!.count),
    [20 * 10, 40 * 10],
  );
});

test("a run that is cut short in a later step is incomplete", async (t) => {
  const server = await roomServer(t);
  const run = await runK6(t, {
    scenario: "fan-out",
    k6: OUR_K6,
    env: { ...FAN_OUT, WS_URL: server.url, STEPS: "3,6,9" },
    // Once the first step is over, the second takes a second and more.
    onOutput: (text, interrupt) => text.includes("step 3: pass") && interrupt(),
  });
  const summary = concluded(run);
  assert.equal(summary.verdict, "incomplete");
  assert.match(
    summary.steps?.capacity ?? "",
    /^capacity: at least 3 subscribers in 3 rooms with 40 publications a second; (at 6: the step was cut short|the run ended before a larger step)$/,
  );
});

describe("the user's mistakes end the run before any connection", () => {
  const rows: [sentence: string, env: Record<string, string | number>, stderr: RegExp][] = [
    ["several shards", { STEPS: "30,60", SHARDS: 3 }, /SHARDS: expected 1 with STEPS, .*, got 3/],
    ["steps that fall", { STEPS: "60,30" }, /STEPS: expected at most 20 whole numbers .*, got \\?"60,30/],
    ["rooms of unequal size", { STEPS: "30,61" }, /CONNECTIONS: expected a multiple of ROOMS \(3\), got 61/],
    [
      "a publish rate without publishers",
      { STEPS: "1,2", STEPS_OF: "publish-rate", PUBLISHERS: 0 },
      /STEPS_OF: expected connections, since nobody publishes/,
    ],
  ];
  for (const [sentence, env, stderr] of rows) {
    test(sentence, async (t) => {
      const run = await runK6(t, {
        scenario: "fan-out",
        k6: OUR_K6,
        env: { ...FAN_OUT, CONNECTIONS: 30, ...env },
      });
      assert.notEqual(run.code, 0);
      assert.match(run.stderr, stderr);
    });
  }
});
