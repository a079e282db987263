/** Scenario × protocol × what is wrong → exit code, verdict, exact counts. Each row is one run of stock k6. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { type ServerOptions, signToken, startServer } from "../../server/server.ts";
import {
  type Row as Account,
  assertCounts,
  assertDelivered,
  filesOf,
  noStrangeMessage,
  openedOf,
} from "./account.ts";
import { NO_WELCOME, NO_WELCOME_TO_PROBES, NO_WELCOME_YET, WRONG_PROBE } from "./descriptors.ts";
import { count } from "./figures.ts";
import { runK6 } from "./run.ts";

/** Four connections for four seconds, each with one session and a probe every 200 ms. A busy machine may stall for two. */
const SOAK = {
  CONNECTIONS: 4,
  RAMP: "200ms",
  DURATION: "4s",
  RAMP_DOWN: "200ms",
  SESSION: "20s",
  PROBE_INTERVAL: "200ms",
  REPLY_TIMEOUT: "2s",
};

/** Ten connections in half a second, held long enough for a session on a busy machine. */
const CONNECT = { RATE: 20, DURATION: "500ms", HOLD: "2s" };

const SECRET = "a key of tests";

interface Row extends Account {
  readonly path: string;
  /** Made when the run begins. */
  readonly token?: () => string;
  readonly options?: Partial<ServerOptions>;
  readonly args?: readonly string[];
  readonly code?: number;
  readonly says?: RegExp;
}

/** Four connections that all lived to their planned end, and nothing else happened. */
const wellHeld = {
  ws_sessions_opened: 4,
  ws_sessions_closed: 4,
  ws_connect_failures: 0,
  ws_connection_drops: 0,
  ws_reconnects: 0,
  ws_shards_started: 4,
  ws_shards_completed: 4,
};
const fail = { code: 99, verdict: "fail" } as const;

