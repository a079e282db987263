/** Compression (RFC 7692) against servers and clients of Node's `ws`, whose zlib is another's. Real k6, real sockets. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, type TestContext, test } from "node:test";
import { constants, deflateRawSync } from "node:zlib";
import { WebSocket, WebSocketServer } from "ws";
import { startServer } from "../../bench/processes.ts";
import { tryOut } from "../cli/try-out.ts";
import { count } from "../k6/figures.ts";
import { OUR_K6, runK6, STOCK_K6 } from "../k6/run.ts";
import { massSoak, reference } from "../k6/short-soak.ts";
import { accept, frame, rawServer, TEXT } from "../raw-server.ts";
import { runSocket } from "./run.ts";

/** How many messages go each way; MESSAGES asks for more by hand. */
const MESSAGES = Number(process.env.MESSAGES ?? 500);

/** Message `i`: text or bytes, mostly short, of words that come again or of what cannot be compressed. */
function mixed(i: number): string | Buffer {
  const size = i % 97 === 0 ? (i * 7_919) % 90_000 : (i * 31) % 400;
  if (i % 5 === 0) return Buffer.from(Array.from({ length: size }, (_, n) => (n * n * (i + 7)) >> 3));
  return `{"room":"${i % 4}","text":"it said so before ☃","id":${i}}`.repeat(1 + Math.floor(size / 50));
}

/** A server that sends messages, has each sent back, and tells how that went. */
async function demandingServer(t: TestContext, perMessageDeflate: object) {
  const wrong: string[] = [];
  let agreed = "";
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate });
  server.on("connection", (socket) => {
    agreed = socket.extensions;
    let back = 0;
    let out = 0;
    const send = () => {
      if (out < MESSAGES) socket.send(mixed(out++));
    };
    for (let i = 0; i < 20; i++) send();
    socket.on("message", (data: Buffer, isBinary) => {
      const sent = mixed(back++);
      const same = isBinary === Buffer.isBuffer(sent) && data.equals(Buffer.from(sent as string));
      if (!same) wrong.push(`message ${back - 1}`);
      if (back === MESSAGES) socket.close(1000);
      send();
    });
    socket.on("error", (error) => wrong.push(error.message));
  });
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  return { url: `ws://127.0.0.1:${port}/`, wrong, agreed: () => agreed };
}

/** Each message goes back as it came; what was heard is kept short. */
const ECHO = `socket.addEventListener("message", ({ data }) => { heard.pop(); socket.send(data); });
  socket.addEventListener("open", () => say("agreed", socket.extensions));`;

describe("what a server of another sends comes back byte for byte", () => {
  const rows: [sentence: string, offered: object, accepted: object, agreed: string][] = [
    ["context takeover of both sides", { contextTakeover: "both" }, {}, "permessage-deflate"],
    [
      "no context takeover, the default",
      {},
      {},
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    ],
    [
      "small windows and context takeover",
      { contextTakeover: "both", clientWindowBits: 9, serverWindowBits: 10 },
      { clientMaxWindowBits: 9 },
      "permessage-deflate; server_max_window_bits=10; client_max_window_bits=9",
    ],
    [
      "a window of 8 bits, of which zlib makes 9",
      { contextTakeover: "both", serverWindowBits: 8 },
      {},
      "permessage-deflate; server_max_window_bits=8",
    ],
  ];
  for (const [sentence, offered, accepted, agreed] of rows) {
    test(sentence, async (t) => {
      const server = await demandingServer(t, { threshold: 30, ...accepted });
      const { heard, stderr } = await runSocket(t, {
        url: server.url,
        params: { compression: "deflate", ...offered },
        act: ECHO,
      });
      assert.deepEqual(server.wrong, []);
      assert.deepEqual(heard, [["open", `agreed ${agreed}`, "close 1000 server"]], stderr);
    });
  }
});

test("another's client has back from our server what it sent, with context takeover of both sides", async (t) => {
  const server = await startServer("echo-server", "--listen", "127.0.0.1:0", "--compression", "deflate");
  t.after(() => server.stop());
  const socket = new WebSocket(server.url, { perMessageDeflate: { threshold: 30 } });
  await once(socket, "open");
  assert.equal(socket.extensions, "permessage-deflate");
  let out = 0;
  let back = 0;
  const wrong: number[] = [];
  const send = () => {
    if (out < MESSAGES) socket.send(mixed(out++));
  };
  socket.on("message", (data: Buffer, isBinary) => {
    const sent = mixed(back++);
    if (isBinary !== Buffer.isBuffer(sent) || !data.equals(Buffer.from(sent as string))) wrong.push(back - 1);
    if (back === MESSAGES) socket.close();
    send();
  });
  for (let i = 0; i < 20; i++) send();
  await once(socket, "close");
  assert.deepEqual([back, wrong], [MESSAGES, []]);
});

describe("a server that does not keep to the offer is named", () => {
  const rows: [sentence: string, extensions: string, said: RegExp][] = [
    ["an extension that was not offered", "x-webkit-deflate-frame", /x-webkit-deflate-frame was not offered/],
    ["a window out of range", "permessage-deflate; server_max_window_bits=16", /got "16", want 8 to 15/],
    [
      "a parameter twice",
      "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
      /want it once/,
    ],
  ];
  for (const [sentence, extensions, said] of rows) {
    test(sentence, async (t) => {
      const url = await rawServer(t, (socket, request) => {
        socket.write(accept(request, `Sec-WebSocket-Extensions: ${extensions}`));
      });
      const { heard, stderr } = await runSocket(t, {
        url,
        params: { compression: "deflate", contextTakeover: "both" },
        act: `socket.addEventListener("error", ({ message }) => say(message));`,
      });
      const [[error, message, end] = []] = heard as string[][];
      assert.deepEqual([error, end], ["error bad_extension", "close 1006 server"], stderr);
      assert.match(message!, said);
    });
  }
});

