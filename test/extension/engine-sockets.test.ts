/** The scenarios of stock k6 on the engine's sockets, from `dist/x`. Real k6, real sockets. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { Summary } from "../../lib/summary/summary.ts";
import { startServer } from "../../server/server.ts";
import { count } from "../k6/figures.ts";
import { type K6Run, OUR_K6, runK6, STOCK_K6 } from "../k6/run.ts";
import { accept, BINARY, frame, rawServer } from "../raw-server.ts";

const SHORT = {
  CONNECTIONS: 5,
  RAMP: "200ms",
  DURATION: "6s",
  RAMP_DOWN: "200ms",
  SESSION: "5s",
  PROBE_INTERVAL: "50ms",
  REPLY_TIMEOUT: "4s",
  CONNECT_TIMEOUT: "5s",
};

const soak = (t: TestContext, url: string, k6: string, script: string) =>
  judged(runK6(t, { scenario: script, k6, env: { ...SHORT, WS_URL: url } }));

/** A run that left a summary. */
async function judged(running: Promise<K6Run>): Promise<K6Run & { readonly summary: Summary }> {
  const run = await running;
  assert.ok(run.summary, run.stderr);
  return { ...run, summary: run.summary };
}

describe("chat-soak counts what the server did", () => {
  for (const [where, k6, script] of [
    ["on the engine's sockets", OUR_K6, "x/chat-soak"],
    ["on stock k6's", STOCK_K6, "chat-soak"],
  ] as const) {
    test(where, async (t) => {
      const faults = { loseReplies: { every: 2, count: 20 }, repeatReplies: { every: 2, count: 10 } };
      const server = await startServer({ faults });
      t.after(() => server.close());
      const { summary, stderr } = await soak(t, `${server.url}/ws/chat`, k6, script);
      const sent = server.stats();
      assert.deepEqual(
        {
          opened: count(summary, "ws_sessions_opened"),
          closed: count(summary, "ws_sessions_closed"),
          answered: count(summary, "ws_replies") + count(summary, "ws_messages_late"),
          lost: count(summary, "ws_messages_lost"),
          duplicated: count(summary, "ws_messages_duplicated"),
          failures: count(summary, "ws_connect_failures"),
        },
        {
          opened: sent.connectionsOpened - 1, // the scenario's own check
          closed: sent.connectionsOpened - 1,
          answered: sent.repliesSent,
          lost: 20,
          duplicated: 10,
          failures: 0,
        },
        stderr,
      );
      assert.equal(count(summary, "ws_probes"), sent.repliesSent + 20);
    });
  }
});

describe("chat-soak ends by itself, on time", () => {
  test("against a peer that never answers a Close", async (t) => {
    const url = await upgradingServer(t, () => {});
    const { summary, stderr } = await soak(t, url, OUR_K6, "x/chat-soak");
    const sessions = count(summary, "ws_sessions_opened");
    assert.ok(sessions >= SHORT.CONNECTIONS, stderr);
    assert.equal(count(summary, "ws_sessions_closed"), sessions);
    assert.equal(count(summary, "ws_message_errors{reason:close_unanswered}"), sessions);
    assertEndedByItself(summary, stderr);
  });

  test("against a peer that stops upgrading", async (t) => {
    let upgraded = false;
    const url = await rawServer(t, (socket, request) => {
      if (!upgraded) socket.end(accept(request)); // the scenario's own check
      upgraded = true;
    });
    const { summary, stderr } = await soak(t, url, OUR_K6, "x/chat-soak");
    assert.ok(count(summary, "ws_connect_failures{reason:timeout}") >= SHORT.CONNECTIONS, stderr);
    assert.equal(count(summary, "ws_sessions_opened"), 0);
    assertEndedByItself(summary, stderr);
  });

  function assertEndedByItself(summary: Summary, stderr: string): void {
    // After another 5 s k6 itself ends what hangs, and says so.
    assert.ok(!/interrupted|exceeded|gracefulStop/i.test(stderr), stderr);
    assert.equal(count(summary, "ws_shards_completed"), count(summary, "ws_shards_started"));
  }
});

test("a refused upgrade is counted by its status", async (t) => {
  let upgraded = false;
  const url = await rawServer(t, (socket, request) => {
    if (upgraded) socket.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    else socket.end(accept(request));
    upgraded = true;
  });
  const { summary, stderr } = await soak(t, url, OUR_K6, "x/chat-soak");
  const failures = count(summary, "ws_connect_failures");
  assert.ok(failures >= SHORT.CONNECTIONS, stderr);
  assert.equal(count(summary, "ws_connect_failures{reason:http_401}"), failures);
});

test("a breach of WebSocket itself is counted by its name", async (t) => {
  const url = await upgradingServer(t, (socket) => {
    const masked = frame(BINARY, "1234");
    masked[1]! |= 0x80;
    socket.write(masked);
  });
  const { summary, stderr } = await soak(t, url, OUR_K6, "x/chat-soak");
  const sessions = count(summary, "ws_sessions_opened");
  assert.ok(sessions >= SHORT.CONNECTIONS, stderr);
  assert.equal(count(summary, "ws_message_errors{reason:masked_frame}"), sessions);
});

/** Takes upgrades; what comes then is read and thrown away. */
const upgradingServer = (
  t: TestContext,
  then: (socket: import("node:net").Socket) => void,
): Promise<string> => {
  let first = true;
  return rawServer(t, (socket, request) => {
    socket.write(accept(request));
    if (first)
      socket.end(); // the scenario's own check must not wait
    else then(socket.resume());
    first = false;
  });
};
