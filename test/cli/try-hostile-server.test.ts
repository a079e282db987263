/** `k6-realtime try` against a hostile server, which harms nothing. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { WebSocketServer } from "ws";
import { main } from "../../cli/main.ts";
import { accept, BINARY, CLOSE, close, frame, rawServer, TEXT } from "../raw-server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { lastLine, reference, tryOut } from "./try-out.ts";

/** Everything that a terminal acts upon or that makes text look like another. */
const ACTIVE = /[^\P{Cc}\n]|[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const EVIL = "\u001b]0;owned\u0007\u001b[2J\r\u009b31m\u202eabc\u2066\u200b\u2028\u007f";

test("a redirect is told without what may be a secret", async (t) => {
  const url = await rawServer(t, (socket) => {
    socket.end(
      "HTTP/1.1 302 Found\r\nLocation: https://me:s3cr3t@login.example/sso?token=s3cr3t#s3cr3t\r\nContent-Length: 0\r\n\r\n",
    );
  });
  const tried = await tryOut(["--url", url]);
  assert.equal(tried.code, 1);
  assert.match(lastLine(tried), /HTTP 302: it redirects to https:\/\/login\.example\/sso\?…, which no/);
  assert.ok(!tried.out.includes("s3cr3t"));
});

for (const json of [[], ["--json"]]) {
  const form = json.length > 0 ? "JSON" : "text";
  test(`control characters in messages and in a Close reason are escaped, in ${form}`, async (t) => {
    const url = await rawServer(t, (socket, request) => {
      socket.write(accept(request));
      socket.write(frame(TEXT, `{"type":"${EVIL}"}`));
      socket.write(frame(TEXT, EVIL));
      socket.write(frame(BINARY, EVIL));
      socket.write(frame(BINARY, Buffer.from([0x1b, 0xff])));
      socket.end(frame(CLOSE, close(4000, EVIL)));
    });
    const tried = await tryOut(["--url", url, "--protocol", "echo", ...json]);
    assert.equal(tried.code, 1);
    assert.ok(!ACTIVE.test(tried.out), JSON.stringify(tried.out.match(ACTIVE)));
    assert.match(tried.out, /\\u001b\]0;owned\\u0007/);
    assert.match(tried.out, /1bff/);
    if (json.length > 0) for (const line of tried.out.trimEnd().split("\n")) JSON.parse(line);
  });

  test(`a refusal's body is escaped, and cut, in ${form}`, async (t) => {
    const url = await rawServer(t, (socket) => {
      socket.write(`HTTP/1.1 403 Forbidden\r\nSet-Cookie: sid=s3cr3t-sid; Path=/\r\n\r\n${EVIL}`);
      const spam = () => socket.writable && socket.write("x".repeat(65_536), () => setImmediate(spam));
      spam();
    });
    const tried = await tryOut(["--url", url, ...json]);
    assert.equal(tried.code, 1, tried.out);
    assert.ok(!ACTIVE.test(tried.out));
    assert.match(tried.out, /\\u001b\]0;owned/);
    assert.ok(!tried.out.includes("s3cr3t-sid"), "a cookie is a credential");
    assert.ok(tried.out.length < 5_000);
  });

  test(`a token that comes back is not shown, however it is written, in ${form}`, async (t) => {
    const token = 'to"ken/9';
    const url = await rawServer(t, (socket, request) => {
      socket.write(accept(request, `X-Token: ${token}`));
      socket.write(frame(TEXT, `you are ${token}`));
      socket.write(frame(TEXT, JSON.stringify({ token, url: encodeURIComponent(token) })));
      socket.write(frame(TEXT, `${"x".repeat(296)}${token}`)); // where a line is cut
      socket.write(frame(BINARY, Buffer.concat([Buffer.from(token), Buffer.from([0xff])])));
      socket.write(frame(TEXT, "key-of-header query-of-url% query-of-url%25 one+two"));
      socket.end(frame(CLOSE, close(4000, token)));
    });
    const withSecrets = url.concat("?key=query-of-url%25&more=one+two");
    const tried = await tryOut(
      ["--url", withSecrets, "--protocol", "echo", "--header", "X-Key: key-of-header", ...json],
      { env: { WS_TOKEN: token } },
    );
    const spellings = [token, JSON.stringify(token).slice(1, -1), encodeURIComponent(token)];
    spellings.push(Buffer.from(token).toString("hex"), 'to"', "to\\", "key-of", "query-of", "one+");
    for (const spelling of spellings) assert.ok(!tried.out.includes(spelling), `${spelling} in ${tried.out}`);
    assert.match(tried.out, /you are \*\*\*/);
  });
}

