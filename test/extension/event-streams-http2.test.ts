/** Event streams over HTTP/2: real k6, Node.js's HTTP/2 before the reference server, whose own counts are the truth. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { constants, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { startServer } from "../../server/server.ts";
import { selfSignedCertificate } from "../../server/tls.ts";
import { tryOut } from "../cli/try-out.ts";
import { connectProxy } from "../connect-proxy.ts";
import { type Http2FrontOptions, http2Front } from "../http2-front.ts";
import { count, outcomes, trend } from "../k6/figures.ts";
import { OUR_K6, runK6 } from "../k6/run.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

type Env = Record<string, string | number>;
type ServerOptions = Parameters<typeof startServer>[0];

const INSECURE = { K6_INSECURE_SKIP_TLS_VERIFY: "true" };

async function reference(t: TestContext, options: Http2FrontOptions = {}, more: ServerOptions = {}) {
  const server = await startServer({ retryMs: 100, ...more });
  t.after(() => server.close());
  const front = await http2Front(t, server.httpUrl, options);
  return { server, front, url: `${front.origin}/sse/rooms/\${room}` };
}

async function summaryOf(t: TestContext, scenario: string, env: Env, processEnv = {}) {
  const done = await runK6(t, {
    scenario,
    k6: OUR_K6,
    env: { HTTP_VERSION: 2, STREAMS_PER_CONNECTION: 10, ...env },
    processEnv,
  });
  assert.ok(done.summary, done.stderr);
  return { ...done, summary: done.summary };
}

const ROOMS = { PROTOCOL: "room-events" };

const notesOf = ({ notes = [] }: { readonly notes?: readonly string[] }) => notes.join("\n");

describe("a load of event streams over HTTP/2 is what the server counts", { concurrency: 3 }, () => {
  for (const [name, secure] of [
    ["by prior knowledge", false],
    ["by TLS", true],
  ] as const) {
    test(`publications come once to all of their room, ${name}`, async (t) => {
      const { server, front, url } = await reference(t, secure ? { tls: await selfSignedCertificate() } : {});
      const load = { SSE_URL: url, ...ROOMS, CONNECTIONS: 30, ROOMS: 3, PUBLISH_RATE: 20, DURATION: "2s" };
      const { summary, code } = await summaryOf(t, "fan-out", load, INSECURE);
      assert.equal(code, 0, summary.reason);
      assert.equal(count(summary, "ws_deliveries"), 40 * 10);
      assert.deepEqual(outcomes(summary, "ws_delivery_success_rate"), { passes: 400, fails: 0 });
      // A publisher hears its room, too.
      assert.equal(count(summary, "sse_events"), server.stats().streamEvents);
      assert.equal(server.stats().streamEvents, 40 * 11);
      assert.equal(front.did.requests["GET by 2.0"], 34, "30, the publishers' three, and the check before");
      assert.equal(front.did.requests[secure ? "POST by 2.0" : "POST by 1.1"], 40);
      assert.equal(count(summary, "ws_tcp_connections"), 4);
      assert.match(notesOf(summary), /^HTTP\/2: 33 connections were streams on 4 TCP connections/m);
      const [first, connect] = [trend(summary, "sse_first_byte_ms"), trend(summary, "ws_connect_latency_ms")];
      assert.ok(first.count === 33 && first.min! > 0 && first.max! <= connect.max! + 0.01);
    });
  }

  test("probes by HTTP are each connection's own", async (t) => {
    const { server, url } = await reference(t);
    const { summary, code } = await summaryOf(t, "x/idle", { SSE_URL: url, ...ROOMS, IDLE: "1s", ROOMS: 1 });
    assert.equal(code, 0, summary.reason);
    assert.deepEqual([count(summary, "ws_probes"), count(summary, "ws_replies")], [10, 10]);
    assert.ok(server.stats().streamEvents > 10, "more than each one's own");
  });

  test("through a proxy's tunnel", async (t) => {
    const { server, url } = await reference(t);
    const proxy = await connectProxy(t);
    const { summary, code } = await summaryOf(
      t,
      "massconnect",
      { SSE_URL: url.replace("127.0.0.1", "server.test"), CONNECTIONS: 20, DURATION: "1s" },
      { HTTP_PROXY: `http://${proxy.address}` },
    );
    assert.equal(code, 0, summary.reason);
    assert.deepEqual([count(summary, "ws_sessions_opened"), server.stats().streamsOpened], [20, 21]);
    assert.deepEqual([count(summary, "ws_tcp_connections"), proxy.tunnels()], [2, 3]);
  });

  test("streams that their server breaks off are dropped by it, and resumed", async (t) => {
    const { server, url } = await reference(t);
    server.faults.set({ cutStreams: { afterEvents: 10, count: 6 } });
    const { summary } = await summaryOf(t, "x/reconnect", {
      ...ROOMS,
      SSE_URL: url,
      CONNECTIONS: 4,
      ROOMS: 1,
      MESSAGE_INTERVAL: "50ms",
      DURATION: "3s",
      REPLY_TIMEOUT: "6s",
    });
    const dropped = count(summary, "ws_connection_drops{code:1006}")!;
    assert.ok(dropped > 0);
    assert.equal(count(summary, "ws_connection_drops{by:server}"), dropped);
    assert.equal(count(summary, "ws_message_errors{reason:http2_reset}"), dropped);
    for (const fault of ["lost", "duplicated", "reordered"])
      assert.equal(count(summary, `ws_messages_${fault}`), 0, fault);
  });

  test("redirects keep to the TCP connection that they came on", async (t) => {
    const moved = (asked: Http2ServerRequest, answer: Http2ServerResponse) => {
      if (!asked.url.startsWith("/old")) return false;
      answer.writeHead(307, { location: asked.url.replace("/old", "/sse/rooms") }).end();
      return true;
    };
    const { front, server } = await reference(t, { instead: moved });
    const { summary, code } = await summaryOf(t, "massconnect", {
      SSE_URL: `${front.origin}/old/\${room}`,
      CONNECTIONS: 20,
      DURATION: "1s",
    });
    assert.equal(code, 0, summary.reason);
    assert.equal(count(summary, "ws_sessions_opened"), 20);
    assert.equal(server.stats().streamsOpened, 21, "with the check before the load");
    assert.equal(front.did.requests["GET by 2.0"], 42);
    assert.equal(front.did.sessions, 3, "two, and the check's");
  });

  test("every token of a token stream is accounted for", async (t) => {
    const { server, front } = await reference(t, {}, { completions: { firstMs: 20, gapMs: 2 } });
    const PROFILE = join(await temporaryDirectory(t), "patient.json");
    await writeFile(PROFILE, JSON.stringify({ thresholds: { token_success_rate: ["rate>=0"] } }));
    const { summary, code, stderr } = await summaryOf(t, "token-stream", {
      PROFILE,
      SSE_URL: `${front.origin}/v1/chat/completions`,
      RATE: 100,
      DURATION: "2s",
      MAX_TOKENS: 20,
      STREAM_TIMEOUT: "30s",
    });
    assert.equal(code, 0, stderr);
    const stats = server.stats();
    const of = (series: string) => count(summary, series);
    assert.deepEqual(outcomes(summary, "token_success_rate"), { passes: 200, fails: 0 });
    assert.deepEqual(
      [of("token_output_tokens"), of("token_chunks"), of("token_events")],
      [4_000, stats.chunksSent, stats.streamEvents],
    );
    assert.equal(stats.tokensGenerated, 4_000);
    assert.equal(front.did.requests["POST by 2.0"], 200);
    assert.ok(front.did.sessions < 200, `${front.did.sessions} TCP connections`);
    assert.equal(trend(summary, "token_connect_ms").count, front.did.sessions);
  });
});

test("after cuts of this side streams are resumed, and nothing is lost or repeated", async (t) => {
  const { url } = await reference(t);
  const { summary } = await summaryOf(t, "x/reconnect", {
    ...ROOMS,
    SSE_URL: url,
    CUTS: 3,
    CONNECTIONS: 4,
    ROOMS: 1,
    MESSAGE_INTERVAL: "100ms",
    DURATION: "3s",
    REPLY_TIMEOUT: "8s",
  });
  const got = (fate: string) => count(summary, `ws_gap_messages{fate:${fate}}`);
  assert.deepEqual([got("lost"), got("repeated")], [0, 0], notesOf(summary));
  assert.ok(got("replayed")! > 0);
  assert.equal(count(summary, "ws_messages_lost"), 0);
  assert.ok(count(summary, "ws_reconnects")! > 0);
  assert.equal(count(summary, "ws_connection_drops"), 0, "this side's cuts are nobody's drops");
});

test("a slow reader of a stream stops none that shares its TCP connection", async (t) => {
  const { url } = await reference(t);
  const { summary, stderr } = await summaryOf(t, "backpressure", {
    ...ROOMS,
    PROFILE: "",
    SSE_URL: url,
    CONNECTIONS: 4,
    SLOW_READERS: 2,
    BASELINE_TIME: "1s",
    PAUSE: "200ms",
    BURST: "2s",
    BURST_RATE: 20,
    BURST_BYTES: 16_384,
    HOLD: "1s",
    RESUME: "1s",
    DRAIN: "20s",
    HARM_THRESHOLD: "5s",
    REPLY_TIMEOUT: "10s",
  });
  assert.equal(summary.verdict, "pass", `${summary.reason}\n${stderr}`);
  assert.equal(count(summary, "ws_outcomes{outcome:queued}"), 2, stderr);
});

describe("try opens an event stream over HTTP/2", { concurrency: true }, () => {
  const tried = (url: string, ...more: string[]) =>
    tryOut(["--url", url, "--http-version", "2", "--for", "1s", ...more]);

  for (const [name, secure] of [
    ["by prior knowledge", false],
    ["by TLS", true],
  ] as const)
    test(name, async (t) => {
      const { front, url } = await reference(t, secure ? { tls: await selfSignedCertificate() } : {});
      const publishes = ["--protocol", "room-events", "--probes", "0", "--publish", "1"];
      const { code, out, err } = await tryOut(
        [
          ...["--url", url, "--http-version", "2", ...publishes],
          ...(secure ? ["--insecure-skip-tls-verify"] : []),
        ],
        { until: /delivery id=published-1 / },
      );
      assert.equal(code, 0, out + err);
      assert.match(out, /← 200 over HTTP\/2, an event stream\n/);
      assert.deepEqual(front.did.requests, { "GET by 2.0": 1, [`POST by ${secure ? "2.0" : "1.1"}`]: 1 });
    });

  const { NGHTTP2_REFUSED_STREAM, NGHTTP2_ENHANCE_YOUR_CALM } = constants;
  const streaming = (answer: Http2ServerResponse) => {
    answer.writeHead(200, { "content-type": "text/event-stream" });
    answer.write("data: 1\n\n");
  };
  const rows: [sentence: string, what: (answer: Http2ServerResponse) => void, says: RegExp][] = [
    ["one that answers with a status", (answer) => answer.writeHead(403).end(), /← 403/],
    [
      "one that refuses the stream",
      (answer) => answer.stream.close(NGHTTP2_REFUSED_STREAM),
      /RST_STREAM REFUSED_STREAM \(http2_refused\)/,
    ],
    [
      "one that resets the stream",
      (answer) => {
        streaming(answer);
        setImmediate(() => answer.stream.destroy(new Error("on purpose")));
      },
      /ended the stream .* after it opened: RST_STREAM INTERNAL_ERROR \(http2_reset\)/,
    ],
    [
      "one that goes away",
      (answer) => {
        streaming(answer);
        const session = answer.stream.session!;
        session.goaway(NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from("full"));
        setImmediate(() => session.destroy());
      },
      /ended the stream .* after it opened: GOAWAY ENHANCE_YOUR_CALM: full \(http2_goaway\)/,
    ],
    [
      "one that ends the stream",
      (answer) => {
        streaming(answer);
        answer.end();
      },
      /the server ended the stream \S+ ?\S* after it opened\n/,
    ],
  ];
  for (const [sentence, what, says] of rows)
    test(`and names ${sentence}`, async (t) => {
      const instead = (_: Http2ServerRequest, answer: Http2ServerResponse) => {
        what(answer);
        return true;
      };
      const { front } = await reference(t, { instead });
      const { code, out } = await tried(front.origin);
      assert.notEqual(code, 0);
      assert.match(out, says);
    });
});
