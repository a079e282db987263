/** What hostile and broken servers do, by its name in the metrics. Real k6, real sockets. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, test } from "node:test";
import { accept, frame, rawServer, TEXT } from "../raw-server.ts";
import { runSwarm } from "./run.ts";

type Peer = (socket: Socket, request: string) => void;

const CONNECTIONS = 3;
/** Where a peer does nothing. */
const BOUND_MS = 300;
/** Where it does what it does on a busy machine. */
const PATIENT_MS = 30_000;

/** Most peers here answer no Close. */
const timeouts = {
  ...{ resolveMs: PATIENT_MS, tcpMs: PATIENT_MS, tlsMs: PATIENT_MS, upgradeMs: PATIENT_MS },
  closeMs: BOUND_MS,
};
const three = { connections: CONNECTIONS, holdMs: 1_000, timeouts };

const afterUpgrade =
  (...bytes: (Buffer | Uint8Array)[]): Peer =>
  (socket, request) => {
    socket.write(accept(request));
    for (const some of bytes) socket.write(some);
  };

/** A frame's head alone: 64-bit length. */
const declared = (length: bigint): Buffer => {
  const head = Buffer.alloc(10);
  head[0] = 0x82;
  head[1] = 127;
  head.writeBigUInt64BE(length, 2);
  return head;
};

const endless =
  (head: (request: string) => string | Buffer, chunk: string | Buffer): Peer =>
  (socket, request) => {
    socket.write(head(request));
    const more = () => {
      while (!socket.destroyed && socket.write(chunk));
      if (!socket.destroyed) socket.once("drain", more);
    };
    more();
  };

