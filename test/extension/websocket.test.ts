/** `WebSocket` of `k6/x/realtime` as a script has it. Real k6, real sockets. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { type WebSocket as ServerSocket, WebSocketServer } from "ws";
import { startServer } from "../../server/server.ts";
import { selfSignedCertificate } from "../../server/tls.ts";
import { accept, BINARY, CLOSE, close, frame, rawServer, TEXT } from "../raw-server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { runSocket } from "./run.ts";

/** Hears one connection of a well-behaved server. */
async function wsServer(t: TestContext, onConnection: (socket: ServerSocket) => void): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" }).on("connection", onConnection);
  await once(server, "listening");
  t.after(() => server.close());
  return `ws://127.0.0.1:${(server.address() as { port: number }).port}/`;
}

/** A client's frame with a mask of zeros, or without a mask. */
const masked = (first: number, payload: readonly number[], mask = true): number[] =>
  mask ? [first, 0x80 | payload.length, 0, 0, 0, 0, ...payload] : [first, payload.length, ...payload];

describe("sendRaw writes what no library would, and the server sees it", () => {
  const rows: [sentence: string, bytes: readonly number[], breach: string, end: string][] = [
    ["a frame without a mask", masked(0x82, [1], false), "WS_ERR_EXPECTED_MASK", "close 1002 server"],
    ["a reserved bit", masked(0xa2, [1]), "WS_ERR_UNEXPECTED_RSV_2_3", "close 1002 server"],
    ["an opcode that there is not", masked(0x83, [1]), "WS_ERR_INVALID_OPCODE", "close 1002 server"],
    ["text that is no UTF-8", masked(0x81, [0xff]), "WS_ERR_INVALID_UTF8", "close 1007 server"],
    ["a Ping in parts", masked(0x09, [1]), "WS_ERR_EXPECTED_FIN", "close 1002 server"],
    ["a continuation of nothing", masked(0x80, [1]), "WS_ERR_INVALID_OPCODE", "close 1002 server"],
    [
      "a Close frame with a code that must not be sent",
      masked(0x88, [1006 >> 8, 1006 & 0xff]),
      "WS_ERR_INVALID_CLOSE_CODE",
      "close 1002 server",
    ],
  ];
  for (const [sentence, bytes, breach, end] of rows) {
    test(sentence, async (t) => {
      const breaches: unknown[] = [];
      const url = await wsServer(t, (socket) => {
        socket.on("error", (error: NodeJS.ErrnoException) => breaches.push(error.code));
      });
      const { heard, stderr } = await runSocket(t, {
        url,
        act: `socket.onopen = () => socket.sendRaw(new Uint8Array(${JSON.stringify(bytes)}));`,
      });
      assert.deepEqual(breaches, [breach], stderr);
      assert.deepEqual(heard, [["open", end]], stderr);
    });
  }

  test("a message in three pieces is one message, counted as bytes only", async (t) => {
    const messages: string[] = [];
    const url = await wsServer(t, (socket) => {
      socket.on("message", (data) => {
        messages.push(String(data));
        socket.close(1000);
      });
    });
    const { counts, heard, stderr } = await runSocket(t, {
      url,
      act: `socket.onopen = () => {
        const whole = new Uint8Array([0x81, 0x85, 0, 0, 0, 0, 104, 101, 108, 108, 111]);
        socket.sendRaw(whole.buffer.slice(0, 3));
        socket.sendRaw(whole.subarray(3, 8));
        socket.sendRaw(new DataView(whole.buffer, 8));
        whole.fill(0);
      };`,
    });
    assert.deepEqual(messages, ["hello"], stderr);
    assert.deepEqual(heard, [["open", "close 1000 server"]]);
    assert.equal(counts.get("ws_msgs_sent"), undefined);
  });
});

describe("the server sees an end as it was made", () => {
  const rows: [sentence: string, end: string, seen: string, heard: string][] = [
    ["without a code", "close()", "closed 1000", "close 1000 client"],
    ["with a code and a reason", 'close(4000, "bye")', "closed 4000 bye", "close 4000 client"],
    ["with a Close frame that holds no code", "close(1005)", "closed 1005", "close 1005 client"],
    [
      "with a code that must not be sent",
      "close(999)",
      "error WS_ERR_INVALID_CLOSE_CODE",
      "close 1002 client",
    ],
  ];
  for (const [sentence, end, seen, heard] of rows) {
    test(sentence, async (t) => {
      const saw: string[] = [];
      let over = () => {};
      const closed = new Promise<void>((resolve) => {
        over = resolve;
      });
      const url = await wsServer(t, (socket) => {
        socket.on("error", (error: NodeJS.ErrnoException) => saw.push(`error ${error.code}`));
        socket.on("close", (code, reason) => {
          saw.push(`closed ${code} ${reason}`.trim());
          over();
        });
      });
      const run = await runSocket(t, { url, act: `socket.onopen = () => socket.${end};` });
      await closed;
      assert.equal(saw[0], seen);
      assert.deepEqual(run.heard, [["open", heard]], run.stderr);
    });
  }

  test("by a RST", async (t) => {
    let reset = (_: unknown) => {};
    const failed = new Promise((resolve) => {
      reset = resolve;
    });
    const url = await rawServer(t, (socket, request) => {
      socket.on("error", reset).on("end", reset).resume();
      socket.write(accept(request));
    });
    const { heard, stderr } = await runSocket(t, { url, act: "socket.onopen = () => socket.reset();" });
    assert.equal(((await failed) as NodeJS.ErrnoException | undefined)?.code, "ECONNRESET");
    assert.deepEqual(heard, [["open", "close 1006 client"]], stderr);
  });
});

