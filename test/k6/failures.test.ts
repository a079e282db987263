/** Scenario × fault: right on the right server, found and named on one with just that fault. Each row is one run of stock k6. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { HANDSHAKE_CASES } from "../../lib/handshake.ts";
import type { Summary } from "../../lib/summary/summary.ts";
import { type FaultSettings, type ServerOptions, signToken, startServer } from "../../server/server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { count } from "./figures.ts";
import { forgetfulProxy } from "./idle-proxy.ts";
import { runK6 } from "./run.ts";

const SECRET = "a key of tests";
const CONNECTIONS = 3;
/** Judged by their own limits alone. */
const OWN_LIMITS = { PROFILE: "" };
const COMMON = { ...OWN_LIMITS, CONNECTIONS, RAMP: "0", REPLY_TIMEOUT: "1s", CONNECT_TIMEOUT: "5s" };

interface Row {
  readonly env?: Readonly<Record<string, string | number>>;
  readonly faults?: FaultSettings;
  readonly options?: Partial<ServerOptions>;
  /** For how many seconds the token is valid when the run begins; absent: for ever. */
  readonly tokenFor?: number;
  readonly nextToken?: boolean;
  /** What stands in front of the server. */
  readonly proxy?: (t: TestContext, url: string) => Promise<string>;
  /** What becomes of all connections. */
  readonly outcome: string;
  /** Whether that is right. */
  readonly passes: boolean;
}

const forgets = (t: TestContext, url: string) => forgetfulProxy(t, url, 800);

const idle: Record<string, Row> = {
  "a server that keeps silent connections": { outcome: "alive", passes: true },
  "one that closes them, with a code": {
    faults: { closeConnections: { afterMs: 700, code: 1001 } },
    outcome: "closed",
    passes: false,
  },
  "one that closes them, as its specification says": {
    faults: { closeConnections: { afterMs: 700, code: 1001 } },
    env: { EXPECT: "closed" },
    outcome: "closed",
    passes: true,
  },
  "one that keeps them where it was to close them": {
    env: { EXPECT: "closed" },
    outcome: "alive",
    passes: false,
  },
  "one that resets them in the silence": {
    faults: { resetConnections: { afterMs: 700 } },
    outcome: "cut",
    passes: false,
  },
  "one that resets them when the probe comes": {
    faults: { resetConnections: { onMessage: 2 } },
    outcome: "cut_on_probe",
    passes: false,
  },
  "a proxy that forgets them: half-open, not slow": { proxy: forgets, outcome: "half_open", passes: false },
  "the same proxy, and pings": {
    proxy: forgets,
    env: { KEEPALIVE: "ping", PING_INTERVAL: "250ms" },
    outcome: "alive",
    passes: true,
  },
  "a slow server: late, not half-open": { faults: { delay: 1_500 }, outcome: "late", passes: false },
  "a server that answers nobody: not blamed on the silence": {
    faults: { loseReplies: { every: 1 } },
    outcome: "unanswered",
    passes: false,
  },
};

const tokenExpiry: Record<string, Row> = {
  "a server that closes with 4001": { tokenFor: 5, outcome: "closed", passes: true },
  "one whose token is renewed in the session": {
    tokenFor: 5,
    nextToken: true,
    env: { EXPECT: "refreshed" },
    outcome: "refreshed",
    passes: true,
  },
  "one that was to be renewed and closes": {
    tokenFor: 5,
    env: { EXPECT: "refreshed" },
    outcome: "closed",
    passes: false,
  },
  "one that accepts an expired token": { outcome: "accepted", passes: false },
  "one that cuts without a code": {
    faults: { resetConnections: { afterMs: 3_000 } },
    outcome: "cut",
    passes: false,
  },
  "one that closes with another code": {
    faults: { closeConnections: { afterMs: 3_000, code: 1008 } },
    outcome: "wrong_code",
    passes: false,
  },
  "one that closes before the token ends": {
    faults: { closeConnections: { afterMs: 300, code: 4001 } },
    outcome: "early",
    passes: false,
  },
};

