/** What mass-soak counts, held against what the server counted: each row is one run against one kind of server. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import {
  type Row as Account,
  assertCounts,
  assertDelivered,
  filesOf,
  noStrangeMessage,
  openedOf,
} from "./account.ts";
import { NO_WELCOME_TO_PROBES, WRONG_PROBE } from "./descriptors.ts";
import { count, trend } from "./figures.ts";
import { massSoak, reference } from "./short-soak.ts";

interface Row extends Account {
  readonly path?: string;
  /** A note on what the server said. Default: none is asked for. */
  readonly says?: string;
}

const wellHeld = {
  ws_sessions_opened: 20,
  ws_sessions_closed: 20,
  ws_connection_drops: 0,
  ws_connect_failures: 0,
  ws_connections_given_up: 0,
};

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
    files: { USERS: `user\n${Array.from({ length: 20 }, (_, i) => `user-${i}`).join("\n")}` },
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
    env: { REPLY_TIMEOUT: "3s" },
    faults: { delay: 4_000 },
    counts: (_, of) => ({
      ...wellHeld,
      ws_replies: 0,
      ws_messages_late: of("ws_probes") - of("ws_messages_lost"), // the last come after the end
    }),
    failed: (of) => of("ws_probes"),
  },
  "each probe answered with an error": {
    verdict: "fail",
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
    says: "the server answered with an error: unknown_type",
  },
  "messages that break the protocol": {
    verdict: "fail",
    path: "/ws/echo",
    files: {
      PROTOCOL_FILE: {
        name: "deaf",
        probe: { send: "${id}" },
        reply: [{ name: "r", where: { "/id": "x" }, match: "id", id: "/id" }],
      },
    },
    counts: ({ repliesSent }) => ({
      ...wellHeld,
      "ws_message_errors{reason:unparsable}": repliesSent,
      ws_probes: repliesSent,
      ws_messages_lost: repliesSent,
    }),
    failed: (of) => of("ws_probes"),
    says: "a message broke the protocol (unparsable): a message that is not JSON",
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
    env: { DURATION: "5s", BACKOFF_BASE: "50ms", BACKOFF_CAP: "50ms" },
    faults: {
      closeConnections: { ordinals: [2, 4], code: 1012, reason: "restart", afterMs: 1_500 },
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
    files: { PROTOCOL_FILE: NO_WELCOME_TO_PROBES },
    counts: ({ connectionsOpened }, of) => ({
      ws_sessions_opened: openedOf(20, connectionsOpened, of),
      ws_sessions_closed: of("ws_sessions_opened"),
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
  const WS_URL = `${server.url}${row.path ?? "/ws/chat"}`;
  const run = await massSoak(t, { env: { WS_URL, ...(await filesOf(t, row)), ...row.env } });
  const { summary } = run;
  const said = `${summary?.reason}\n${run.stderr}`;
  const verdict = row.verdict ?? "pass";
  assert.deepEqual(
    { code: run.code, verdict: summary?.verdict },
    { code: verdict === "pass" ? 0 : 99, verdict },
    said,
  );
  const of = (series: string) => count(summary!, series);
  assertCounts(summary!, server.stats(), row, said);
  const failed = assertDelivered(summary!, row);
  if (row.says) assert.ok(summary!.notes?.includes(row.says), summary!.notes?.join("\n"));
  // Ten each, fewer by those who begin late on a busy machine; five where nobody comes back after half the time.
  assert.ok(of("ws_probes") > 20 * 5, `${of("ws_probes")} probes: a drop takes none of the load away`);
  const rtt = trend(summary!, "ws_msg_rtt_ms");
  const errors = of("ws_message_errors{reason:error_reply}");
  assert.equal(rtt.count, of("ws_replies") + failed - errors, "what is lost stands in it too");
}
