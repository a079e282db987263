/** Connections that are cut, and what they missed: right on the right server, found and named on one with just that fault. Each row is one run of stock k6. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { WebSocketServer } from "ws";
import { type FaultSettings, type ServerOptions, startServer } from "../../server/server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { count } from "./figures.ts";
import { judge } from "./publications.ts";
import { runK6 } from "./run.ts";

interface ReconnectRow {
  readonly env?: Readonly<Record<string, string | number>>;
  readonly faults?: FaultSettings;
  readonly options?: Partial<ServerOptions>;
  /** What stands in the reason; absent: it passes. */
  readonly reason?: RegExp;
  /** Subscribers that are away at the end; absent: none. */
  readonly gone?: number;
  /** Whether the publisher is cut off, too. */
  readonly cutsPublisher?: boolean;
}

/** Connection 1 is the set-up's, then come the four subscribers and the publisher. */
const cut = (...ordinals: number[]): FaultSettings => ({ resetConnections: { ordinals, afterMs: 2_000 } });
const SUBSCRIBERS = cut(2, 3, 4, 5);
const someReplays = { every: 2 };

const reconnects: Record<string, ReconnectRow> = {
  "a server that cuts its subscribers and replays what they missed": { faults: SUBSCRIBERS },
  "one that cuts its publisher too": { faults: cut(2, 3, 6), cutsPublisher: true },
  "one that cuts nobody: nothing is known": { reason: /^0 reconnections \(expected more than 0\)/ },
  "one that leaves out some of what it replays": {
    faults: { ...SUBSCRIBERS, loseReplays: someReplays },
    reason: /^\d+ messages sent while away with fate lost \(limit 0\)$/,
  },
  "one that replays out of order": {
    faults: { ...SUBSCRIBERS, reorderReplays: someReplays },
    reason: /^\d+ messages sent while away with fate reordered \(limit 0\)$/,
  },
  "one that replays twice": {
    faults: { ...SUBSCRIBERS, repeatReplays: someReplays },
    reason: /^\d+ messages sent while away with fate repeated \(limit 0\)$/,
  },
  "one that remembers nothing": {
    faults: SUBSCRIBERS,
    options: { historyMessages: 0 },
    reason: /^\d+ messages sent while away with fate lost \(limit 0\)$/,
  },
  "one that need not remember, and does not": {
    faults: SUBSCRIBERS,
    options: { historyMessages: 0 },
    env: { REPLAY: "optional" },
  },
  "one that takes nobody back": {
    faults: { ...SUBSCRIBERS, refuseUpgrades: { ordinals: Array.from({ length: 100 }, (_, at) => at + 7) } },
    reason: /^0 reconnections \(expected more than 0\); 2 more limits broken$/,
    gone: 4,
  },
};

describe("reconnect", { concurrency: 4 }, () => {
  for (const [sentence, row] of Object.entries(reconnects)) {
    test(sentence, async (t) => {
      const { env = {}, faults = {}, options, reason, gone = 0, cutsPublisher = false } = row;
      const talk = {
        CONNECTIONS: 4,
        ROOMS: 1,
        DURATION: "4s",
        MESSAGE_INTERVAL: "10ms",
        REPLY_TIMEOUT: "2s",
      };
      const flawed = { faults, ...options };
      const judged = await judge(t, "reconnect", { ...talk, ...env }, flawed, reason);
      if (!judged) return;
      const { run, summary, stats } = judged;
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
      // What was on its way when its publisher was cut off may never have reached the server, and is nobody's loss.
      const underWay = count(summary, "ws_publications") - stats.published;
      assert.ok(cutsPublisher ? underWay >= 0 : underWay === 0, `${underWay} never reached the server`);
      assert.equal(count(summary, "ws_outcomes{outcome:gone}"), gone);
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
  const judged = await judge(
    t,
    "reconnect",
    env,
    { faults },
    /^0 reconnections \(expected more than 0\); 2 more limits broken$/,
  );
  if (!judged) return;
  const { summary } = judged;
  assert.equal(count(summary, "ws_outcomes{outcome:gone}"), 4);
  // By default four clients knock about 16 times in these three seconds, here 4,000 times where nothing else runs.
  assert.ok(count(summary, "ws_connect_failures") > 50, `${count(summary, "ws_connect_failures")} tries`);
});

test("reconnect: cuts that this side could not make say nothing of the server", async (t) => {
  const server = await startServer();
  t.after(() => server.close());
  const WS_URL = `${server.url}/ws/chat`;
  const talk = { CONNECTIONS: 4, ROOMS: 1, DURATION: "2s", MESSAGE_INTERVAL: "10ms", REPLY_TIMEOUT: "2s" };
  // Twenty cuts in two seconds, and half a second away after each.
  const env = { ...talk, CUTS: 20, BACKOFF_BASE: "1s", BACKOFF_CAP: "1s", PROFILE: "", WS_URL };
  const { code, summary, stderr } = await runK6(t, { scenario: "reconnect", env });
  const { verdict, reason } = summary ?? {};
  assert.equal(verdict, "incomplete", reason ?? stderr);
  assert.match(
    reason!,
    /^whether ws_reconnects count>=80 held is unknown: \d+ of the planned cuts were not made, since their connections were not back before the publications ended: raise DURATION, or lower CUTS$/,
  );
  assert.equal(code, 99, "k6's own limit is broken");
  const left = count(summary!, "ws_unmeasured{reason:cuts}");
  assert.equal(count(summary!, "ws_reconnects") + left, 80);
  assert.ok(left > 0);
});

const NO_SESSION = {
  name: "history",
  publish: { send: '{"type":"message","id":${id},"seq":${seq}}' },
  delivery: { where: { "/type": "message" }, id: "/id", seq: "/seq" },
};

test("reconnect: history that a server sends at connect is what was repeated, though the session has no steps", async (t) => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  t.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  const history: string[] = [];
  server.on("connection", (socket) => {
    for (const message of history) socket.send(message);
    socket.on("message", (data) => {
      history.push(String(data));
      for (const client of server.clients) client.send(String(data));
      // The subscribers are cut off, the publisher is not.
      if (history.length === 50) {
        for (const client of server.clients) if (client !== socket) client.terminate();
      }
    });
  });
  await once(server, "listening");
  const PROTOCOL_FILE = join(await temporaryDirectory(t), "history.json");
  await writeFile(PROTOCOL_FILE, JSON.stringify(NO_SESSION));
  const WS_URL = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const talk = { CONNECTIONS: 2, ROOMS: 1, DURATION: "3s", MESSAGE_INTERVAL: "10ms", REPLY_TIMEOUT: "1s" };
  const env = { ...talk, PROFILE: "", WS_URL, PROTOCOL_FILE, REPLAY: "optional" };
  const { summary, stderr } = await runK6(t, { scenario: "reconnect", env });
  // Twice what they had, of 50, when they were cut off.
  assert.match(
    summary?.reason ?? stderr,
    /^(9\d|100) messages sent while away with fate repeated \(limit 0\)$/,
  );
  assert.equal(count(summary!, "ws_messages_duplicated"), 0);
});