for (const [scenario, env, rows] of [
  ["idle", { IDLE: "1500ms" }, idle],
  ["token-expiry", { TOKEN_TTL: "3s", GRACE: "2500ms" }, tokenExpiry],
] as const) {
  // Four at a time: they wait most of the time, and count.
  describe(scenario, { concurrency: 4 }, () => {
    for (const [sentence, row] of Object.entries(rows))
      test(sentence, (t) => check(t, scenario, { ...env, ...row.env }, row));
  });
}

interface OrderRow {
  readonly env?: Readonly<Record<string, string | number>>;
  readonly faults?: FaultSettings;
  /** What stands in the reason; absent: it passes. */
  readonly reason?: RegExp;
}

const everyFifth = { every: 5, count: 20 };
const ordering: Record<string, OrderRow> = {
  "a server that delivers each message once, in order": {},
  "one that loses deliveries": {
    faults: { loseDeliveries: everyFifth },
    reason: /ws_messages_lost count==0: was 20$/,
  },
  "one that repeats deliveries": {
    faults: { repeatDeliveries: everyFifth },
    reason: /ws_messages_duplicated count==0: was 20$/,
  },
  "one that reorders deliveries": {
    faults: { reorderDeliveries: everyFifth },
    reason: /ws_messages_reordered count==0: was 20$/,
  },
  "one that may lose and does": {
    faults: { loseDeliveries: everyFifth },
    env: { GUARANTEE: "at-most-once" },
  },
  "one that may repeat and does": {
    faults: { repeatDeliveries: everyFifth },
    env: { GUARANTEE: "at-least-once" },
  },
  "one that may repeat and loses": {
    faults: { loseDeliveries: everyFifth },
    env: { GUARANTEE: "at-least-once" },
    reason: /ws_messages_lost count==0: was 20$/,
  },
};

describe("ordering", { concurrency: 4 }, () => {
  for (const [sentence, { env = {}, faults = {}, reason }] of Object.entries(ordering)) {
    test(sentence, async (t) => {
      const talk = {
        CONNECTIONS: 6,
        ROOMS: 2,
        DURATION: "2s",
        MESSAGE_INTERVAL: "50ms",
        REPLY_TIMEOUT: "3s",
      };
      const { run, summary, stats } = await judge(t, "ordering", { ...talk, ...env }, { faults }, reason);
      assert.deepEqual(
        [
          "ws_publications",
          "ws_deliveries",
          "ws_messages_lost",
          "ws_messages_duplicated",
          "ws_messages_reordered",
          "ws_messages_foreign",
        ].map((name) => count(summary, name)),
        [
          stats.published,
          stats.deliveriesSent + stats.deliveriesRepeated,
          stats.deliveriesLost,
          stats.deliveriesRepeated,
          stats.deliveriesReordered,
          0,
        ],
        run.stdout,
      );
      assert.equal(stats.published * 3, stats.deliveriesSent + stats.deliveriesLost);
      if (!("reorderDeliveries" in faults) && !("loseDeliveries" in faults))
        assert.equal(count(summary, "ws_messages_crossed"), 0, "a room of this server has one order");
      assert.ok(stats.published > 100, "a run without traffic counts nothing");
    });
  }
});

interface ReconnectRow {
  readonly env?: Readonly<Record<string, string | number>>;
  readonly faults?: FaultSettings;
  readonly options?: Partial<ServerOptions>;
  /** What stands in the reason; absent: it passes. */
  readonly reason?: RegExp;
}

/** Connection 1 is the set-up's, then come the four subscribers and the publisher. */
const cut = (...ordinals: number[]): FaultSettings => ({ resetConnections: { ordinals, afterMs: 1_000 } });
const SUBSCRIBERS = cut(2, 3, 4, 5);
const someReplays = { every: 2 };

