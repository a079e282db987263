/** `k6-realtime try` with a contract: the kind of each message, and how one breaks it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { WebSocketServer } from "ws";
import { packageFile } from "../../cli/package-file.ts";
import { lastLine, reference, tryOut } from "../cli/try-out.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

test("the reference server keeps to the contract of the examples", async (t) => {
  const server = await reference(t);
  const shown = ["subscribed", "echo_reply", "message"].map((kind) => `= contract: ${kind}\n`);
  const tried = await tryOut(
    [
      "--url",
      `${server.url}/ws/chat`,
      "--contract",
      packageFile("examples/contracts/chat.json"),
      "--publish",
      "1",
    ],
    { until: new RegExp(shown.map((line) => `(?=[^]*${line})`).join("")) },
  );
  assert.equal(tried.code, 0, tried.out);
  for (const line of shown) assert.ok(tried.out.includes(line), tried.out);
});

test("notifications that differ are shown with the schema of the examples, and fail", async (t) => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  t.after(() => server.close());
  await once(server, "listening");
  server.on("connection", (socket) => {
    socket.send(`{"type":"welcome","id":1,"text":"Hello","timestamp":1714000000}`);
    socket.send(`{"type":"notification","id":"2","text":"","timestamp":1714000001,"seq":1}`);
    socket.on("message", (data) => socket.send(data));
  });
  const folder = await temporaryDirectory(t);
  const protocol = { name: "notifications", delivery: { where: { "/type": "notification" }, id: "/id" } };
  await writeFile(join(folder, "protocol.json"), JSON.stringify(protocol));
  const tried = await tryOut(
    [
      ...[
        "--url",
        `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
        "--protocol-file",
        "protocol.json",
      ],
      ...["--contract", packageFile("examples/contracts/notification.schema.json")],
    ],
    { cwd: folder, until: /\(minLength\)\n/ },
  );
  assert.equal(tried.code, 1, tried.out + tried.err);
  assert.match(tried.out, /"welcome".*\n.*\n += contract: notification\n/);
  assert.match(tried.out, / ! contract: notification \/id: expected integer, got "2" \(type\)\n/);
  assert.match(tried.out, / ! contract: notification \/text: expected minLength 1, got "" \(minLength\)\n/);
  assert.match(
    lastLine(tried),
    /^failed: 1 message broke the contract, the first: notification \/id: expected integer/,
  );
});

test("an AsyncAPI document is a contract, which says who sends what", async (t) => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  t.after(() => server.close());
  await once(server, "listening");
  server.on("connection", (socket) => {
    socket.send(`{"type":"price","value":1.5}`);
    socket.send(`{"type":"price","value":"1.5"}`);
    socket.send(`{"type":"order","size":1}`);
  });
  const folder = await temporaryDirectory(t);
  await writeFile(
    join(folder, "protocol.json"),
    JSON.stringify({ name: "prices", delivery: { where: { "/type": "price" } } }),
  );
  await writeFile(join(folder, "asyncapi.yaml"), ASYNC_API);
  await writeFile(
    join(folder, "price.json"),
    JSON.stringify({
      type: "object",
      required: ["type", "value"],
      properties: { type: { const: "price" }, value: { type: "number" } },
    }),
  );
  const tried = await tryOut(
    [
      ...[
        "--url",
        `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
        "--protocol-file",
        "protocol.json",
      ],
      ...["--contract", "asyncapi.yaml"],
    ],
    { cwd: folder, until: /\(wrong_sender\)\n/ },
  );
  assert.equal(tried.code, 1, tried.out + tried.err);
  assert.match(tried.out, / = contract: price\n/);
  assert.match(tried.out, / ! contract: price \/value: expected number, got "1\.5" \(type\)\n/);
  assert.match(
    tried.out,
    / ! contract: order: expected one that the client sends, got one from the server \(wrong_sender\)\n/,
  );
});

const ASYNC_API = `asyncapi: 3.0.0
info: { title: Prices, version: 1.0.0 }
channels:
  prices:
    address: /
    messages:
      price: { payload: { $ref: price.json } }
      order:
        payload:
          type: object
          required: [type]
          properties: { type: { const: order }, size: { type: integer } }
operations:
  sendPrice: { action: send, channel: { $ref: "#/channels/prices" }, messages: [{ $ref: "#/channels/prices/messages/price" }] }
  takeOrder: { action: receive, channel: { $ref: "#/channels/prices" }, messages: [{ $ref: "#/channels/prices/messages/order" }] }
`;
