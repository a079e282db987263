import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import type { Summary } from "../../lib/summary/summary.ts";
import type { RunningServer } from "../../server/server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { NO_WELCOME_YET } from "./descriptors.ts";
import { assertNotShorter, count, outcomes, trend } from "./figures.ts";
import { runK6, STOCK_K6 } from "./run.ts";
import { massSoak, reference } from "./short-soak.ts";

test("every connection probes at its interval from its due times, and every reply is measured", async (t) => {
  const server = await reference(t);
  const run = await massSoak(t, { env: { WS_URL: `${server.url}/ws/chat` } });
  const summary = run.summary!;
  assert.deepEqual({ code: run.code, verdict: summary?.verdict }, { code: 0, verdict: "pass" }, run.stderr);
  const probes = count(summary, "ws_probes");
  // Ten in the two seconds, more by those who wait for the last connections, fewer by those who begin late.
  assert.ok(probes > 20 * 5, `${probes} probes`);
  assert.deepEqual([count(summary, "ws_replies"), server.stats().repliesSent], [probes, probes]);
  assert.deepEqual(outcomes(summary, "ws_reply_success_rate"), { passes: probes, fails: 0 });
  const [rtt, service] = [trend(summary, "ws_msg_rtt_ms"), trend(summary, "ws_msg_service_ms")];
  assert.deepEqual([rtt.count, service.count], [probes, probes]);
  assert.ok(service.min! > 0, "a round trip of 0 ms is a defect");
  assert.ok(service.p50! <= rtt.p50!, "service time is part of response time");
  assert.ok(
    trend(summary, "ws_generator_delay_ms{side:send}").count >= probes,
    "what the generator added is told",
  );
  assert.ok(summary.durationMs >= 2_000 && run.stdout.includes("20 connections were open after"));
});

test("it records all that chat-soak records, and calls it the same", async (t) => {
  const server = await reference(t);
  const WS_URL = `${server.url}/ws/chat`;
  const own = { CONNECTIONS: 2, RAMP: "0s", RAMP_DOWN: "0s", DURATION: "3s", SESSION: "3s" };
  const [mass, chat] = await Promise.all([
    massSoak(t, { env: { WS_URL } }),
    runK6(t, {
      scenario: "chat-soak",
      env: { WS_URL, ...own, PROBE_INTERVAL: "200ms", REPLY_TIMEOUT: "2s" },
    }),
  ]);
  const shapes = ({ metrics }: Summary) =>
    new Map(Object.entries(metrics).map(([name, { kind, unit }]) => [name, `${kind}, ${unit}`]));
  const [inMass, inChat] = [shapes(mass.summary!), shapes(chat.summary!)];
  assert.ok(inChat.size > 15);
  for (const [name, shape] of inChat) assert.equal(inMass.get(name), shape, name);
});

test("sessions that are still not ready at the end are errors: they would be missing without a word", async (t) => {
  const server = await reference(t);
  const PROTOCOL_FILE = join(await temporaryDirectory(t), "descriptor.json");
  await writeFile(PROTOCOL_FILE, JSON.stringify(NO_WELCOME_YET));
  const env = { WS_URL: `${server.url}/ws/echo`, PROTOCOL_FILE, REPLY_TIMEOUT: "1s" };
  const { code, summary, stderr } = await massSoak(t, { env });
  assert.equal(code, 99, stderr);
  const of = (series: string) => count(summary!, series);
  assert.deepEqual(
    [of("ws_sessions_closed"), of("ws_message_errors{reason:session}"), of("ws_message_errors")],
    [20, 20, 20],
  );
});

test("a server that is cut off in the middle: every connection drops once, and the load does not go away", async (t) => {
  const server = await reference(t);
  const [{ code, summary, stderr }] = await Promise.all([
    massSoak(t, { env: { WS_URL: `${server.url}/ws/chat`, DURATION: "4s" } }),
    allProbing(server).then(() => server.close()),
  ]);
  assert.deepEqual([code, summary?.verdict], [99, "fail"], stderr);
  const of = (series: string) => count(summary!, series);
  assert.deepEqual(
    [of("ws_connection_drops{code:1001}"), of("ws_connection_drops"), of("ws_connections_given_up")],
    [20, 20, 0],
  );
  assert.ok(of("ws_connect_failures{reason:refused}") >= 20, "they try to come back");
  assert.ok(of("ws_probes") >= 20 * 16, `${of("ws_probes")} probes`);
  assert.equal(of("ws_probes"), of("ws_replies") + of("ws_messages_lost"));
});

/** Resolves once twenty connections and the set-up were there, and half of the first had their answers. */
async function allProbing(server: RunningServer): Promise<void> {
  while (server.stats().connectionsOpened < 21 || server.stats().repliesSent < 10) await setTimeout(20);
}