describe("a handshake that fails is counted by why", () => {
  const rows: [sentence: string, reason: string, peer: Peer][] = [
    [
      "garbage instead of an answer",
      "bad_upgrade",
      (socket) => socket.end(Buffer.from([0, 1, 2, 255, 13, 10, 13, 10])),
    ],
    ["a mail server's greeting", "bad_upgrade", (socket) => socket.end("220 mail.example ESMTP\r\n\r\n")],
    [
      "an extension that was not offered",
      "bad_extension",
      (socket, request) => socket.end(accept(request, "Sec-WebSocket-Extensions: permessage-deflate")),
    ],
    ["a web page", "http_200", (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")],
    ["a refusal", "http_401", (socket) => socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n")],
    ["a status of its own", "http_rejected", (socket) => socket.end("HTTP/1.1 499 Whatever\r\n\r\n")],
    [
      "the wrong proof",
      "bad_accept",
      (socket, request) => socket.write(accept(request.replace(/Key: ../, "Key: xx"))),
    ],
    [
      "a subprotocol that nobody asked for",
      "bad_subprotocol",
      (socket, request) => socket.write(accept(request, "Sec-WebSocket-Protocol: other")),
    ],
    [
      "a header of 10 MB",
      "header_too_large",
      endless(() => "HTTP/1.1 101 Switching Protocols\r\n", `X: ${"x".repeat(10_000)}\r\n`),
    ],
    ["silence", "timeout_upgrade", () => {}],
    ["a reset", "reset", (socket) => socket.resetAndDestroy()],
    ["an end", "closed", (socket) => socket.end()],
  ];
  for (const [sentence, reason, peer] of rows) {
    test(`${sentence}: ${reason}`, async (t) => {
      const url = await rawServer(t, peer);
      const waits = reason === "timeout_upgrade" && { timeouts: { ...timeouts, upgradeMs: BOUND_MS } };
      const run = await runSwarm(t, { ...three, holdMs: 0, servers: [url], ...waits });
      assert.equal(run.code, 0, run.stderr);
      assert.deepEqual(failures(run.counts), { [reason]: CONNECTIONS });
      assert.equal(run.counts.get("ws_connections_given_up"), CONNECTIONS);
    });
  }

  test("nothing listens: refused", async (t) => {
    const run = await runSwarm(t, { ...three, servers: ["ws://127.0.0.1:1"] });
    assert.deepEqual(failures(run.counts), { refused: CONNECTIONS });
  });
});

describe("a breach of WebSocket ends its connection, and is counted by its name and as a drop", () => {
  const fragment = Buffer.concat([Buffer.from([0x01, 126, 0xff, 0xff]), Buffer.alloc(0xffff, 0x61)]);
  const more = Buffer.concat([Buffer.from([0x00, 126, 0xff, 0xff]), Buffer.alloc(0xffff, 0x61)]);
  const rows: [sentence: string, reason: string, code: string, peer: Peer][] = [
    ["a masked frame", "masked_frame", "1002", afterUpgrade(Buffer.from([0x81, 0x81, 1, 2, 3, 4, 0x60]))],
    ["a declared length of 2^62", "message_too_big", "1009", afterUpgrade(declared(2n ** 62n))],
    ["a declared length of 2^63", "bad_length", "1002", afterUpgrade(declared(2n ** 63n))],
    ["invalid UTF-8", "bad_utf8", "1007", afterUpgrade(frame(TEXT, Buffer.from([0xc3, 0x28])))],
    ["a reserved bit", "reserved_bits", "1002", afterUpgrade(Buffer.from([0xc1, 0]))],
    ["an opcode that there is not", "unknown_opcode", "1002", afterUpgrade(Buffer.from([0x83, 0]))],
    ["a continuation of nothing", "bad_continuation", "1002", afterUpgrade(Buffer.from([0x80, 0]))],
    ["a fragmented ping", "fragmented_control", "1002", afterUpgrade(Buffer.from([0x09, 0]))],
    ["a ping of 126 bytes", "long_control", "1002", afterUpgrade(Buffer.from([0x89, 126, 0, 126]))],
    ["a Close of one byte", "bad_close", "1002", afterUpgrade(Buffer.from([0x88, 1, 3]))],
    ["a Close with 1005", "bad_close_code", "1002", afterUpgrade(Buffer.from([0x88, 2, 3, 237]))],
    [
      "an endless fragment",
      "message_too_big",
      "1009",
      endless((request) => Buffer.concat([Buffer.from(accept(request)), fragment]), more),
    ],
  ];
  for (const [sentence, reason, code, peer] of rows) {
    test(`${sentence}: ${reason}`, async (t) => {
      const url = await rawServer(t, peer);
      const run = await runSwarm(t, { ...three, messageBytes: 1 << 20, servers: [url] });
      // A message as the protocol has it: the limit is ours.
      const by = reason === "message_too_big" ? "generator" : "server";
      assert.equal(run.code, 0, run.stderr);
      assert.equal(run.counts.get(`ws_message_errors{reason:${reason}}`), CONNECTIONS, seen(run.counts));
      assert.equal(
        run.counts.get(`ws_connection_drops{code:${code},by:${by}}`),
        CONNECTIONS,
        seen(run.counts),
      );
      assert.equal(run.counts.get("ws_sessions_opened"), CONNECTIONS);
      assert.equal(run.counts.get("ws_sessions_closed"), CONNECTIONS);
      assert.deepEqual(run.values.ws_connection_drop_rate, { rate: 1, passes: CONNECTIONS, fails: 0 });
    });
  }
});

test("a peer that never answers Close holds nobody up, and is counted", async (t) => {
  const url = await rawServer(t, afterUpgrade());
  const run = await runSwarm(t, { ...three, holdMs: 10, servers: [url] });
  assert.equal(run.code, 0, run.stderr);
  assert.equal(run.counts.get("ws_message_errors{reason:close_unanswered}"), CONNECTIONS);
  assert.equal(run.counts.get("ws_sessions_closed"), CONNECTIONS);
  assert.deepEqual(
    run.outcomes.map(({ opened, dropped }) => ({ opened, dropped })),
    [{ opened: CONNECTIONS, dropped: 0 }],
  );
});

describe("what counts among others is named once", () => {
  const rows: [sentence: string, peer: Peer, series: string, said: RegExp][] = [
    [
      "a close code",
      afterUpgrade(Buffer.from([0x88, 2, 0x10, 0x1b])),
      "ws_connection_drops{code:other,by:server}",
      /closed with 4123, which counts as ws_connection_drops\{code:other\}/g,
    ],
    [
      "a status",
      (socket) => socket.end("HTTP/1.1 499 Whatever\r\n\r\n"),
      "ws_connect_failures{reason:http_rejected}",
      /answered with http_499, which counts as ws_connect_failures\{reason:http_rejected\}/g,
    ],
  ];
  for (const [sentence, peer, series, said] of rows) {
    test(sentence, async (t) => {
      const run = await runSwarm(t, { ...three, servers: [await rawServer(t, peer)] });
      assert.equal(run.counts.get(series), CONNECTIONS, seen(run.counts));
      assert.equal([...run.stderr.matchAll(said)].length, 1, run.stderr);
    });
  }
});

test("a reset is a drop by the network, without a Close frame", async (t) => {
  const url = await rawServer(t, (socket, request) => {
    socket.write(accept(request), () => socket.resetAndDestroy());
  });
  const run = await runSwarm(t, { ...three, servers: [url] });
  assert.equal(run.counts.get("ws_connection_drops{code:1006,by:network}"), CONNECTIONS, seen(run.counts));
});

const seen = (counts: ReadonlyMap<string, number>): string => JSON.stringify([...counts]);

/** ws_connect_failures by reason. */
function failures(counts: ReadonlyMap<string, number>): { [reason: string]: number } {
  const found = [...counts].flatMap(([series, n]) => {
    const [, reason] = /^ws_connect_failures\{reason:(\w+)\}$/.exec(series) ?? [];
    return reason === undefined ? [] : [[reason, n] as const];
  });
  return Object.fromEntries(found);
}