const reconnects: Record<string, ReconnectRow> = {
  "a server that cuts its subscribers and replays what they missed": { faults: SUBSCRIBERS },
  "one that cuts its publisher too": { faults: cut(2, 3, 6) },
  "one that cuts nobody: nothing is known": { reason: /^ws_reconnects count>0: was 0/ },
  "one that leaves out some of what it replays": {
    faults: { ...SUBSCRIBERS, loseReplays: someReplays },
    reason: /^ws_gap_messages\{fate:lost\} count==0: was \d+$/,
  },
  "one that replays out of order": {
    faults: { ...SUBSCRIBERS, reorderReplays: someReplays },
    reason: /^ws_gap_messages\{fate:reordered\} count==0: was \d+$/,
  },
  "one that replays twice": {
    faults: { ...SUBSCRIBERS, repeatReplays: someReplays },
    reason: /^ws_gap_messages\{fate:repeated\} count==0: was \d+$/,
  },
  "one that remembers nothing": {
    faults: SUBSCRIBERS,
    options: { historyMessages: 0 },
    reason: /^ws_gap_messages\{fate:lost\} count==0: was \d+$/,
  },
  "one that need not remember, and does not": {
    faults: SUBSCRIBERS,
    options: { historyMessages: 0 },
    env: { REPLAY: "optional" },
  },
  "one that takes nobody back": {
    faults: { ...SUBSCRIBERS, refuseUpgrades: { ordinals: Array.from({ length: 100 }, (_, at) => at + 7) } },
    reason: /ws_outcomes\{outcome:gone\} count==0: was 4/,
  },
};

describe("reconnect", { concurrency: 4 }, () => {
  for (const [sentence, { env = {}, faults = {}, options, reason }] of Object.entries(reconnects)) {
    test(sentence, async (t) => {
      const talk = {
        CONNECTIONS: 4,
        ROOMS: 1,
        DURATION: "4s",
        MESSAGE_INTERVAL: "10ms",
        REPLY_TIMEOUT: "2s",
      };
      const flawed = { faults, ...options };
      const { run, summary, stats } = await judge(t, "reconnect", { ...talk, ...env }, flawed, reason);
      const [lost, repeated, reordered] = ["lost", "repeated", "reordered"].map((fate) =>
        count(summary, `ws_gap_messages{fate:${fate}}`),
      );
      const { replaysSent, replaysLost, replaysReordered, replaysRepeated } = stats;
      assert.equal(repeated, replaysRepeated, run.stdout);
      // The last of a replay are not judged: they may as well have come live.
      assert.ok(reordered! <= replaysReordered, run.stdout);
      if (options?.historyMessages !== 0 && !("refuseUpgrades" in faults))
        assert.equal(lost, replaysLost, run.stdout);
      assert.equal(count(summary, "ws_messages_lost"), 0, "what was published while it was there");
      assert.equal(count(summary, "ws_publications"), stats.published);
      assert.ok(stats.published > 50, "a run without traffic counts nothing");
      assert.ok(replaysSent === 0 || count(summary, "ws_gap_messages{fate:replayed}") > 0);
    });
  }
});

test("reconnect: who is refused tries again as BACKOFF_BASE and BACKOFF_CAP say", async (t) => {
  const refused = Array.from({ length: 10_000 }, (_, at) => at + 7);
  const faults = { ...SUBSCRIBERS, refuseUpgrades: { ordinals: refused } };
  const talk = { CONNECTIONS: 4, ROOMS: 1, DURATION: "4s", MESSAGE_INTERVAL: "10ms", REPLY_TIMEOUT: "1s" };
  const env = { ...talk, BACKOFF_BASE: "5ms", BACKOFF_CAP: "5ms" };
  const { summary } = await judge(t, "reconnect", env, { faults }, /ws_outcomes\{outcome:gone\}/);
  // By default four clients knock about 16 times in these three seconds.
  assert.ok(count(summary, "ws_connect_failures") > 100, `${count(summary, "ws_connect_failures")} tries`);
});

/** Runs a scenario of publications, which must pass, or fail for the reason given. */
async function judge(
  t: TestContext,
  scenario: string,
  env: NonNullable<Row["env"]>,
  options: Partial<ServerOptions>,
  reason: RegExp | undefined,
) {
  const server = await startServer(options);
  t.after(() => server.close());
  const WS_URL = `${server.url}/ws/chat`;
  const run = await runK6(t, { scenario, env: { ...OWN_LIMITS, WS_URL, CONNECT_TIMEOUT: "5s", ...env } });
  const { summary } = run;
  assert.ok(summary, run.stderr);
  const expected = reason ? { code: 99, verdict: "fail" } : { code: 0, verdict: "pass" };
  assert.deepEqual({ code: run.code, verdict: summary.verdict }, expected, summary.reason);
  if (reason) assert.match(summary.reason, reason);
  return { run, summary, stats: server.stats() };
}

