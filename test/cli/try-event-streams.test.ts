/** `k6-realtime try` of an event stream. */
import assert from "node:assert/strict";
import type { RequestListener } from "node:http";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { httpServer } from "../http-server.ts";
import { lastLine, reference, tryOut } from "./try-out.ts";

const ROOM = "/sse/rooms/${room}";

test("events as they come, what they are taken for, and what is published by HTTP", async (t) => {
  const { httpUrl } = await reference(t, { retryMs: 250, keepAliveMs: 100 });
  const argv = ["--url", httpUrl + ROOM, "--protocol", "room-events", "--publish", "1"];
  const until = /delivery id=published-1 (.|\n)*comment/;
  const { code, out } = await tryOut(argv, { until });
  assert.equal(code, 0, out);
  for (const said of [
    /→ GET http:\S*\/sse\/rooms\/load-test-room-0, with Authorization\n/,
    /← 200, an event stream\n/,
    /← retry: 250 ms before a reconnection\n/,
    /← comment {2}keep-alive\n/,
    /→ .*\n += publish\n/,
    /← \d+ bytes {2}\{"event":"message","id":"\d+","data":\{.*\n += delivery id=published-1 /,
    /→ end of the connection\n/,
  ])
    assert.match(out, said);
  assert.doesNotMatch(out, /test-token/);
});

test("SSE_URL names the stream, and its protocol is events: what is no JSON is a text", async (t) => {
  const origin = await httpServer(t, ({ headers: { accept } }, response) => {
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    response.write(`event: tick\ndata: accept ${accept}\n\ndata: [1,\ndata: 2]\n\n`);
  });
  const env = { SSE_URL: `${origin}/events`, WS_TOKEN: "" };
  const { code, out } = await tryOut(["--json"], {
    env,
    until: /"event":"received".*\n.*"event":"received"/,
  });
  assert.equal(code, 0, out);
  const texts = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
    .filter(({ event }) => event === "received")
    .map(({ text }) => JSON.parse(text));
  assert.deepEqual(texts, [
    { event: "tick", data: "accept text/event-stream" },
    { event: "message", data: [1, 2] },
  ]);
});

test("a compressed stream is inflated", async (t) => {
  const origin = await httpServer(t, (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream", "content-encoding": "gzip" });
    response.end(gzipSync("id: 7\ndata: 1\n\n"));
  });
  const tried = await tryOut(["--url", origin]);
  assert.match(tried.out, /\{"event":"message","id":"7","data":1\}\n/);
  assert.match(lastLine(tried), /^failed: the server ended the stream \S+ ?\S* after it opened$/);
});

describe("what is wrong is named", () => {
  const stream = { "content-type": "text/event-stream" };
  const rows: [sentence: string, listener: RequestListener, argv: string[], verdict: RegExp][] = [
    [
      "another content type",
      (_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<p>"),
      [],
      /no event stream: HTTP 200 with content type text\/html/,
    ],
    [
      "204",
      (_, response) => response.writeHead(204).end(),
      [],
      /HTTP 204, which asks clients not to come again/,
    ],
    [
      "a redirect",
      (_, response) => response.writeHead(307, { location: "/there?key=hidden" }).end(),
      [],
      /HTTP 307, a redirect to \/there\?…/,
    ],
    [
      "a stream that breaks off",
      (_, response) => response.writeHead(200, stream).write("data: 1\n\n", () => response.destroy()),
      [],
      /the stream broke off/,
    ],
    [
      "a line without end",
      (_, response) => response.writeHead(200, stream).write(`data: ${"x".repeat(100_000)}`),
      ["--message-bytes", "65536"],
      /larger than 65536 bytes: raise --message-bytes/,
    ],
  ];
  for (const [sentence, listener, argv, verdict] of rows) {
    test(sentence, async (t) => {
      const tried = await tryOut(["--url", await httpServer(t, listener), ...argv]);
      assert.notEqual(tried.code, 0);
      assert.match(lastLine(tried), verdict);
      assert.doesNotMatch(tried.out, /hidden/);
    });
  }
});

test("publications that the server does not take are named", async (t) => {
  const origin = await httpServer(t, (request, response) => {
    if (request.method === "POST") response.writeHead(503).end();
    else response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
  });
  const argv = ["--url", `${origin}/rooms/a`, "--protocol", "room-events", "--publish", "1", "--probes", "0"];
  const tried = await tryOut(argv, { until: /did not take/ });
  assert.equal(tried.code, 1);
  assert.match(lastLine(tried), /^failed: the server did not take a publish by HTTP: HTTP 503/);
});

describe("a wrong command line is refused before anything is sent", () => {
  const url = "http://127.0.0.1:1/";
  const rows: [argv: string[], env: NodeJS.ProcessEnv, said: RegExp][] = [
    [["--url", url, "--protocol", "chat"], {}, /--protocol: expected a protocol that sends nothing/],
    [["--url", "http://user@127.0.0.1:1/"], {}, /--url: expected .*got one with a user name/],
    [[], { SSE_URL: url, WS_URL: "ws://127.0.0.1:1/" }, /SSE_URL: expected no WS_URL beside it/],
  ];
  for (const [argv, env, said] of rows) {
    test(`${argv.join(" ")} ${Object.keys(env).join(" ")}`, async () => {
      const { code, err } = await tryOut(argv, { env });
      assert.equal(code, 2);
      assert.match(err, said);
    });
  }
});