test("a token that is a word of ours takes nothing apart", async (t) => {
  const server = await reference(t, { tokens: ["received", "text"] });
  for (const argv of [
    ["--token", "received"],
    ["--token", "text", "--json"],
  ]) {
    const tried = await tryOut(["--url", `${server.url}/ws/chat`, ...argv], { until: /RTT|"last":true/ });
    assert.equal(tried.code, 0, tried.out + tried.err);
    if (argv.includes("--json")) for (const line of tried.out.trimEnd().split("\n")) JSON.parse(line);
  }
});

test("a message of a million messages is taken apart up to a limit", async (t) => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  t.after(() => server.close());
  server.on("connection", (socket) => socket.send("x\n".repeat(1_000_000)));
  await once(server, "listening");
  const file = join(await temporaryDirectory(t), "lines.json");
  await writeFile(file, JSON.stringify({ name: "lines", delimiter: "\n", delivery: { where: { "/a": 1 } } }));
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tried = await tryOut(["--url", url, "--protocol-file", file, "--for", "1s", "--json"]);
  assert.equal(tried.out.match(/"event":"received"/g)?.length, 65_536);
});

test("a flood ends with its time, and no more is held than was taken from us", async (t) => {
  const url = await rawServer(t, (socket, request) => {
    socket.write(accept(request));
    const message = frame(TEXT, "x".repeat(60_000));
    const spam = () => socket.writable && socket.write(message, () => setImmediate(spam));
    spam();
  });
  const out = new PassThrough(); // nobody reads it
  const args = ["try", "--url", url, "--protocol", "echo", "--for", "1s", "--json"];
  const signal = new AbortController().signal;
  assert.equal(await main(args, { out, err: out, cwd: "/", env: {}, signal }), 1);
  assert.ok(out.readableLength + out.writableLength < 4_000_000, `${out.readableLength}`);
});

const answers: [sentence: string, answer: (request: string) => string | Buffer, reason: RegExp][] = [
  [
    "garbage instead of HTTP",
    () => "\u0000\u001b[2Jnonsense\r\n\r\n",
    /no connection: the answer is not HTTP/,
  ],
  [
    "headers without an end",
    () => "HTTP/1.1 101 Switching Protocols\r\nX: ",
    /no answer to the upgrade request/,
  ],
  [
    "a handshake that proves nothing",
    (request) => accept(request.replace(/^Sec-WebSocket-Key.*$/im, "")),
    /no connection: Invalid Sec-WebSocket-Accept header/,
  ],
  [
    "a frame with an opcode that does not exist",
    (request) => Buffer.concat([Buffer.from(accept(request)), frame(0xb, "x")]),
    /broke the WebSocket protocol: Invalid WebSocket frame: invalid opcode 11/,
  ],
  [
    "text that is no UTF-8",
    (request) => Buffer.concat([Buffer.from(accept(request)), frame(TEXT, Buffer.from([0xff]))]),
    /broke the WebSocket protocol: .*UTF-8/,
  ],
];
for (const [sentence, answer, reason] of answers) {
  test(sentence, async (t) => {
    const url = await rawServer(t, (socket, request) => socket.write(answer(request)));
    const tried = await tryOut(["--url", url, "--protocol", "echo", "--connect-timeout", "500ms"]);
    assert.equal(tried.code, 1, tried.out);
    assert.match(lastLine(tried), reason);
    assert.ok(!ACTIVE.test(tried.out));
  });
}

test("a subprotocol that was not offered, or none of those that were, is taken as k6 takes it, and told", async (t) => {
  const choices = [["Sec-WebSocket-Protocol: other.v2"], []];
  const url = await rawServer(t, (socket, request) => {
    socket.write(accept(request, ...(choices.shift() ?? [])));
    socket.write(frame(TEXT, "hello"));
  });
  const argv = ["--url", url, "--protocol", "echo", "--subprotocol", "acme.v1"];
  const other = await tryOut(argv, { until: /hello/ });
  assert.match(other.out, /← 101, subprotocol other.v2\n +! it chose the subprotocol "other.v2"/);
  const none = await tryOut(argv, { until: /hello/ });
  assert.match(none.out, /← 101, no subprotocol\n +! it chose none of the subprotocols offered \(acme.v1\)/);
});

test("a Close in place of a reply is the reason, not the missing reply", async (t) => {
  const url = await rawServer(t, (socket, request) => {
    socket.write(accept(request));
    socket.once("data", () => socket.end(frame(CLOSE, close(4401, "token expired"))));
  });
  const tried = await tryOut(["--url", url, "--protocol", "echo", "--probes", "1"]);
  assert.equal(tried.code, 1);
  assert.match(
    lastLine(tried),
    /^failed: the server closed the connection \S+ after it opened, with 4401 \(token expired\), before the reply "echo" to probe try-1$/,
  );
});
