/** WebSocket over HTTP/2 (RFC 8441) against Node.js's HTTP/2, and our own servers. Real k6, real sockets. */
import assert from "node:assert/strict";
import { constants, type ServerHttp2Stream } from "node:http2";
import { describe, test } from "node:test";
import { startServer } from "../../bench/processes.ts";
import { selfSignedCertificate } from "../../server/tls.ts";
import { tryOut } from "../cli/try-out.ts";
import { connectProxy } from "../connect-proxy.ts";
import { type Http2Options, http2Echo } from "../http2-server.ts";
import { count } from "../k6/figures.ts";
import { OUR_K6, runK6, STOCK_K6 } from "../k6/run.ts";
import { massSoak, reference } from "../k6/short-soak.ts";
import { rawServer } from "../raw-server.ts";

const TWO = { HTTP_VERSION: "2", PROTOCOL: "echo" };
const INSECURE = { K6_INSECURE_SKIP_TLS_VERIFY: "true" };

describe("a load over HTTP/2 is what the server counts", () => {
  for (const [name, secure] of [
    ["by prior knowledge", false],
    ["by TLS", true],
  ] as const) {
    test(name, async (t) => {
      const server = await http2Echo(t, secure ? { tls: await selfSignedCertificate() } : {});
      const { summary, stderr } = await massSoak(t, {
        env: { WS_URL: server.url, ...TWO, STREAMS_PER_CONNECTION: 8 },
        processEnv: INSECURE,
      });
      assert.ok(summary, stderr);
      const { sessions, opened, received, closed } = server.did;
      assert.deepEqual(
        [count(summary, "ws_sessions_opened"), opened, closed],
        [20, 21, 21], // the check before the load is one of them
      );
      assert.equal(count(summary, "ws_probes"), received);
      assert.equal(count(summary, "ws_replies"), received);
      assert.equal(count(summary, "ws_messages_lost") ?? 0, 0);
      assert.deepEqual([count(summary, "ws_tcp_connections"), sessions], [3, 4]);
      assert.match(
        summary.notes?.join("\n") ?? "",
        /^HTTP\/2: 20 connections were streams on 3 TCP connections, 6\.67 on each$/m,
      );
    });
  }

  test("with the engine's sockets of a script", async (t) => {
    const server = await http2Echo(t);
    const { summary, stderr } = await runK6(t, {
      scenario: "x/chat-soak",
      k6: OUR_K6,
      env: {
        WS_URL: server.url,
        ...TWO,
        CONNECTIONS: 6,
        RAMP: "0s",
        DURATION: "6s",
        RAMP_DOWN: "0s",
        PROBE_INTERVAL: "500ms",
        REPLY_TIMEOUT: "4s",
      },
    });
    assert.ok(summary, stderr);
    assert.equal(count(summary, "ws_sessions_opened"), 6);
    assert.equal(count(summary, "ws_replies"), server.did.received);
    assert.equal(count(summary, "ws_tcp_connections"), server.did.sessions - 1);
    assert.match(
      summary.notes?.join("\n") ?? "",
      /^HTTP\/2: 6 connections were streams on \d TCP connection/m,
    );
  });

  test("through a proxy's tunnel", async (t) => {
    const server = await http2Echo(t);
    const proxy = await connectProxy(t);
    const { summary, stderr } = await massSoak(t, {
      env: { WS_URL: server.url.replace("127.0.0.1", "server.test"), ...TWO, STREAMS_PER_CONNECTION: 10 },
      processEnv: { HTTP_PROXY: `http://${proxy.address}` },
    });
    assert.ok(summary, stderr);
    assert.deepEqual([proxy.tunnels(), server.did.sessions, server.did.opened], [3, 3, 21]);
    assert.equal(count(summary, "ws_replies"), server.did.received);
  });

  test("with a server that takes fewer streams than were asked for", async (t) => {
    const server = await http2Echo(t, { maxStreams: 5 });
    const { summary, stderr } = await massSoak(t, { env: { WS_URL: server.url, ...TWO } });
    assert.ok(summary, stderr);
    assert.deepEqual([count(summary, "ws_sessions_opened"), count(summary, "ws_tcp_connections")], [20, 4]);
  });

  test("against our own server, where nothing is lost in fan-out", async (t) => {
    const server = await startServer("room-server", "--listen", "127.0.0.1:0", "--compression", "deflate");
    t.after(() => server.stop());
    const { summary, stderr } = await runK6(t, {
      scenario: "fan-out",
      k6: OUR_K6,
      env: {
        WS_URL: server.url,
        HTTP_VERSION: "2",
        CONNECTIONS: 40,
        RATE: 200,
        PUBLISH_RATE: 40,
        ROOMS: 1,
        DURATION: "2s",
        STREAMS_PER_CONNECTION: 10,
        COMPRESSION: "deflate",
      },
    });
    assert.ok(summary, stderr);
    assert.equal(count(summary, "ws_deliveries"), 80 * 40);
    assert.equal(count(summary, "ws_messages_lost") ?? 0, 0);
    assert.equal(count(summary, "ws_sessions_compressed"), 41);
    assert.equal(count(summary, "ws_tcp_connections"), 5);
    const report = JSON.parse((await server.stop()).trim().split("\n").at(-1)!);
    assert.equal(report.deliveriesSent, 80 * 40);
  });
});