test("what a peer that does not read leaves no room for is told, and not counted as sent", async (t) => {
  const url = await rawServer(t, (socket, request) => {
    socket.pause();
    socket.write(accept(request));
  });
  const { heard, counts, stderr } = await runSocket(t, {
    url,
    act: `
      const wanted = 300;
      let refused = 0;
      socket.onopen = () => {
        for (let i = 0; i < wanted; i++) socket.send(new Uint8Array(100_000));
        say(socket.bufferedAmount > 0 && socket.bufferedAmount <= 1_200_000);
        setTimeout(() => socket.reset(), 0);
      };
      socket.onerror = ({ error }) => { if (error === "unsent") refused++; };
      socket.onclose = () => heard.splice(0, heard.length, heard.find((word) => word === "true"), wanted - refused);`,
  });
  const [bounded, sent] = heard[0] ?? [];
  assert.equal(bounded, "true", stderr);
  assert.ok(Number(sent) > 0 && Number(sent) < 300, `${sent} of 300`);
  assert.equal(counts.get("ws_msgs_sent"), Number(sent));
});

describe("setReadRate", () => {
  const BYTES = 60_000;
  const RATE = 100_000;
  /** Of what is read ahead of the rate: a turn's portion, and what was read before the rate was set. */
  const AHEAD = RATE / 50;

  const flood = (t: TestContext) =>
    rawServer(t, (socket, request) => {
      socket.write(accept(request));
      socket.once("data", () => {
        for (let sent = 0; sent < BYTES; sent += 1_000) socket.write(frame(BINARY, Buffer.alloc(1_000)));
        socket.write(frame(TEXT, "all"));
        socket.on("data", () => socket.end()); // the Close frame
      });
    });

  /** The first message asks for the others, so that none is read before the rate holds. */
  const slow = (rate: number, during: string) => `
    let began, took;
    socket.onopen = () => { socket.setReadRate(${rate}); began = now(); socket.send("begin"); ${during} };
    socket.onmessage = ({ data }) => {
      if (data !== "all") return;
      took = now() - began;
      socket.close();
    };
    socket.onclose = () => heard.splice(0, heard.length, took);`;

  test("a reader never gets more than its rate, and gets all in the end", async (t) => {
    const { heard, stderr } = await runSocket(t, { url: await flood(t), act: slow(RATE, "") });
    const [took] = heard[0] ?? [];
    assert.ok(Number(took) >= ((BYTES - AHEAD) / RATE) * 1_000, `${took} ms ${stderr}`);
  });

  test("what is not read yet waits in the kernel, and 0 reads it at once", {
    skip: process.platform !== "linux",
  }, async (t) => {
    const untilSome = `
      const timer = setInterval(() => {
        if (socket.unreadBytes < ${BYTES / 2}) return;
        clearInterval(timer);
        socket.setReadRate(0);
      }, 10);`;
    // At one byte a second, all would take a day.
    const { heard, stderr } = await runSocket(t, { url: await flood(t), act: slow(1, untilSome) });
    assert.ok(Number(heard[0]?.[0]) > 0, stderr);
  });
});

describe("a wrong call is refused by name, and the script goes on", () => {
  for (const [sentence, call, message] of [
    ["a text", `setReadRate("fast")`, `WebSocket.setReadRate.bytesPerSecond: expected a number from 0 to`],
    [
      "a negative rate",
      "setReadRate(-1)",
      "WebSocket.setReadRate.bytesPerSecond: expected a number from 0 to",
    ],
    ["no rate", "setReadRate()", "WebSocket.setReadRate: expected a number of bytes in a second"],
    ["no message", "send()", "WebSocket.send: expected a text, an ArrayBuffer or a view of one"],
    ["no bytes", "sendRaw()", "WebSocket.sendRaw: expected an ArrayBuffer or a view of one"],
    [
      "a view of more than there is",
      "sendRaw({ buffer: new ArrayBuffer(1), byteOffset: 0, byteLength: 9 })",
      "WebSocket.sendRaw: expected an ArrayBuffer or a view of one",
    ],
    ["no listener", `addEventListener("open")`, "WebSocket.addEventListener: expected a function"],
  ] as const) {
    test(sentence, async (t) => {
      const { heard, stderr } = await runSocket(t, {
        url: await wsServer(t, () => {}),
        act: `socket.onopen = () => { try { socket.${call}; } catch (e) { say(e.message ?? e); } socket.close(); };`,
      });
      assert.ok(heard[0]?.[0]?.includes(message), `${heard[0]} ${stderr}`);
      assert.equal(heard[0]?.at(-1), "close 1000 client");
    });
  }
});