const soaks: Record<string, Row> = {
  "chat, well": {
    path: "/ws/chat",
    counts: ({ repliesSent }) => ({
      ...wellHeld,
      ...noStrangeMessage,
      ws_probes: repliesSent,
      ws_replies: repliesSent,
      ws_messages_lost: 0,
    }),
  },
  "echo, well, with a payload": {
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
  "im, well: each user with a token of their own, two replies to each probe": {
    path: "",
    env: { PROTOCOL: "im" },
    options: { secret: SECRET, tokens: [] },
    files: {
      USERS: [
        "token,user",
        ...["ann", "bob", "eve", "joe"].map((u) => `${signToken(u, 600, SECRET)},${u}`),
      ].join("\n"),
    },
    counts: ({ repliesSent }, of) => ({
      ...wellHeld,
      ...noStrangeMessage,
      ws_replies: repliesSent - 4, // each session is matched with a teacher first
      ws_probes: of("ws_replies") / 2,
    }),
  },
  "chat, replies lost": {
    ...fail,
    path: "/ws/chat",
    faults: { loseReplies: { every: 3, count: 5 } },
    counts: ({ repliesSent }) => ({
      ...wellHeld,
      ...noStrangeMessage,
      ws_messages_lost: 5,
      ws_replies: repliesSent,
      ws_probes: repliesSent + 5,
    }),
    failed: () => 5,
  },
  "echo, replies lost": {
    ...fail,
    path: "/ws/echo",
    env: { PROTOCOL: "echo" },
    faults: { loseReplies: { ordinals: [2, 5, 6] } },
    counts: ({ repliesSent }) => ({
      ...wellHeld,
      ...noStrangeMessage,
      ws_messages_lost: 3,
      ws_replies: repliesSent,
      ws_probes: repliesSent + 3,
    }),
    failed: () => 3,
  },
  "im, a receipt lost: matched by turn, one reply is missing in the end": {
    ...fail,
    path: "",
    env: { PROTOCOL: "im" },
    faults: { loseReplies: { ordinals: [9] } },
    counts: ({ repliesSent }) => ({
      ...wellHeld,
      ws_message_errors: 0,
      ws_messages_lost: 1,
      ws_replies: repliesSent - 4,
    }),
    failed: () => 1,
  },
  "chat, replies repeated": {
    ...fail,
    path: "/ws/chat",
    faults: { repeatReplies: { every: 2, count: 7 } },
    counts: ({ repliesSent }) => ({
      ...wellHeld,
      ws_messages_duplicated: 7,
      ws_messages_lost: 0,
      ws_message_errors: 0,
      ws_replies: repliesSent,
      ws_probes: repliesSent,
    }),
  },
  "echo, replies repeated: one that nobody waits for is ignored, as a greeting is": {
    path: "/ws/echo",
    env: { PROTOCOL: "echo" },
    faults: { repeatReplies: { every: 2, count: 7 } },
    counts: ({ repliesSent }) => ({
      ...wellHeld,
      ...noStrangeMessage,
      ws_replies: repliesSent,
      ws_probes: repliesSent,
    }),
  },
  "chat, replies late": {
    ...fail,
    path: "/ws/chat",
    env: { REPLY_TIMEOUT: "800ms" },
    faults: { delay: 1_200 },
    counts: (_, of) => ({
      ...wellHeld,
      ws_replies: 0,
      ws_messages_late: of("ws_probes") - of("ws_messages_lost"), // the last of each session come after its Close
    }),
    failed: (of) => of("ws_probes"),
  },
  "chat, each probe answered with an error": {
    ...fail,
    path: "/ws/chat",
    files: { PROTOCOL_FILE: WRONG_PROBE },
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
  "im, empty messages: an error with code 1 instead of both replies": {
    ...fail,
    path: "",
    env: { PROTOCOL: "im", PAYLOAD_BYTES: 0 },
    counts: ({ repliesSent }, of) => ({
      ...wellHeld,
      "ws_message_errors{reason:error_reply}": of("ws_probes"),
      ws_probes: repliesSent - 4,
      ws_replies: 0,
    }),
    failed: (of) => 2 * of("ws_probes"),
  },
  "chat, the third upgrade refused: that connection comes back": {
    ...fail,
    path: "/ws/chat",
    faults: { refuseUpgrades: { ordinals: [3], status: 503 } },
    counts: (_, of) => ({
      ...wellHeld,
      ws_connect_failures: 1,
      "ws_connect_failures{reason:http_rejected}": 1,
      ws_reconnects: 1,
      ws_probes: of("ws_replies") + of("ws_messages_lost"),
    }),
    failed: (of) => of("ws_messages_lost"),
  },
  "chat, one connection reset without a Close frame": {
    ...fail,
    path: "/ws/chat",
    faults: { resetConnections: { ordinals: [3], onMessage: 4 } },
    counts: (_, of) => ({
      ...wellHeld,
      ws_sessions_opened: 5,
      ws_sessions_closed: 5,
      ws_connection_drops: 1,
      "ws_connection_drops{code:1006}": 1,
      "ws_connection_drops{by:network}": 1,
      ws_reconnects: 1,
      ws_probes: of("ws_replies") + of("ws_messages_lost"),
    }),
    failed: (of) => of("ws_messages_lost"),
  },
  "chat, two connections closed by the server with 1012": {
    ...fail,
    path: "/ws/chat",
    faults: { closeConnections: { ordinals: [2, 4], code: 1012, reason: "restart", afterMs: 700 } },
    counts: ({ closesSent }, of) => ({
      ...wellHeld,
      ws_sessions_opened: 6,
      ws_sessions_closed: 6,
      ws_connection_drops: closesSent[1012] ?? 0,
      "ws_connection_drops{code:1012}": 2,
      "ws_connection_drops{by:server}": 2,
      ws_reconnects: 2,
      ws_probes: of("ws_replies") + of("ws_messages_lost"),
    }),
    failed: (of) => of("ws_messages_lost"),
  },
  "chat, tokens that expire: every connection ends with 4001, and none comes back": {
    ...fail,
    path: "/ws/chat",
    env: { DURATION: "7s" },
    token: () => signToken("ann", 6, SECRET),
    options: { secret: SECRET },
    counts: ({ upgradesRefused }, of) => ({
      ...wellHeld,
      ws_connection_drops: 4,
      "ws_connection_drops{code:4001}": 4,
      ws_connect_failures: upgradesRefused[403] ?? 0,
      "ws_connect_failures{reason:http_rejected}": upgradesRefused[403] ?? 0,
      ws_probes: of("ws_replies") + of("ws_messages_lost"),
    }),
    failed: (of) => of("ws_messages_lost"),
  },
  "im, closed with a code of the application's own": {
    ...fail,
    path: "",
    env: { PROTOCOL: "im" },
    faults: { closeConnections: { ordinals: [3], code: 4999, afterMs: 700 } },
    says: /closed with 4999, which counts as ws_connection_drops\{code:other\}/,
    counts: () => ({
      ws_sessions_opened: 5,
      "ws_connection_drops{code:other}": 1,
      ws_connection_drops: 1,
      ws_reconnects: 1,
    }),
    failed: (of) => of("ws_messages_lost"),
  },
  "chat, the session never ready: nothing is probed, and that fails": {
    ...fail,
    path: "/ws/echo",
    files: {
      PROTOCOL_FILE: NO_WELCOME_TO_PROBES,
    },
    counts: ({ connectionsOpened }, of) => ({
      ws_sessions_opened: openedOf(4, connectionsOpened, of),
      ws_sessions_closed: of("ws_sessions_opened"),
      ws_message_errors: of("ws_message_errors{reason:session}"),
      ws_connection_drops: 0,
      ws_reconnects: 0,
      ws_replies: 0,
      ws_messages_lost: of("ws_probes"),
    }),
    failed: (of) => of("ws_probes"),
  },
};

const connects: Record<string, Row> = {
  ...Object.fromEntries(
    ["header", "query", "cookie", "message"].map((auth): [string, Row] => [
      `chat, the token in ${auth === "query" ? "the query" : `a ${auth}`}`,
      {
        path: auth === "message" ? "/ws/chat?auth=message" : "/ws/chat",
        env: { AUTH: auth, WS_TOKEN: "s3cr3t/t=k" },
        options: { tokens: ["s3cr3t/t=k"] },
        counts: ({ connectionsOpened }) => ({
          ws_sessions_opened: 10,
          ws_sessions_closed: connectionsOpened - 1,
          ws_connect_failures: 0,
          ws_message_errors: 0,
        }),
      },
    ]),
  ),
  "im, well": {
    path: "",
    env: { PROTOCOL: "im" },
    counts: ({ repliesSent }) => ({ ws_sessions_opened: repliesSent, ws_message_errors: 0 }),
  },
  "echo over TLS, with headers and an Origin that is wanted": {
    path: "/ws/echo",
    env: { PROTOCOL: "echo", ORIGIN: "https://ok.example", HEADERS: '{"X-Api-Key":"k"}' },
    options: { tls: true, origins: ["https://ok.example"] },
    args: ["--insecure-skip-tls-verify"],
    counts: () => ({ ws_sessions_opened: 10, ws_connect_failures: 0 }),
  },
  "echo over TLS with a certificate that nobody trusts": {
    path: "/ws/echo",
    env: { PROTOCOL: "echo" },
    options: { tls: true },
    code: 107,
    verdict: "incomplete",
    says: /certificate/,
    counts: () => ({ ws_sessions_opened: 0, ws_connect_failures: 1, "ws_connect_failures{reason:tls}": 1 }),
  },
  "chat, an Origin that is not wanted": {
    path: "/ws/chat",
    env: { ORIGIN: "https://evil.example" },
    options: { origins: ["https://ok.example"] },
    code: 107,
    verdict: "incomplete",
    says: /got HTTP 403/,
    counts: () => ({ ws_sessions_opened: 0, "ws_connect_failures{reason:http_403}": 1 }),
  },
  "chat, every fifth connection reset during its session": {
    ...fail,
    path: "/ws/chat",
    faults: { resetConnections: { every: 5, onMessage: 1 } },
    counts: () => ({ ws_sessions_opened: 10, ws_connection_drops: 2, "ws_connection_drops{code:1006}": 2 }),
  },
  "a session that is never ready": {
    ...fail,
    path: "/ws/echo",
    files: { PROTOCOL_FILE: NO_WELCOME },
    counts: () => ({
      ws_sessions_opened: 10,
      ws_sessions_closed: 10,
      ws_connection_drops: 0,
      "ws_message_errors{reason:session}": 10,
    }),
  },
  "a session that is still not ready at the planned end": {
    ...fail,
    path: "/ws/echo",
    env: { REPLY_TIMEOUT: "1s" },
    files: { PROTOCOL_FILE: NO_WELCOME_YET },
    counts: () => ({
      ws_sessions_closed: 10,
      "ws_message_errors{reason:session}": 10,
      ws_message_errors: 10,
    }),
  },
};

for (const [scenario, base, rows] of [
  ["chat-soak", SOAK, soaks],
  ["connect", CONNECT, connects],
] as const) {
  // At once, since they count and do not measure: most of the time they wait.
  describe(scenario, { concurrency: 4 }, () => {
    for (const [sentence, row] of Object.entries(rows)) {
      test(sentence, (t) => check(t, scenario, base, row));
    }
  });
}

async function check(t: TestContext, scenario: string, base: Row["env"], row: Row): Promise<void> {
  const server = await startServer({ faults: row.faults ?? {}, ...row.options });
  t.after(() => server.close());
  const { code = 0, verdict = "pass", args = [] } = row;
  const env = {
    WS_URL: server.url + row.path,
    ...base,
    ...(await filesOf(t, row)),
    ...row.env,
    ...(row.token && { WS_TOKEN: row.token() }),
  };
  const run = await runK6(t, { scenario, env, args });

  const { summary } = run;
  const said = `${summary?.reason}\n${run.stderr}`;
  assert.deepEqual({ code: run.code, verdict: summary?.verdict }, { code, verdict }, said);
  assert.match(run.stderr, row.says ?? /(?:)/);
  assertCounts(summary!, server.stats(), row, said);
  if (scenario !== "chat-soak") return;
  assertDelivered(summary!, row);
  assert.ok(count(summary!, "ws_probes") >= 12, "a run without traffic counts nothing");
}