describe("messages that cannot be inflated, or to too much, end the connection by name", () => {
  const flush = { finishFlush: constants.Z_SYNC_FLUSH };
  const bomb = deflateRawSync(Buffer.alloc(32 << 20), flush).subarray(0, -4);
  const rows: [sentence: string, payload: Buffer, params: object, end: string[]][] = [
    ["no DEFLATE data", Buffer.from([7]), {}, ["error bad_deflate", "close 1007 server"]],
    ["a bomb", bomb, { messageBytes: 1 << 20 }, ["error message_too_big", "close 1009 generator"]],
    [
      "text that is no UTF-8",
      deflateRawSync(Buffer.from([0xff]), flush).subarray(0, -4),
      {},
      ["error bad_utf8", "close 1007 server"],
    ],
  ];
  for (const [sentence, payload, params, end] of rows) {
    test(sentence, async (t) => {
      const url = await rawServer(t, (socket, request) => {
        socket.write(accept(request, "Sec-WebSocket-Extensions: permessage-deflate"));
        const compressed = frame(TEXT, payload);
        compressed[0]! |= 0x40;
        socket.write(compressed);
      });
      const { heard, stderr } = await runSocket(t, {
        url,
        params: { compression: "deflate", contextTakeover: "both", ...params },
        act: "",
      });
      assert.deepEqual(heard, [["open", ...end]], stderr);
    });
  }
});

const COMPRESSED = { COMPRESSION: "deflate", PAYLOAD_BYTES: 400 };

test("the engine's load counts what compression saved, and says it", async (t) => {
  const server = await startServer("room-server", "--listen", "127.0.0.1:0", "--compression", "deflate");
  t.after(() => server.stop());
  const { summary, stderr } = await runK6(t, {
    scenario: "fan-out",
    k6: OUR_K6,
    env: {
      WS_URL: server.url,
      CONNECTIONS: 20,
      RATE: 200,
      PUBLISH_RATE: 40,
      ROOMS: 1,
      DURATION: "2s",
      ...COMPRESSED,
    },
  });
  assert.ok(summary, stderr);
  assert.equal(count(summary, "ws_deliveries"), 80 * 20);
  assert.equal(count(summary, "ws_sessions_compressed"), 21);
  assert.equal(count(summary, "ws_message_errors"), 0);
  for (const way of ["sent", "received"]) {
    const [messages, wire] = ["ws_message_bytes", "ws_wire_bytes"].map((name) =>
      count(summary, `${name}{direction:${way}}`),
    );
    assert.ok(wire! > 0 && wire! * 2 < messages!, `${messages} bytes of messages ${way} took ${wire}`);
  }
  assert.match(
    summary.notes?.join("\n") ?? "",
    /^compression on all 21 connections; [\d.]+ bytes of messages sent went into one/m,
  );
});

test("a server that declines costs the load nothing but compression", async (t) => {
  const server = await reference(t);
  const { summary, stderr } = await massSoak(t, { env: { WS_URL: `${server.url}/ws/chat`, ...COMPRESSED } });
  assert.ok(summary, stderr);
  assert.deepEqual(
    [
      count(summary, "ws_sessions_compressed"),
      count(summary, "ws_sessions_opened"),
      count(summary, "ws_messages_lost"),
    ],
    [0, 20, 0],
  );
});

describe("stock k6", () => {
  const soak = (t: TestContext, url: string, env: object = {}) =>
    runK6(t, {
      scenario: "chat-soak",
      k6: STOCK_K6,
      env: {
        WS_URL: url,
        CONNECTIONS: 4,
        RAMP: "0s",
        DURATION: "5s",
        RAMP_DOWN: "0s",
        PROBE_INTERVAL: "500ms",
        REPLY_TIMEOUT: "4s",
        ...COMPRESSED,
        ...env,
      },
    });

  test("offers it as far as its sockets can", async (t) => {
    const server = await reference(t, { compression: "deflate" });
    const { summary, stderr } = await soak(t, `${server.url}/ws/chat`);
    assert.ok(summary, stderr);
    assert.equal(count(summary, "ws_sessions_compressed"), 4);
    assert.equal(count(summary, "ws_messages_lost"), 0);
  });

  test("refuses what they cannot", async (t) => {
    const { code, stderr } = await soak(t, "ws://127.0.0.1:1/", { CONTEXT_TAKEOVER: "both" });
    assert.notEqual(code, 0);
    assert.match(stderr, /CONTEXT_TAKEOVER: expected none on stock k6/);
  });
});

test("try shows what was agreed on", async (t) => {
  const server = await reference(t, { compression: "deflate" });
  const tried = await tryOut([
    "--url",
    `${server.url}/ws/chat`,
    "--compression",
    "deflate",
    "--context-takeover",
    "server",
    "--for",
    "1s",
  ]);
  assert.match(tried.out, /compression: permessage-deflate; client_no_context_takeover\n/, tried.err);
});
