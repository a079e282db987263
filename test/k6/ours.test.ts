/** Limits of this side's own, of which the server must not get the blame. Real k6, real sockets. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmod, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { WebSocketServer } from "ws";
import { lastLine, tryOut } from "../cli/try-out.ts";
import { accept, rawServer } from "../raw-server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { count } from "./figures.ts";
import { OUR_K6, runK6, STOCK_K6 } from "./run.ts";

/** Echoes, and sends what `more` makes beside each echo. */
async function echoServer(t: TestContext, more?: () => string | Buffer): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  server.on("connection", (socket) => {
    socket.on("error", () => {});
    socket.on("message", (data, binary) => {
      socket.send(data, { binary });
      if (more) socket.send(more());
    });
  });
  t.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, "listening");
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const PEOPLE = { CONNECTIONS: 3, RAMP: "0s", RAMP_DOWN: "0s", SESSION: "20s" };
const OFTEN = { PROTOCOL: "echo", DURATION: "5s", PROBE_INTERVAL: "200ms", REPLY_TIMEOUT: "1s" };
const CLIENTS = [
  ["stock sockets", { scenario: "chat-soak", k6: STOCK_K6, env: { ...OFTEN, ...PEOPLE } }],
  ["the engine's sockets", { scenario: "x/chat-soak", k6: OUR_K6, env: { ...OFTEN, ...PEOPLE } }],
  ["a swarm", { scenario: "mass-soak", k6: OUR_K6, env: { ...OFTEN, CONNECTIONS: 3 } }],
] as const;

/** The limit, and a message of a byte more, as characters and as bytes. */
const LIMIT = 150_000;
const TOO_BIG: readonly [name: string, message: () => string | Buffer][] = [
  ["a text", () => "x".repeat(LIMIT + 1)],
  ["a text of fewer characters than bytes", () => `${"é".repeat(LIMIT / 2)}x`],
  ["bytes", () => Buffer.alloc(LIMIT + 1)],
];

describe("a message above MESSAGE_BYTES ends its connection by the generator", { concurrency: 4 }, () => {
  for (const [client, command] of CLIENTS) {
    for (const [message, make] of TOO_BIG) {
      test(`${client}: ${message}`, async (t) => {
        const WS_URL = await echoServer(t, make);
        const env = { ...command.env, WS_URL, MESSAGE_BYTES: LIMIT, PROFILE: "chat" };
        const { summary, stderr } = await runK6(t, { ...command, env });
        assert.equal(summary?.verdict, "incomplete", stderr);
        assert.match(
          summary.reason,
          /larger than MESSAGE_BYTES, .* \(message_too_big\): raise that setting$/,
        );
        const drops = count(summary, "ws_connection_drops");
        assert.ok(drops > 0);
        assert.equal(count(summary, "ws_connection_drops{by:generator}"), drops);
        assert.equal(count(summary, "ws_connection_drops{code:1009}"), drops);
        assert.equal(count(summary, "ws_message_errors{reason:message_too_big}"), drops);
      });
    }
  }

  test("try: undecided", async (t) => {
    const url = await echoServer(t, () => "x".repeat(LIMIT + 1));
    const tried = await tryOut(["--url", url, "--protocol", "echo", "--message-bytes", String(LIMIT)]);
    assert.equal(tried.code, 3, tried.out);
    assert.equal(
      lastLine(tried),
      `undecided: a message was larger than ${LIMIT} bytes: raise --message-bytes`,
    );
  });
});

describe("a message of MESSAGE_BYTES is taken", { concurrency: 4 }, () => {
  for (const [client, command] of CLIENTS) {
    test(client, async (t) => {
      const env = {
        ...command.env,
        WS_URL: await echoServer(t, () => "é".repeat(LIMIT / 2)),
        MESSAGE_BYTES: LIMIT,
        DURATION: "6s",
        REPLY_TIMEOUT: "5s",
      };
      const run = await runK6(t, { ...command, env: { ...env, PAYLOAD_BYTES: LIMIT - 1_024 } });
      assert.ok(run.summary, run.stderr);
      assert.notEqual(run.summary.verdict, "incomplete", run.summary.reason);
      assert.ok(count(run.summary, "ws_replies") > 0);
      assert.equal(count(run.summary, "ws_connection_drops"), 0);
      assert.equal(count(run.summary, "ws_message_errors"), 0);
    });
  }
});

describe("an answer with longer headers than what is taken is no failure of the server", {
  concurrency: 4,
}, () => {
  const padding = (bytes: number) => `X-Padding: ${"x".repeat(bytes)}`;

  for (const [client, { scenario, k6, env }] of CLIENTS.slice(1)) {
    test(client, async (t) => {
      let upgrades = 0;
      const WS_URL = await rawServer(t, (socket, request) => {
        // The set-up's check is k6's own.
        socket.write(++upgrades === 1 ? accept(request) : accept(request, padding(70_000)));
      });
      const limited = { ...env, WS_URL, REACH_TIMEOUT: "2s", RATE: 10 };
      const { summary, stderr } = await runK6(t, { scenario, k6, env: { ...limited, PROFILE: "chat" } });
      assert.equal(summary?.verdict, "incomplete", stderr);
      assert.match(summary.reason, /headers of up to 64 KiB, .* \(header_too_large\)$/);
    });
  }

  test("try: undecided, and 60 KB are fine", async (t) => {
    for (const [bytes, code] of [
      [60_000, 0],
      [70_000, 3],
    ] as const) {
      const url = await rawServer(t, (socket, request) => {
        socket.write(accept(request, padding(bytes)));
        socket.once("data", () => socket.end());
      });
      const tried = await tryOut(["--url", url, "--protocol", "echo", "--probes", "0", "--for", "200ms"]);
      assert.equal(tried.code, code, tried.out);
    }
  });
});

describe("a machine that gives no more descriptors is no failure of the server", { concurrency: 4 }, () => {
  for (const [client, command] of CLIENTS) {
    test(client, async (t) => {
      const k6 = join(await temporaryDirectory(t), "k6");
      await writeFile(k6, `#!/bin/sh\nulimit -n 100\nexec ${command.k6} "$@"\n`);
      await chmod(k6, 0o755);
      const env = { ...command.env, WS_URL: await echoServer(t), CONNECTIONS: 200, PROFILE: "chat" };
      const { summary, stderr } = await runK6(t, { ...command, k6, env });
      assert.equal(summary?.verdict, "incomplete", stderr);
      assert.match(summary.reason, /this machine gave no more file descriptors to \d+ attempts? to connect/);
    });
  }
});
