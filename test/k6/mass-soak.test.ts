import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import type { Summary, Verdict } from "../../lib/summary/summary.ts";
import {
  type FaultSettings,
  type RunningServer,
  type ServerOptions,
  type ServerStats,
  startServer,
} from "../../server/server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { NO_WELCOME_TO_PROBES, NO_WELCOME_YET, WRONG_PROBE } from "./descriptors.ts";
import { assertNotShorter, count, outcomes, trend } from "./figures.ts";
import { type K6Command, OUR_K6, runK6, STOCK_K6 } from "./run.ts";
import { strictProfile } from "./strict-profile.ts";

/** 20 connections, each with a probe every 200 ms for two seconds. A busy machine may stall for two. */
const SHORT = {
  CONNECTIONS: 20,
  RATE: 200,
  PROBE_INTERVAL: "200ms",
  DURATION: "2s",
  REPLY_TIMEOUT: "2s",
  CONNECT_TIMEOUT: "5s",
};

const massSoak = (t: TestContext, { env, ...command }: Partial<K6Command> = {}) =>
  runK6(t, { scenario: "mass-soak", k6: OUR_K6, ...command, env: { ...SHORT, ...env } });

async function reference(t: TestContext, options: Partial<ServerOptions> = {}) {
  const server = await startServer(options);
  t.after(() => server.close());
  return server;
}

