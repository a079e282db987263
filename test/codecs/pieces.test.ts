/** MESSAGE_BYTES bounds what is kept of a message that comes in several of WebSocket. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { WebSocketServer } from "ws";
import { count } from "../k6/figures.ts";
import { OUR_K6, runK6, STOCK_K6 } from "../k6/run.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

/** Answers each message with itself and 1500 spaces, in two messages of WebSocket of less than 1 KiB. */
async function paddingServer(t: TestContext): Promise<string> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  server.on("connection", (socket) =>
    socket.on("message", (framed: Buffer) => {
      const message = Buffer.concat([framed.subarray(2), Buffer.alloc(1500, " ")]);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(message.length);
      const bytes = Buffer.concat([length, message]);
      socket.send(bytes.subarray(0, 900));
      socket.send(bytes.subarray(900));
    }),
  );
  await once(server, "listening");
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const descriptor = {
  name: "padded",
  framing: "uint16",
  probe: { send: '{"id":${id}}' },
  reply: [{ name: "echo", match: "id", id: "/id" }],
};
const SOAK = {
  ...{ CONNECTIONS: 2, RAMP: "0s", DURATION: "6s", RAMP_DOWN: "0s" },
  ...{ SESSION: "20s", PROBE_INTERVAL: "100ms" },
};

describe("messages in pieces", { concurrency: 3 }, () => {
  for (const [scenario, k6, env] of [
    ["chat-soak", STOCK_K6, SOAK],
    ["x/chat-soak", OUR_K6, SOAK],
    ["mass-soak", OUR_K6, { CONNECTIONS: 2, RATE: 100, PROBE_INTERVAL: "100ms", DURATION: "2s" }],
  ] as const) {
    test(`${scenario}: one longer than MESSAGE_BYTES is the generator's limit`, async (t) => {
      const url = await paddingServer(t);
      const file = join(await temporaryDirectory(t), "padded.json");
      await writeFile(file, JSON.stringify(descriptor));
      const run = async (limit: Record<string, number>) => {
        const given = {
          WS_URL: url,
          PROTOCOL_FILE: file,
          WS_TOKEN: "",
          REPLY_TIMEOUT: "4s",
          PAYLOAD_BYTES: 0,
        };
        const { summary, stderr } = await runK6(t, { scenario, k6, env: { ...given, ...env, ...limit } });
        const of = (series: string) => count(summary!, series);
        return { of, verdict: summary?.verdict, stderr };
      };
      const [whole, cut] = await Promise.all([run({}), run({ MESSAGE_BYTES: 1024 })]);
      assert.equal(whole.verdict, "pass", whole.stderr);
      assert.ok(whole.of("ws_replies") > 5);
      assert.deepEqual([whole.of("ws_replies"), whole.of("ws_message_errors")], [whole.of("ws_probes"), 0]);
      assert.equal(cut.verdict, "incomplete", cut.stderr);
      assert.ok(cut.of("ws_message_errors{reason:pieces_limit}") >= 2, cut.stderr);
      assert.equal(cut.of("ws_replies"), 0);
    });
  }
});
