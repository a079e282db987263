/** The example of Socket.IO against Socket.IO: what was measured is what the server itself counted. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { outcomes, trend } from "../k6/figures.ts";
import { type K6Command, OUR_K6 } from "../k6/run.ts";
import { runExample, SOAK } from "./example.ts";
import { socketIoServer } from "./socket-io.ts";

const run = (t: TestContext, url: string, command: K6Command) => runExample(t, "socket.io", url, command);

// At once, since they count and do not measure: most of the time they wait.
describe("Socket.IO", { concurrency: 3 }, () => {
  test("chat-soak: each session joins once, each probe is acknowledged once, each ping is answered", async (t) => {
    const { url, seen } = await socketIoServer(t);
    const { code, verdict, stderr, summary, of } = await run(t, url, {
      scenario: "chat-soak",
      env: SOAK,
    });
    assert.deepEqual({ code, verdict }, { code: 0, verdict: "pass" }, stderr);
    assert.ok(seen.connected >= 10 && of("ws_probes") > 0, JSON.stringify(seen));
    assert.equal(of("ws_sessions_opened"), seen.connected);
    assert.equal(of("ws_replies"), seen.acks - seen.joins);
    assert.deepEqual(
      [of("ws_probes"), trend(summary, "ws_msg_rtt_ms").count],
      [of("ws_replies"), of("ws_replies")],
    );
    assert.equal(of("ws_sessions_closed"), seen.connected);
    // The last ping of a connection may be on its way when it is closed.
    assert.ok(seen.pongs > 10 && seen.pings - seen.pongs <= seen.connected, JSON.stringify(seen));
  });

  test("ordering: everything that was emitted to a room is a delivery, and there is nothing else", async (t) => {
    const { url, seen } = await socketIoServer(t);
    const { code, verdict, stderr, of } = await run(t, url, {
      scenario: "ordering",
      env: { CONNECTIONS: 9, ROOMS: 3, DURATION: "2s", MESSAGE_INTERVAL: "100ms" },
    });
    assert.deepEqual({ code, verdict }, { code: 0, verdict: "pass" }, stderr);
    assert.ok(seen.published > 50 && seen.joins === 9, JSON.stringify(seen));
    assert.deepEqual([of("ws_publications"), of("ws_deliveries")], [seen.published, seen.delivered]);
    assert.equal(seen.delivered, 3 * seen.published);
  });

  test("fan-out: each subscriber has each publication, and publishers have theirs besides", async (t) => {
    const { url, seen } = await socketIoServer(t);
    const { code, verdict, stderr, summary, of } = await run(t, url, {
      scenario: "fan-out",
      k6: OUR_K6,
      env: { CONNECTIONS: 20, ROOMS: 2, RATE: 100, PUBLISH_RATE: 20, DURATION: "2s" },
    });
    assert.deepEqual({ code, verdict }, { code: 0, verdict: "pass" }, stderr);
    assert.ok(seen.published > 20 && seen.joins === 22, JSON.stringify(seen));
    assert.deepEqual(
      [of("ws_publications"), of("ws_deliveries"), of("ws_deliveries") + of("ws_publications")],
      [seen.published, 10 * seen.published, seen.delivered],
    );
    assert.deepEqual(outcomes(summary, "ws_delivery_success_rate"), {
      passes: of("ws_deliveries"),
      fails: 0,
    });
  });

  test("fan-out: that subscribers could not join fails the run, though the others had everything", async (t) => {
    const { url, seen } = await socketIoServer(t, [3, 7]);
    const env = { CONNECTIONS: 20, ROOMS: 2, RATE: 100, PUBLISH_RATE: 20, DURATION: "2s" };
    const { code, stderr, summary, of } = await run(t, url, { scenario: "fan-out", k6: OUR_K6, env });
    assert.deepEqual(
      [code, summary.reason],
      [99, "2 errors in messages with reason session (limit 0)"],
      stderr,
    );
    assert.deepEqual([of("ws_message_errors{reason:session}"), seen.refused, seen.joins], [2, 2, 20]);
    assert.deepEqual(outcomes(summary, "ws_delivery_success_rate"), {
      passes: of("ws_deliveries"),
      fails: 0,
    });
    assert.deepEqual(
      [of("ws_publications"), of("ws_deliveries") + of("ws_publications")],
      [seen.published, seen.delivered],
    );
  });

  test("mass-soak: the engine counts as the server does", async (t) => {
    const { url, seen } = await socketIoServer(t);
    const { code, verdict, stderr, of } = await run(t, url, {
      scenario: "mass-soak",
      k6: OUR_K6,
      env: { CONNECTIONS: 20, RATE: 100, PROBE_INTERVAL: "100ms", DURATION: "2s" },
    });
    assert.deepEqual({ code, verdict }, { code: 0, verdict: "pass" }, stderr);
    assert.ok(of("ws_probes") > 200);
    assert.deepEqual(
      [of("ws_sessions_opened"), of("ws_probes"), of("ws_replies")],
      [seen.connected, seen.acks - seen.joins, seen.acks - seen.joins],
    );
  });

  test("a token that the server refuses fails every session with its reason", async (t) => {
    const { url, seen } = await socketIoServer(t);
    const env = {
      WS_TOKEN: "another",
      CONNECTIONS: 3,
      RAMP: "0s",
      DURATION: "6s",
      RAMP_DOWN: "0s",
      SESSION: "6s",
      PROBE_INTERVAL: "1s",
    };
    const { code, stderr, of } = await run(t, url, { scenario: "chat-soak", env });
    assert.equal(code, 99, stderr);
    assert.ok(seen.refused >= 3 && seen.connected === 0, JSON.stringify(seen));
    assert.deepEqual(
      [of("ws_message_errors{reason:error_reply}"), of("ws_message_errors{reason:session}")],
      [seen.refused, seen.refused],
    );
    assert.deepEqual([of("ws_sessions_opened"), of("ws_replies")], [seen.refused, 0]);
  });

  test("reconnect: a client that the server cuts off comes back and joins again, and no delivery goes uncounted", async (t) => {
    const { url, seen, io } = await socketIoServer(t);
    io.on("connection", (socket) => {
      if (seen.connected === 2) setTimeout(() => socket.conn.close(), 2_000);
    });
    const env = { CONNECTIONS: 4, ROOMS: 1, DURATION: "4s", MESSAGE_INTERVAL: "20ms", REPLAY: "optional" };
    const { stderr, of } = await run(t, url, {
      scenario: "reconnect",
      env: { ...env, BACKOFF_BASE: "500ms" },
    });
    assert.deepEqual([seen.connected, seen.ends["forced close"]], [6, 1], stderr);
    assert.deepEqual([of("ws_reconnects"), of("ws_connection_drops{code:1005}")], [1, 1]);
    assert.ok(seen.published > 100 && seen.delivered <= 5 * seen.published, JSON.stringify(seen));
    assert.deepEqual([of("ws_publications"), of("ws_deliveries")], [seen.published, seen.delivered]);
    assert.equal(of("ws_gap_messages{fate:lost}"), 5 * seen.published - seen.delivered);
    assert.equal(of("ws_messages_lost"), 0);
  });

  test("reconnect: with the server's recovery, who comes back has all that it missed, by what the connection before was told", async (t) => {
    const { url, seen, io } = await socketIoServer(t, [], { connectionStateRecovery: {} });
    let recovered = 0;
    io.on("connection", (socket) => {
      if (socket.recovered) recovered++;
      // The subscribers come first. Of one alone, a short absence might fall between two publications.
      if (seen.connected <= 4) setTimeout(() => socket.conn.close(), 2_000);
    });
    const env = { CONNECTIONS: 4, ROOMS: 1, DURATION: "4s", MESSAGE_INTERVAL: "20ms", BACKOFF_BASE: "500ms" };
    const { stderr, of } = await runExample(t, "socket.io-recovery", url, {
      scenario: "reconnect",
      env: { ...env, REPLAY: "required" },
    });
    assert.deepEqual([recovered, seen.connected, of("ws_reconnects")], [4, 9, 4], stderr);
    assert.ok(seen.published > 100, JSON.stringify(seen));
    assert.deepEqual([of("ws_publications"), of("ws_deliveries")], [seen.published, 5 * seen.published]);
    assert.deepEqual([of("ws_gap_messages{fate:lost}"), of("ws_messages_lost")], [0, 0]);
    assert.ok(of("ws_gap_messages{fate:replayed}") > 0);
  });
});