describe("wss", () => {
  async function secureServer(t: TestContext) {
    const server = await startServer({ tls: true });
    t.after(() => server.close());
    return { url: `${server.url}/ws/echo?token=test-token`, certificate: server.certificate ?? "" };
  }
  const echo = `
    socket.onopen = () => socket.send("over TLS");
    socket.onmessage = () => socket.close();`;
  const ECHOED = [["open", "message over TLS", "close 1000 client"]];

  test("a certificate that nobody signed is refused, by that name", async (t) => {
    const { url } = await secureServer(t);
    const act = "socket.onerror = ({ message }) => say(message);";
    const { heard, counts, stderr } = await runSocket(t, { url, act });
    const [why, ...rest] = heard[0] ?? [];
    assert.match(why ?? "", /x509: certificate signed by unknown authority/);
    assert.deepEqual(rest, ["error tls", "close 1006 server"], stderr);
    assert.equal(counts.get("ws_sessions"), undefined);
  });

  test("insecureSkipTLSVerify takes it", async (t) => {
    const { url } = await secureServer(t);
    const { heard, stderr } = await runSocket(t, {
      url,
      act: echo,
      options: { insecureSkipTLSVerify: true },
    });
    assert.deepEqual(heard, ECHOED, stderr);
  });

  test("SSL_CERT_FILE makes it trusted", async (t) => {
    const { url, certificate } = await secureServer(t);
    const file = join(await temporaryDirectory(t), "ca.pem");
    await writeFile(file, certificate);
    const { heard, stderr } = await runSocket(t, { url, act: echo }, { processEnv: { SSL_CERT_FILE: file } });
    assert.deepEqual(heard, ECHOED, stderr);
  });

  test("a server that speaks an older TLS than tlsVersion allows is refused", async (t) => {
    const { cert, key } = await selfSignedCertificate();
    const url = await upgrading(t, { cert, key, maxVersion: "TLSv1.2" });
    const insecure = { insecureSkipTLSVerify: true };
    const { heard, stderr } = await runSocket(t, { url, options: { ...insecure, tlsVersion: "tls1.3" } });
    assert.deepEqual(heard, [["error tls", "close 1006 server"]], stderr);
    const either = await runSocket(t, { url, options: insecure });
    assert.deepEqual(either.heard, [["open", "close 1000 client"]], either.stderr);
  });

  test("tlsAuth shows the client's certificate, without which the server refuses", async (t) => {
    const { cert, key } = await selfSignedCertificate();
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      const url = await upgrading(t, { cert, key, ca: cert, maxVersion, requestCert: true });
      const insecure = { insecureSkipTLSVerify: true };
      const shown = await runSocket(t, { url, options: { ...insecure, tlsAuth: [{ cert, key }] } });
      assert.deepEqual(shown.heard, [["open", "close 1000 client"]], `${maxVersion}: ${shown.stderr}`);
      const { heard, stderr } = await runSocket(t, { url, options: insecure });
      assert.match(heard[0]?.[0] ?? "", /^error (tls|closed|reset)$/, `${maxVersion}: ${stderr}`); // Node just hangs up
    }
  });

  async function upgrading(t: TestContext, options: import("node:https").ServerOptions): Promise<string> {
    const server = createServer(options);
    new WebSocketServer({ server });
    server.on("tlsClientError", () => {}).listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close().closeAllConnections());
    return `wss://127.0.0.1:${(server.address() as { port: number }).port}/`;
  }
});

describe("data_sent and data_received are what went over the wire", () => {
  test("of an open connection: handshake, frames and closing handshake", async (t) => {
    let [written, read] = [0, 0];
    const url = await rawServer(t, (socket, request) => {
      read = request.length;
      const answer = accept(request);
      written = answer.length;
      socket.write(answer);
      socket.on("data", (bytes) => {
        read += bytes.length;
      });
      socket.once("data", () => {
        const last = Buffer.concat([frame(BINARY, Buffer.alloc(5_000)), frame(CLOSE, close(1000, ""))]);
        written += last.length;
        socket.end(last);
      });
    });
    const { counts, heard, stderr } = await runSocket(t, {
      url,
      act: "socket.onopen = () => socket.send(new Uint8Array(2_000));",
    });
    assert.deepEqual(heard, [["open", "message [object ArrayBuffer]", "close 1000 server"]], stderr);
    assert.deepEqual(
      { sent: counts.get("data_sent"), received: counts.get("data_received") },
      { sent: read, received: written },
    );
    assert.equal(counts.get("ws_msgs_sent"), 1);
    assert.equal(counts.get("ws_msgs_received"), 1);
  });

  test("of a refused one: request and answer", async (t) => {
    const answer = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
    let read = 0;
    const url = await rawServer(t, (socket, request) => {
      read = request.length;
      socket.end(answer);
    });
    const { counts, heard, stderr } = await runSocket(t, { url });
    assert.deepEqual(heard, [["error http_401", "close 1006 server"]], stderr);
    assert.deepEqual(
      { sent: counts.get("data_sent"), received: counts.get("data_received") },
      { sent: read, received: answer.length },
    );
  });
});
