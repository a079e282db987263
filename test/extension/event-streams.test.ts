/** Event streams in place of WebSockets: real k6 against the reference server, whose own counts are the truth. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { startServer } from "../../server/server.ts";
import { httpServer } from "../http-server.ts";
import { count, outcomes, trend } from "../k6/figures.ts";
import { OUR_K6, runK6, STOCK_K6 } from "../k6/run.ts";
import { startStreamProxy } from "./stream-proxy.ts";

type Server = Awaited<ReturnType<typeof startServer>>;
type Env = Record<string, string | number>;

async function reference(t: TestContext): Promise<{ server: Server; url: string }> {
  const server = await startServer({ retryMs: 100 });
  t.after(() => server.close());
  return { server, url: `${server.url.replace(/^ws/, "http")}/sse/rooms/\${room}` };
}

const run = (t: TestContext, scenario: string, env: Env, k6 = OUR_K6) =>
  runK6(t, { scenario, k6, env: { PROTOCOL: "room-events", ...env } });

async function summaryOf(t: TestContext, scenario: string, env: Env) {
  const done = await run(t, scenario, env);
  assert.ok(done.summary, done.stderr);
  return { ...done, summary: done.summary };
}

test("streams are opened and held", async (t) => {
  const { server, url } = await reference(t);
  const { summary, code } = await summaryOf(t, "massconnect", {
    SSE_URL: url,
    PROTOCOL: "events",
    CONNECTIONS: 50,
    DURATION: "1s",
  });
  assert.equal(code, 0, summary.reason);
  assert.equal(count(summary, "ws_sessions_opened"), 50);
  assert.equal(server.stats().streamsOpened, 51, "with the check before the load");
  const [firstByte, connect] = [trend(summary, "sse_first_byte_ms"), trend(summary, "ws_connect_latency_ms")];
  assert.ok(firstByte.count === 50 && firstByte.min! > 0 && firstByte.max! <= connect.max! + 0.01);
});

test("events that are not UTF-8 are counted, and a note says so", async (t) => {
  const origin = await httpServer(t, (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(Buffer.from("data: caf\xe9\n\ndata: cafe\n\n", "latin1"));
  });
  const { summary } = await summaryOf(t, "massconnect", {
    SSE_URL: `${origin}/`,
    PROTOCOL: "events",
    CONNECTIONS: 5,
    DURATION: "1s",
  });
  const events = count(summary, "sse_events");
  assert.ok(events > 0);
  assert.equal(count(summary, "sse_events_invalid_utf8") * 2, events);
  assert.match(JSON.stringify(summary.notes), /events with bytes that are not UTF-8: \d+/);
});

test("publications by HTTP come once to all of their room", async (t) => {
  const { server, url } = await reference(t);
  const { summary, code } = await summaryOf(t, "fan-out", {
    SSE_URL: url,
    CONNECTIONS: 30,
    ROOMS: 3,
    PUBLISH_RATE: 20,
    DURATION: "2s",
  });
  assert.equal(code, 0, summary.reason);
  assert.equal(count(summary, "ws_publications"), 40);
  assert.equal(count(summary, "ws_deliveries"), 40 * 10);
  assert.deepEqual(outcomes(summary, "ws_delivery_success_rate"), { passes: 400, fails: 0 });
  // A publisher hears its room, too.
  assert.equal(count(summary, "sse_events"), server.stats().streamEvents);
  assert.equal(server.stats().streamEvents, 40 * 11);
  assert.ok(trend(summary, "ws_fanout_lag_ms").min! > 0);
});

test("probes by HTTP are each connection's own, although all of a room see them", async (t) => {
  const { server, url } = await reference(t);
  const { summary, code } = await summaryOf(t, "x/idle", { SSE_URL: url, IDLE: "1s", ROOMS: 1 });
  assert.equal(code, 0, summary.reason);
  assert.deepEqual([count(summary, "ws_probes"), count(summary, "ws_replies")], [10, 10]);
  for (const fault of ["duplicated", "foreign"])
    assert.equal(count(summary, `ws_messages_${fault}`), 0, fault);
  assert.ok(server.stats().streamEvents > 10, "more than each one's own");
});

describe("mass-soak: probes go by HTTP, and their events come on the stream", { concurrency: true }, () => {
  const SOAK = { CONNECTIONS: 6, ROOMS: 3, PROBE_INTERVAL: "200ms", DURATION: "2s" };

  test("every probe is accounted for, each on its own connection of those in a room", async (t) => {
    const { server, url } = await reference(t);
    const { summary, code } = await summaryOf(t, "mass-soak", { SSE_URL: url, ...SOAK });
    assert.equal(code, 0, summary.reason);
    const { published, streamEvents } = server.stats();
    assert.ok(published > 0);
    assert.equal(count(summary, "ws_probes"), published);
    assert.equal(count(summary, "ws_replies"), published);
    assert.deepEqual(outcomes(summary, "ws_reply_success_rate"), { passes: published, fails: 0 });
    // Two hear each room, one of whom asked. The other may be gone before the last event of its room.
    const heard = count(summary, "sse_events");
    assert.ok(published < heard && heard <= streamEvents, `${heard} of ${streamEvents}`);
    assert.ok(streamEvents <= 2 * published);
    for (const fault of ["duplicated", "lost", "late"])
      assert.equal(count(summary, `ws_messages_${fault}`), 0, fault);
    const service = trend(summary, "ws_msg_service_ms");
    const rtt = trend(summary, "ws_msg_rtt_ms");
    assert.deepEqual([service.count, rtt.count], [published, published]);
    assert.ok(0 < service.min! && service.max! <= rtt.max!);
    const delays = trend(summary, "ws_generator_delay_ms{side:send}").count;
    assert.equal(delays, published + SOAK.CONNECTIONS, "of each probe, and of each connection");
  });

  test("probes that the server does not take are refused, and not lost beside", async (t) => {
    let refused = 0;
    const origin = await httpServer(t, (request, response) => {
      if (request.method !== "POST") {
        response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
        return;
      }
      refused++;
      response.writeHead(429).end();
    });
    const { summary } = await summaryOf(t, "mass-soak", { SSE_URL: `${origin}/`, ...SOAK });
    assert.ok(refused > 0);
    assert.equal(count(summary, "ws_probes"), refused);
    assert.equal(count(summary, "ws_message_errors{reason:error_reply}"), refused);
    assert.deepEqual(outcomes(summary, "ws_reply_success_rate"), { passes: 0, fails: refused });
    assert.equal(count(summary, "ws_messages_lost"), 0);
    assert.match(
      JSON.stringify(summary.notes),
      /the server did not take a message sent by HTTP: http_429, which counts as ws_message_errors\{reason:error_reply\}/,
    );
  });
});

test("a proxy that buffers is named", async (t) => {
  const { server } = await reference(t);
  const origin = await startStreamProxy(t, server.httpUrl, { bufferBytes: 2_000 });
  const { summary } = await summaryOf(t, "fan-out", {
    SSE_URL: `${origin}/sse/rooms/\${room}`,
    CONNECTIONS: 2,
    ROOMS: 1,
    PUBLISH_RATE: 50,
    DURATION: "2s",
    REPLY_TIMEOUT: "1s",
  });
  const together = count(summary, "sse_events{read:together}");
  assert.ok(together > count(summary, "sse_events{read:alone}"), JSON.stringify(summary));
  assert.ok(
    count(summary, "sse_reads") * 4 < count(summary, "sse_events"),
    "some ten of them fit the buffer",
  );
  const said = (summary.notes ?? []).filter((note) =>
    /of events came several in one read, .* a proxy on the way buffers/.test(note),
  );
  assert.equal(said.length, 1, String(summary.notes));
});

test("an answer that is no event stream is named", async (t) => {
  const origin = await httpServer(t, (_, response) =>
    response.writeHead(200, { "content-type": "text/html" }).end("<p>"),
  );
  const { summary } = await summaryOf(t, "massconnect", {
    SSE_URL: `${origin}/`,
    PROTOCOL: "events",
  });
  assert.equal(summary.verdict, "incomplete");
  assert.match(summary.reason, /the server opened no event stream \(bad_content_type\)/);
});

test("a server that refuses publications is named", async (t) => {
  const origin = await httpServer(t, (request, response) => {
    if (request.method === "POST") response.writeHead(503).end();
    else response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
  });
  const { summary, code } = await summaryOf(t, "fan-out", {
    SSE_URL: `${origin}/secret?key=hidden`,
    CONNECTIONS: 2,
    ROOMS: 1,
    PUBLISH_RATE: 5,
    DURATION: "1s",
    REPLY_TIMEOUT: "8s",
  });
  assert.notEqual(code, 0);
  assert.equal(count(summary, "ws_message_errors{reason:error_reply}"), 5);
  assert.equal(count(summary, "ws_messages_lost"), 0);
  assert.match(
    JSON.stringify(summary.notes),
    /the server did not take a message sent by HTTP: http_503, which counts as ws_message_errors\{reason:error_reply\}/,
  );
  assert.doesNotMatch(JSON.stringify(summary), /hidden/);
});

test("ordering: a publication that the server does not take is an error, and not lost", async (t) => {
  const { server } = await reference(t);
  let refused = 0;
  let asked = 0;
  const origin = await startStreamProxy(t, server.httpUrl, {
    refuse: ({ method }) => method === "POST" && ++asked % 3 === 0 && ++refused > 0,
  });
  const { summary } = await summaryOf(t, "x/ordering", {
    SSE_URL: `${origin}/sse/rooms/\${room}`,
    CONNECTIONS: 3,
    ROOMS: 1,
    MESSAGE_INTERVAL: "100ms",
    DURATION: "1s",
    REPLY_TIMEOUT: "2s",
  });
  const { published } = server.stats();
  assert.ok(refused > 0);
  assert.equal(count(summary, "ws_publications"), published + refused);
  assert.equal(server.stats().streamEvents, 3 * published);
  assert.equal(count(summary, "sse_events"), 3 * published);
  const reads = count(summary, "sse_reads");
  assert.ok(0 < reads && reads <= 3 * published, `${reads} reads`);
  const open = summary.metrics.sse_active_streams;
  assert.ok(open?.kind === "gauge" && open.max === 3 && open.value === 0, JSON.stringify(open));
  assert.equal(count(summary, "ws_message_errors{reason:error_reply}"), refused);
  assert.equal(count(summary, "ws_messages_lost"), 0);
  assert.deepEqual(outcomes(summary, "ws_delivery_success_rate"), { passes: 3 * published, fails: 0 });
});

describe("what becomes of events while a client is away is counted exactly", { concurrency: true }, () => {
  const ROOM = { CONNECTIONS: 4, ROOMS: 1, MESSAGE_INTERVAL: "50ms", DURATION: "4s", REPLY_TIMEOUT: "6s" };
  const rows: [sentence: string, env: Env, faults: Parameters<Server["faults"]["set"]>[0]][] = [
    ["streams that their server resets", {}, { cutStreams: { afterEvents: 10, count: 12 } }],
    [
      "streams that end in order, half an event before",
      {},
      { cutStreams: { afterEvents: 10, count: 12, how: "end", inEvent: true } },
    ],
    ["three cuts of this side", { CUTS: 3 }, {}],
    ["replays that lose and repeat", { CUTS: 3 }, { loseReplays: { every: 3 }, repeatReplays: { every: 4 } }],
  ];
  for (const [sentence, env, faults] of rows) {
    test(sentence, async (t) => {
      const { server, url } = await reference(t);
      server.faults.set(faults);
      const { summary } = await summaryOf(t, "x/reconnect", { SSE_URL: url, ...ROOM, ...env });
      const { replaysLost, replaysRepeated } = server.stats();
      const got = (fate: string) => count(summary, `ws_gap_messages{fate:${fate}}`);
      const isCutHere = "CUTS" in env;
      // The publisher's stream, the last of those that open first, may be cut by the server as well: none is its own.
      if (isCutHere) {
        assert.deepEqual(
          { lost: got("lost"), repeated: got("repeated") },
          { lost: replaysLost, repeated: replaysRepeated },
        );
        // A cut that is due while a client is away comes later, and not at all once the publications are over.
        const reconnects = count(summary, "ws_reconnects");
        assert.ok(reconnects > 0);
        assert.equal(reconnects + count(summary, "ws_unmeasured{reason:cuts}"), 12);
        assert.equal(count(summary, "ws_connection_drops"), 0, "this side's cuts are nobody's drops");
      } else {
        assert.ok(count(summary, "ws_reconnects") > 0);
        assert.deepEqual([got("lost"), got("repeated")], [0, 0]);
        const code = "how" in (faults.cutStreams ?? {}) ? "end_of_stream" : "1006";
        const dropped = count(summary, `ws_connection_drops{code:${code}}`);
        assert.equal(dropped, count(summary, "ws_connection_drops"));
        assert.ok(dropped >= count(summary, "ws_reconnects"));
      }
      for (const fault of ["lost", "duplicated", "reordered"]) {
        assert.equal(count(summary, `ws_messages_${fault}`), 0, fault);
      }
      assert.ok(got("replayed") > 0);
      const waits = trend(summary, "ws_reconnect_time_ms");
      assert.ok(waits.min! >= 100, `whole again after ${waits.min} ms, where the server asked for 100`);
      const caughtUp = trend(summary, "ws_caught_up_ms").count;
      // One that is cut off again before it has caught up does so once.
      if (isCutHere && replaysLost === 0)
        assert.ok(0 < caughtUp && caughtUp <= count(summary, "ws_reconnects"), `${caughtUp} times caught up`);
    });
  }
});

test("a cut that falls due while a client comes back is made once it is back", async (t) => {
  const { server } = await reference(t);
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const origin = await startStreamProxy(t, server.httpUrl, {
    hold(request, body) {
      // The second cut is due at 1.5 s, publication 35 at 1.7 s.
      if (/"seq":3[5-9]/.test(body)) release();
      return request.headers["last-event-id"] === undefined ? undefined : released;
    },
  });
  const { summary } = await summaryOf(t, "x/reconnect", {
    SSE_URL: `${origin}/sse/rooms/\${room}`,
    CONNECTIONS: 1,
    ROOMS: 1,
    CUTS: 2,
    MESSAGE_INTERVAL: "50ms",
    DURATION: "2s",
    REPLY_TIMEOUT: "2s",
  });
  assert.equal(count(summary, "ws_reconnects"), 2);
  assert.equal(count(summary, "ws_outcomes{outcome:came_back}"), 1);
  assert.equal(count(summary, "ws_messages_lost"), 0);
});

test("a run ends although publications wait for a server that answers none", async (t) => {
  const { server } = await reference(t);
  let held = 0;
  const origin = await startStreamProxy(t, server.httpUrl, {
    hold({ method }) {
      if (method !== "POST") return undefined;
      held++;
      return new Promise(() => {});
    },
  });
  const { summary } = await summaryOf(t, "x/reconnect", {
    SSE_URL: `${origin}/sse/rooms/\${room}`,
    CONNECTIONS: 1,
    ROOMS: 1,
    MESSAGE_INTERVAL: "20ms",
    DURATION: "1s",
    REPLY_TIMEOUT: "1s",
  });
  const published = count(summary, "ws_publications");
  assert.ok(published > 10);
  assert.ok(held < published, `${held} of ${published} requests, each of which takes its second`);
  assert.equal(count(summary, "ws_message_errors{reason:unsent}"), published);
  assert.equal(count(summary, "ws_messages_lost"), 0, "none was taken");
});

describe("what cannot be is refused by name", () => {
  const url = "http://127.0.0.1:1/events";
  const rows: [sentence: string, scenario: string, env: Env, k6: string, message: RegExp][] = [
    [
      "stock sockets",
      "connect",
      { SSE_URL: url },
      STOCK_K6,
      /SSE_URL: expected bin\/k6 with dist\/x\/connect\.js/,
    ],
    [
      "a scenario that has no use for them",
      "browser-chat",
      { SSE_URL: url },
      OUR_K6,
      /SSE_URL: expected WS_URL, since browser-chat has no use/,
    ],
    [
      "a protocol without a probe",
      "mass-soak",
      { SSE_URL: url, PROTOCOL: "events" },
      OUR_K6,
      /PROTOCOL: expected a protocol with a \\?"probe\\?", got \\?"events\\?" without one; on an event stream a probe goes by HTTP/,
    ],
    [
      "a protocol that sends",
      "massconnect",
      { SSE_URL: url, PROTOCOL: "chat" },
      OUR_K6,
      /PROTOCOL: expected a protocol that sends nothing on the connection.*got \\?"chat\\?" with session\[0\]\.send/,
    ],
    [
      "both URLs",
      "massconnect",
      { SSE_URL: url, WS_URL: "ws://127.0.0.1:1/" },
      OUR_K6,
      /SSE_URL: expected no WS_URL beside it/,
    ],
    ["an empty URL", "massconnect", { SSE_URL: "" }, OUR_K6, /SSE_URL: expected an http.*got an empty text/],
    [
      "a WebSocket's URL",
      "massconnect",
      { SSE_URL: "ws://127.0.0.1:1/" },
      OUR_K6,
      /SSE_URL: expected an http.*write http:/,
    ],
    [
      "servers of the other kind",
      "massconnect",
      { SSE_URL: url, SERVERS: "ws://127.0.0.1:1/" },
      OUR_K6,
      /SERVERS: expected http:\/\/ or https:\/\/ URLs beside SSE_URL/,
    ],
    [
      "nobody who publishes",
      "fan-out",
      { SSE_URL: url, PROTOCOL: "events" },
      OUR_K6,
      /want one with a publish message, got \\?"events\\?"/,
    ],
  ];
  for (const [sentence, scenario, env, k6, message] of rows) {
    test(sentence, async (t) => {
      const { code, stderr } = await run(t, scenario, env, k6);
      assert.notEqual(code, 0);
      assert.match(stderr, message);
    });
  }
});