test("every connection probes at its interval from its due times, and every reply is measured", async (t) => {
  const server = await reference(t);
  const run = await massSoak(t, { env: { WS_URL: `${server.url}/ws/chat` } });
  const summary = run.summary!;
  assert.deepEqual({ code: run.code, verdict: summary?.verdict }, { code: 0, verdict: "pass" }, run.stderr);
  const probes = count(summary, "ws_probes");
  // Ten in the two seconds, more by those who wait for the last connections; one fewer for who begins late.
  assert.ok(probes >= 20 * 9, `${probes} probes`);
  assert.deepEqual([count(summary, "ws_replies"), server.stats().repliesSent], [probes, probes]);
  assert.deepEqual(outcomes(summary, "ws_delivery_success_rate"), { passes: probes, fails: 0 });
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

interface Row {
  readonly path?: string;
  readonly env?: Readonly<Record<string, string | number>>;
  readonly faults?: FaultSettings;
  /** A protocol of the row's own. */
  readonly descriptor?: object;
  readonly users?: string;
  readonly verdict?: Verdict;
  /** Exact counts, some told in terms of what the server saw and of the other counts. */
  readonly counts: (server: ServerStats, of: (series: string) => number) => Readonly<Record<string, number>>;
  /** Samples of ws_delivery_success_rate that are false. */
  readonly failed?: (of: (series: string) => number) => number;
}

const wellHeld = {
  ws_sessions_opened: 20,
  ws_sessions_closed: 20,
  ws_connection_drops: 0,
  ws_connect_failures: 0,
  ws_connections_given_up: 0,
};
const noStrangeMessage = { ws_message_errors: 0, ws_messages_duplicated: 0, ws_messages_late: 0 };

const rows: Record<string, Row> = {
  "a payload that comes back whole": {
    path: "/ws/echo?welcome=1",
    env: { PROTOCOL: "echo", PAYLOAD_BYTES: 10_000 },
    counts: ({ repliesSent }) => ({
      ...wellHeld,
      ...noStrangeMessage,
      ws_probes: repliesSent,
      ws_replies: repliesSent,
      ws_messages_lost: 0,
    }),
  },
  "two replies to each probe, by users of their own": {
    path: "",
    env: { PROTOCOL: "im" },
    users: `user\n${Array.from({ length: 20 }, (_, i) => `user-${i}`).join("\n")}`,
    counts: ({ repliesSent }, of) => ({
      ...wellHeld,
      ...noStrangeMessage,
      ws_replies: repliesSent - 20, // each session is matched with a teacher first
      ws_probes: of("ws_replies") / 2,
      ws_messages_lost: 0,
    }),
  },
  "the token in a message": {
    path: "/ws/chat?auth=message",
    env: { AUTH: "message" },
    counts: (_, of) => ({ ...wellHeld, ...noStrangeMessage, ws_replies: of("ws_probes") }),
  },
  "three shards": {
    env: { SHARDS: 3 },
    counts: (_, of) => ({
      ...wellHeld,
      ...noStrangeMessage,
      ws_replies: of("ws_probes"),
      ws_shards_completed: 3,
    }),
  },
  "replies lost and repeated": {
    verdict: "fail",
    faults: { loseReplies: { every: 4, count: 30 }, repeatReplies: { every: 3, count: 20 } },
    counts: ({ repliesSent }) => ({
      ...wellHeld,
      ws_message_errors: 0,
      ws_messages_lost: 30,
      ws_messages_duplicated: 20,
      ws_replies: repliesSent,
      ws_probes: repliesSent + 30,
    }),
    failed: () => 30,
  },
  "a receipt lost: matched by turn, one reply is missing in the end": {
    verdict: "fail",
    path: "",
    env: { PROTOCOL: "im" },
    faults: { loseReplies: { ordinals: [45] } },
    counts: ({ repliesSent }) => ({
      ...wellHeld,
      ws_message_errors: 0,
      ws_messages_lost: 1,
      ws_replies: repliesSent - 20,
    }),
    failed: () => 1,
  },
  "replies late": {
    verdict: "fail",
    env: { REPLY_TIMEOUT: "200ms" },
    faults: { delay: 400 },
    counts: (_, of) => ({
      ...wellHeld,
      ws_replies: 0,
      ws_messages_late: of("ws_probes") - of("ws_messages_lost"), // the last come after the end
    }),
    failed: (of) => of("ws_probes"),
  },
  "each probe answered with an error": {
    verdict: "fail",
    descriptor: WRONG_PROBE,
    counts: ({ errorsSent }) => ({
      ...wellHeld,
      "ws_message_errors{reason:error_reply}": errorsSent,
      ws_message_errors: errorsSent,
      ws_probes: errorsSent,
      ws_replies: 0,
      ws_messages_lost: 0,
    }),
    failed: (of) => of("ws_probes"),
  },
  "messages that break the protocol": {
    verdict: "fail",
    path: "/ws/echo",
    descriptor: {
      name: "deaf",
      probe: { send: "${id}" },
      reply: [{ name: "r", where: { "/id": "x" }, match: "id", id: "/id" }],
    },
    counts: ({ repliesSent }) => ({
      ...wellHeld,
      "ws_message_errors{reason:unparsable}": repliesSent,
      ws_probes: repliesSent,
      ws_messages_lost: repliesSent,
    }),
    failed: (of) => of("ws_probes"),
  },
  "a connection that is reset, and comes back": {
    verdict: "fail",
    faults: { resetConnections: { ordinals: [3], onMessage: 4 } },
    counts: ({ repliesSent }, of) => ({
      ...wellHeld,
      ws_sessions_opened: 21,
      ws_sessions_closed: 21,
      ws_connection_drops: 1,
      "ws_connection_drops{code:1006}": 1,
      "ws_connection_drops{by:network}": 1,
      ws_reconnects: 1,
      ws_replies: repliesSent,
      ws_probes: repliesSent + of("ws_messages_lost"),
    }),
    failed: (of) => of("ws_messages_lost"),
  },
  "one that does not: what falls due to it from then on is lost": {
    verdict: "fail",
    env: { BACKOFF_BASE: "1000h", BACKOFF_CAP: "1000h" },
    faults: { resetConnections: { ordinals: [3], onMessage: 4 } },
    counts: ({ repliesSent }, of) => ({
      ...wellHeld,
      ws_connection_drops: 1,
      ws_reconnects: 0,
      ws_replies: repliesSent,
      ws_probes: repliesSent + of("ws_messages_lost"),
    }),
    failed: (of) => of("ws_messages_lost"),
  },
  "connections closed by the server, which refuses the first that wants to come back": {
    verdict: "fail",
    faults: {
      closeConnections: { ordinals: [2, 4], code: 1012, reason: "restart", afterMs: 700 },
      refuseUpgrades: { ordinals: [22], status: 503 }, // after that of the set-up and the 20
    },
    counts: (_, of) => ({
      ...wellHeld,
      ws_sessions_opened: 22,
      ws_sessions_closed: 22,
      ws_connection_drops: 2,
      "ws_connection_drops{code:1012}": 2,
      "ws_connection_drops{by:server}": 2,
      ws_connect_failures: 1,
      "ws_connect_failures{reason:http_503}": 1,
      ws_reconnects: 2,
      ws_probes: of("ws_replies") + of("ws_messages_lost"),
    }),
    failed: (of) => of("ws_messages_lost"),
  },
  "a session that is never ready: what falls due is lost, and silence does not pass": {
    verdict: "fail",
    path: "/ws/echo",
    descriptor: NO_WELCOME_TO_PROBES,
    counts: ({ connectionsOpened }, of) => ({
      ws_sessions_opened: connectionsOpened - 1,
      ws_sessions_closed: connectionsOpened - 1,
      ws_message_errors: of("ws_message_errors{reason:session}"),
      ws_connection_drops: 0,
      ws_connections_given_up: 0,
      ws_reconnects: 0,
      ws_replies: 0,
      ws_messages_lost: of("ws_probes"),
    }),
    failed: (of) => of("ws_probes"),
  },
  "refused upgrades that are tried again": {
    verdict: "fail",
    env: { RETRY_DELAY: "50ms" },
    faults: { refuseUpgrades: { every: 5, count: 3, status: 503 } },
    counts: (_, of) => ({
      ...wellHeld,
      ws_connect_failures: 3,
      "ws_connect_failures{reason:http_503}": 3,
      ws_reconnects: 3,
      ws_probes: of("ws_replies") + of("ws_messages_lost"),
    }),
    failed: (of) => of("ws_messages_lost"),
  },
};

// At once, since they count and do not measure: most of the time they wait.
describe("every reply is accounted for", { concurrency: 4 }, () => {
  for (const [sentence, row] of Object.entries(rows)) test(sentence, (t) => check(t, row));
});

async function check(t: TestContext, row: Row): Promise<void> {
  const server = await reference(t, { faults: row.faults ?? {} });
  const directory = await temporaryDirectory(t);
  const files: Record<string, string> = { PROFILE: await strictProfile(t) };
  for (const [variable, content] of [
    ["PROTOCOL_FILE", row.descriptor && JSON.stringify(row.descriptor)],
    ["USERS", row.users],
  ] as const) {
    if (!content) continue;
    files[variable] = join(directory, variable);
    await writeFile(files[variable], content);
  }
  const run = await massSoak(t, {
    env: { WS_URL: `${server.url}${row.path ?? "/ws/chat"}`, ...files, ...row.env },
  });
  const { summary } = run;
  const said = `${summary?.reason}\n${run.stderr}`;
  const verdict = row.verdict ?? "pass";
  assert.deepEqual(
    { code: run.code, verdict: summary?.verdict },
    { code: verdict === "pass" ? 0 : 99, verdict },
    said,
  );
  const of = (series: string) => count(summary!, series);
  const expected = row.counts(server.stats(), of);
  assert.deepEqual(
    Object.fromEntries(Object.keys(expected).map((series) => [series, of(series)])),
    expected,
    said,
  );
  assert.deepEqual(outcomes(summary!, "ws_delivery_success_rate"), {
    passes: of("ws_replies"),
    fails: row.failed?.(of) ?? 0,
  });
  assert.ok(of("ws_probes") >= 20 * 8, `${of("ws_probes")} probes: a drop takes none of the load away`);
  const rtt = trend(summary!, "ws_msg_rtt_ms");
  const errors = of("ws_message_errors{reason:error_reply}");
  assert.equal(
    rtt.count,
    of("ws_replies") + (row.failed?.(of) ?? 0) - errors,
    "what is lost stands in it too",
  );
}

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
    /^capacity: 20 connections; at 40 .*ws_connection_drops count<5: was 10/,
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