test("a reader that stops fills its own stream, and harms none that share its TCP connection", async (t) => {
  const server = await startServer("room-server", "--listen", "127.0.0.1:0");
  t.after(() => server.stop());
  const { summary, stderr } = await runK6(t, {
    scenario: "backpressure",
    k6: OUR_K6,
    env: {
      PROFILE: "",
      WS_URL: server.url,
      HTTP_VERSION: "2",
      CONNECTIONS: 4,
      SLOW_READERS: 2,
      BASELINE_TIME: "1s",
      PAUSE: "200ms",
      BURST: "2s",
      BURST_RATE: 50,
      BURST_BYTES: 65_536,
      HOLD: "1s",
      RESUME: "1s",
      DRAIN: "20s",
      HARM_THRESHOLD: "5s",
      REPLY_TIMEOUT: "10s",
    },
  });
  assert.ok(summary, stderr);
  assert.equal(summary.verdict, "pass", `${summary.reason}\n${stderr}`);
  assert.equal(count(summary, "ws_outcomes{outcome:closed}"), 2, stderr);
  assert.equal(count(summary, "ws_message_errors{reason:http2_reset}"), 2);
  assert.equal(count(summary, "ws_connection_drops{by:server}"), 2);
  assert.equal(count(summary, "ws_tcp_connections"), 1);
  const report = JSON.parse((await server.stop()).trim().split("\n").at(-1)!);
  assert.deepEqual([report.tooSlow, report.published], [2, count(summary, "ws_publications")]);
});

test("hundreds of readers and their server count alike, and the slow ones wait in the server", async (t) => {
  const server = await startServer("room-server", "--listen", "127.0.0.1:0");
  t.after(() => server.stop());
  const { summary, stderr } = await runK6(t, {
    scenario: "backpressure",
    k6: OUR_K6,
    env: {
      PROFILE: "",
      WS_URL: server.url,
      HTTP_VERSION: "2",
      STREAMS_PER_CONNECTION: 50,
      CONNECTIONS: 190,
      SLOW_READERS: 10,
      BASELINE_TIME: "1s",
      PAUSE: "1s",
      BURST: "2s",
      BURST_RATE: 5,
      BURST_BYTES: 16_384,
      HOLD: "1s",
      RESUME: "1s",
      PUBLISH_RATE: 2,
      PROBE_INTERVAL: "10s",
      DRAIN: "60s",
      HARM_THRESHOLD: "20s",
      CONNECT_TIMEOUT: "60s",
      REPLY_TIMEOUT: "60s",
    },
  });
  assert.ok(summary, stderr);
  assert.equal(summary.verdict, "pass", `${summary.reason}\n${stderr}`);
  assert.equal(count(summary, "ws_outcomes{outcome:queued}"), 10, stderr);
  assert.equal(count(summary, "ws_tcp_connections"), 5); // the publisher and the control are beside
  const report = JSON.parse((await server.stop()).trim().split("\n").at(-1)!);
  const published = count(summary, "ws_publications")!;
  assert.deepEqual([report.published, report.deliveriesSent], [published, published * 200]);
  assert.equal(count(summary, "ws_deliveries"), published * 200);
});

/** Does that with a request in place of an answer. */
const instead = (what: (stream: ServerHttp2Stream) => void): Http2Options => ({
  instead(stream) {
    what(stream);
    return true;
  },
});