interface HandshakeRow {
  readonly env?: Readonly<Record<string, string | number>>;
  readonly faults?: FaultSettings;
  readonly options?: Partial<ServerOptions>;
  /** The one case that comes out wrong, how, and what came; absent: none does. */
  readonly wrong?: readonly [name: string, outcome: string, got: string];
}

const overlooks = (
  what: NonNullable<FaultSettings["overlook"]>["what"],
  wrong: HandshakeRow["wrong"],
  ...ordinals: number[]
): HandshakeRow => ({
  faults: { overlook: { what, ...(ordinals.length > 0 && { ordinals }) } },
  ...(wrong && { wrong }),
});

const OWN_CASES = JSON.stringify({
  builtIn: false,
  cases: [
    { name: "plain", expect: { status: [101] } },
    {
      name: "old",
      headers: { "Sec-WebSocket-Version": "8" },
      expect: { status: [426], headers: { Upgrade: "h2c" } },
    },
  ],
});

const handshakes: Record<string, HandshakeRow> = {
  "a server that answers as RFC 6455 says": {},
  "one that lets in who has no token": overlooks("missing-token", ["no-token", "accepted", "101"]),
  "one that lets in any token": overlooks("invalid-token", ["wrong-token", "accepted", "101"]),
  "one that lets in an expired token": overlooks("expired-token", ["expired-token", "accepted", "101"]),
  "one that ignores the Origin": overlooks("origin", ["wrong-origin", "accepted", "101"]),
  "one that takes any version": overlooks("version", ["wrong-version", "accepted", "101"], 1),
  "one that takes no version": overlooks("version", ["no-version", "accepted", "101"], 2),
  "one that needs no Upgrade header": overlooks(
    "no-upgrade",
    ["no-upgrade-header", "wrong_status", "200"],
    1,
  ),
  "one that needs no Connection header": overlooks(
    "no-upgrade",
    ["no-connection-header", "wrong_status", "200"],
    2,
  ),
  "one that answers a plain GET": overlooks("no-upgrade", ["plain-get", "wrong_status", "200"], 3),
  "one that needs no key": overlooks("key", ["no-key", "accepted", "101"], 1),
  "one that takes any key": overlooks("key", ["bad-key", "accepted", "101"], 2),
  "one that agrees to any subprotocol": overlooks("subprotocol", [
    "unknown-subprotocol",
    "wrong_header",
    "101",
  ]),
  "one that takes a URL of any length": {
    options: { maxHeaderBytes: 65_536 },
    wrong: ["too-long-url", "accepted", "101"],
  },
  "one that refuses who has a token": {
    faults: { refuseUpgrades: { ordinals: [2], status: 503 } },
    wrong: ["as-it-should-be", "refused", "503"],
  },
  "one that fails instead of refusing": {
    faults: { refuseUpgrades: { ordinals: [3], status: 500 } },
    wrong: ["no-token", "wrong_status", "500"],
  },
  "one that leaves who has no token waiting": {
    faults: { neverUpgrade: { ordinals: [3] } },
    env: { CONNECT_TIMEOUT: "2s" },
    wrong: ["no-token", "unanswered", "no HTTP answer"],
  },
};