test("a delay in the server is never reported shorter than it was", async (t) => {
  const server = await reference(t, { faults: { delay: { kind: "lognormal", medianMs: 20, sigma: 0.5 } } });
  const { summary } = await massSoak(t, {
    env: { WS_URL: `${server.url}/ws/chat`, PROBE_INTERVAL: "100ms" },
  });
  // The engine keeps three digits of each.
  assertNotShorter(summary!, server.faults.delays.of("echo"), (service) => service * 0.998);
});

test("two instances of one test share the probes", async (t) => {
  const server = await reference(t);
  const runs = await Promise.all(
    ["0:1/2", "1/2:1"].map((segment) =>
      massSoak(t, {
        env: { WS_URL: `${server.url}/ws/chat`, SHARDS: 2 },
        args: ["--execution-segment", segment, "--execution-segment-sequence", "0,1/2,1"],
      }),
    ),
  );
  const sum = (series: string) => runs.reduce((sum, { summary }) => sum + count(summary!, series), 0);
  for (const { summary, stderr } of runs) {
    assert.deepEqual([summary?.verdict, count(summary!, "ws_sessions_opened")], ["pass", 10], stderr);
    assert.equal(count(summary!, "ws_replies"), count(summary!, "ws_probes"));
  }
  assert.equal(sum("ws_replies"), server.stats().repliesSent);
});

test("connections grow step by step, up to those that the server does not keep", async (t) => {
  // The set-up is number 1, 20 connections follow, then 40.
  const ordinals = Array.from({ length: 10 }, (_, i) => 30 + i);
  const server = await reference(t, { faults: { closeConnections: { ordinals, code: 1013, afterMs: 300 } } });
  const { code, summary, stderr } = await massSoak(t, {
    env: { WS_URL: `${server.url}/ws/chat`, STEPS: "20,40,60", DURATION: "1s" },
  });
  assert.match(
    summary?.reason ?? stderr,
    /^capacity: 20 connections with a probe every 200ms each; at 40: (share of replies in time|10 dropped connections) /,
  );
  assert.deepEqual([code, summary!.verdict], [0, "pass"]);
  assert.deepEqual(
    summary!.steps!.curve.map(({ size, verdict, latency }) => [size, verdict, latency?.metric]),
    [
      [20, "pass", "ws_msg_rtt_ms"],
      [40, "fail", "ws_msg_rtt_ms"],
    ],
  );
});

test("^C ends the run in a moment: incomplete, and what it did not wait for is not lost", async (t) => {
  const server = await reference(t, { faults: { delay: 60_000 } });
  const run = await massSoak(t, {
    env: { WS_URL: `${server.url}/ws/chat`, DURATION: "10m", REPLY_TIMEOUT: "1m" },
    args: ["--quiet=false"],
    // By then it runs for two seconds.
    onOutput: (text, interrupt) => /0m0[2-9].*0 complete/.test(text) && interrupt(),
  });
  assert.equal(run.summary?.verdict, "incomplete", run.stderr);
  assert.ok(count(run.summary, "ws_probes") > 20, "it had begun to probe");
  assert.equal(count(run.summary, "ws_messages_lost"), 0);
  assert.equal(count(run.summary, "ws_connection_drops"), 0);
});

test("a k6 without the extension is told which one to take", async (t) => {
  const run = await massSoak(t, { k6: STOCK_K6 });
  assert.equal(run.code, 107);
  assert.match(run.stderr, /mass-soak needs k6 with the extension xk6-realtime.*npm run build:k6.*bin\/k6/);
});

describe("the user's mistakes end the run before any connection", () => {
  const mistakes: [sentence: string, env: Record<string, string>, stderr: RegExp][] = [
    [
      "less time than one interval",
      { PROBE_INTERVAL: "10s", DURATION: "9s" },
      /DURATION: expected at least PROBE_INTERVAL \(10s\), so that every connection has a probe, got 9s/,
    ],
    ["no interval", { PROBE_INTERVAL: "0s" }, /PROBE_INTERVAL: expected a duration of at least 1ms/],
    [
      "less time than the ramp takes",
      { RATE: "1", REACH_TIMEOUT: "10s" },
      /REACH_TIMEOUT: expected at least/,
    ],
    [
      "a back-off capped below its base",
      { BACKOFF_BASE: "2s", BACKOFF_CAP: "1s" },
      /BACKOFF_CAP: expected at least BACKOFF_BASE \(2s\), got 1s/,
    ],
    ["steps in several shards", { STEPS: "10,20", SHARDS: "2" }, /SHARDS: expected 1 with STEPS/],
    [
      "a protocol that asks nothing",
      { PROTOCOL_FILE: new URL("./listening.json", import.meta.url).pathname },
      /PROTOCOL_FILE: expected a protocol with a \\?"probe\\?"/,
    ],
  ];
  for (const [sentence, env, stderr] of mistakes) {
    test(sentence, async (t) => {
      const server = await reference(t);
      const run = await massSoak(t, { env: { WS_URL: `${server.url}/ws/chat`, ...env } });
      assert.equal(run.code, 107);
      assert.match(run.stderr, stderr);
      assert.equal(server.stats().connectionsOpened, 0);
    });
  }
});