describe("a server that takes no WebSocket over HTTP/2 is named", () => {
  const { NGHTTP2_REFUSED_STREAM, NGHTTP2_ENHANCE_YOUR_CALM } = constants;
  const goAway = ({ session }: ServerHttp2Stream) => {
    session!.goaway(NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from("full"));
    setImmediate(() => session!.destroy());
  };
  const rows: [sentence: string, reason: string, options: Http2Options, says: RegExp][] = [
    [
      "one without extended CONNECT",
      "http2_no_websocket",
      { connect: false },
      /SETTINGS_ENABLE_CONNECT_PROTOCOL/,
    ],
    [
      "one that refuses the stream",
      "http2_refused",
      instead((stream) => stream.close(NGHTTP2_REFUSED_STREAM)),
      /RST_STREAM REFUSED_STREAM/,
    ],
    [
      "one that resets it",
      "http2_reset",
      instead((stream) => stream.close(NGHTTP2_ENHANCE_YOUR_CALM)),
      /RST_STREAM ENHANCE_YOUR_CALM/,
    ],
    ["one that goes away", "http2_goaway", instead(goAway), /GOAWAY ENHANCE_YOUR_CALM: full/],
    [
      "one that answers with a status",
      "http_403",
      instead((stream) => stream.respond({ ":status": 403 }, { endStream: true })),
      /HTTP 403/,
    ],
  ];
  for (const [sentence, reason, options, says] of rows)
    test(sentence, async (t) => {
      const server = await http2Echo(t, options);
      const { summary, stderr } = await massSoak(t, { env: { WS_URL: server.url, ...TWO } });
      assert.equal(count(summary!, `ws_connect_failures{reason:${reason}}`), 1, stderr);
      assert.match(stderr, says);
    });

  test("one that speaks HTTP/1.1 alone", async (t) => {
    const server = await rawServer(t, (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    const { summary, stderr } = await massSoak(t, { env: { WS_URL: server, ...TWO } });
    assert.equal(count(summary!, "ws_connect_failures{reason:http2_unsupported}"), 1, stderr);
    assert.match(stderr, /answers by HTTP\/1\.1/);
  });

  test("one that does not choose it in TLS", async (t) => {
    const server = await reference(t, { tls: await selfSignedCertificate() });
    const { summary, stderr } = await massSoak(t, {
      env: { WS_URL: `${server.url}/ws/chat`, ...TWO },
      processEnv: INSECURE,
    });
    assert.equal(count(summary!, "ws_connect_failures{reason:http2_unsupported}"), 1, stderr);
    assert.match(stderr, /did not choose h2/);
  });
});

test("an open connection that is reset has a name", async (t) => {
  const server = await http2Echo(t, {
    instead: (stream, n) => {
      if (n === 1) return false; // the check
      stream.respond({ ":status": 200 });
      stream.once("data", () => stream.destroy(new Error("on purpose")));
      return true;
    },
  });
  const { summary, stderr } = await massSoak(t, { env: { WS_URL: server.url, ...TWO } });
  assert.ok(summary, stderr);
  const dropped = count(summary, "ws_connection_drops{code:1006}");
  assert.ok(dropped! > 0);
  assert.equal(count(summary, "ws_connection_drops{by:server}"), dropped);
  assert.equal(count(summary, "ws_message_errors{reason:http2_reset}"), dropped);
});

describe("what cannot speak HTTP/2 says so before the load", () => {
  const rows: [sentence: string, scenario: string, k6: string][] = [
    ["stock k6", "chat-soak", STOCK_K6],
    ["the handshake's cases", "handshake", OUR_K6],
  ];
  for (const [sentence, scenario, k6] of rows)
    test(sentence, async (t) => {
      const { code, stderr } = await runK6(t, {
        scenario,
        k6,
        env: { WS_URL: "ws://127.0.0.1:1/", HTTP_VERSION: "2" },
      });
      assert.notEqual(code, 0);
      assert.match(stderr, /HTTP_VERSION: expected 1\.1/);
    });
});

describe("try connects by HTTP/2", () => {
  const tried = (url: string, ...more: string[]) =>
    tryOut(["--url", url, "--protocol", "echo", "--http-version", "2", "--for", "1s", ...more]);

  for (const [name, secure] of [
    ["by prior knowledge", false],
    ["by TLS", true],
  ] as const)
    test(name, async (t) => {
      const server = await http2Echo(t, secure ? { tls: await selfSignedCertificate() } : {});
      const { code, out, err } = await tried(server.url, ...(secure ? ["--insecure-skip-tls-verify"] : []));
      assert.equal(code, 0, out + err);
      assert.match(out, /← 200 over HTTP\/2, no subprotocol/);
      assert.match(out, /← Close 1000\n/);
      assert.equal(server.headers[0]![":protocol"], "websocket");
    });

  const rows: [sentence: string, options: Http2Options, says: RegExp][] = [
    ["a server without extended CONNECT", { connect: false }, /http2_no_websocket/],
    [
      "one that resets the stream",
      instead((stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM)),
      /RST_STREAM REFUSED_STREAM \(http2_refused\)/,
    ],
    [
      "one that answers with a status",
      instead((stream) => stream.respond({ ":status": 403 }, { endStream: true })),
      /← 403/,
    ],
  ];
  for (const [sentence, options, says] of rows)
    test(`and names ${sentence}`, async (t) => {
      const server = await http2Echo(t, options);
      const { code, out } = await tried(server.url);
      assert.notEqual(code, 0);
      assert.match(out, says);
    });

  test("and names one that speaks HTTP/1.1 alone", async (t) => {
    const url = await rawServer(t, (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    const { code, out } = await tried(url);
    assert.notEqual(code, 0);
    assert.match(out, /http2_unsupported/);
  });
});