describe("handshake", { concurrency: 4 }, () => {
  for (const [sentence, row] of Object.entries(handshakes)) {
    test(sentence, async (t) => {
      const { run, said } = await shakeHands(t, row);
      const { summary } = run;
      const names = HANDSHAKE_CASES.map(({ name }) => name);
      const [wrong, outcome, got] = row.wrong ?? [];
      assert.equal(count(summary, "ws_outcomes"), names.length, said);
      assert.equal(
        count(summary, "ws_outcomes{outcome:as_specified}"),
        names.length - (wrong === undefined ? 0 : 1),
        said,
      );
      assert.equal(summary.notes!.length, names.length, "a row for each case");
      if (wrong === undefined) {
        assert.deepEqual([run.code, summary.verdict], [0, "pass"], said);
        return;
      }
      assert.deepEqual(
        [run.code, summary.verdict, summary.reason],
        [99, "fail", `ws_outcomes{case:${wrong},outcome:as_specified} count==1: was 0`],
        said,
      );
      assert.equal(count(summary, `ws_outcomes{outcome:${outcome}}`), 1, said);
      assert.ok(
        summary.notes!.some((note) => note.startsWith(`${wrong}: `) && note.endsWith(`, got ${got}`)),
        said,
      );
    });
  }

  test("a user's own cases, in the place of the toolkit's", async (t) => {
    const { run, said } = await shakeHands(t, {}, OWN_CASES);
    assert.deepEqual(
      run.summary.notes,
      ["plain: expected 101, got 101", "old: expected 426 with Upgrade: h2c, got 426"],
      said,
    );
    assert.equal(run.summary.reason, "ws_outcomes{case:old,outcome:as_specified} count==1: was 0");
    assert.equal(count(run.summary, "ws_outcomes{outcome:wrong_header}"), 1, said);
  });

  test("what it lacks to try a case, it says", async (t) => {
    const { run, said } = await shakeHands(t, { env: { EXPIRED_TOKEN: "", ORIGIN: "" } });
    assert.equal(run.summary.verdict, "pass", said);
    assert.deepEqual(
      run.summary.notes!.filter((note) => note.includes("not tried")),
      ["expired-token: not tried without EXPIRED_TOKEN", "wrong-origin: not tried without ORIGIN"],
    );
  });

  test("a wrong case is named with what was expected of it", async (t) => {
    const cases = JSON.stringify({ cases: [{ name: "mine", expect: { status: ["401"] } }] });
    const { run } = await shakeHands(t, {}, cases);
    assert.equal(run.summary, undefined);
    assert.match(run.stderr, /cases\.0\.expect\.status\.0: expected a status, got \\"401\\"/);
  });
});

async function shakeHands(t: TestContext, { env, faults = {}, options }: HandshakeRow, cases?: string) {
  const server = await startServer({ faults, secret: SECRET, origins: ["https://our.example"], ...options });
  t.after(() => server.close());
  const file = join(await temporaryDirectory(t), "cases.json");
  if (cases !== undefined) await writeFile(file, cases);
  const run = await runK6(t, {
    scenario: "handshake",
    env: {
      PROFILE: "",
      WS_URL: `${server.url}/ws/chat`,
      ORIGIN: "https://our.example",
      EXPIRED_TOKEN: signToken("ann", -60, SECRET),
      ...(cases !== undefined && { CASES_FILE: file }),
      ...env,
    },
  });
  assert.ok(run.code !== 0 || run.summary, run.stderr);
  const said = `${run.summary?.notes?.join("\n")}\n${run.summary?.reason}\n${run.stderr}`;
  return { run: run as typeof run & { summary: Summary }, said };
}

async function check(t: TestContext, scenario: string, env: Row["env"], row: Row): Promise<void> {
  const server = await startServer({ faults: row.faults ?? {}, secret: SECRET, ...row.options });
  t.after(() => server.close());
  const url = `${server.url}/ws/chat`;
  const token = row.tokenFor === undefined ? "test-token" : signToken("ann", row.tokenFor, SECRET);
  const run = await runK6(t, {
    scenario,
    env: {
      ...COMMON,
      ...env,
      WS_URL: (await row.proxy?.(t, url)) ?? url,
      WS_TOKEN: token,
      ...(row.nextToken && { NEXT_TOKEN: signToken("ann", 60, SECRET) }),
    },
  });
  const { summary } = run;
  const said = `${JSON.stringify(summary?.metrics.ws_outcomes)}\n${summary?.reason}\n${run.stderr}`;
  assert.ok(summary, said);
  assert.equal(count(summary, `ws_outcomes{outcome:${row.outcome}}`), CONNECTIONS, said);
  assert.equal(count(summary, "ws_outcomes"), CONNECTIONS, said);
  assert.deepEqual(
    { code: run.code, verdict: summary.verdict },
    row.passes ? { code: 0, verdict: "pass" } : { code: 99, verdict: "fail" },
    said,
  );
  if (!row.passes) {
    assert.match(summary.reason, new RegExp(`ws_outcomes\\{outcome:${row.outcome}\\} count==0: was 3`), said);
  }
  assert.ok(
    summary.notes!.some((note) => note.startsWith(`${row.outcome} (3): `)),
    said,
  );
}
