import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startServer } from "../../server/server.ts";
import { Client } from "./client.ts";

const server = await startServer({ teacherDelay: 5 });
after(() => server.close());
const connect = () => Client.connect(`${server.url}/pinter/imserver/admin`);

async function match(client: Client): Promise<string> {
  return (await client.request({ msgId: "111", type: "match", from: "admin", to: "system" })).msg;
}

test("a match names the teacher", async () => {
  const reply = await (await connect()).request({ type: "match", from: "admin", to: "system" });
  assert.match(reply.msg, /^[0-9a-f]{32}__mtx$/);
  assert.match(reply.msgId, /^[0-9a-f-]{36}$/);
  assert.match(reply.timestamp, /^\d{13}$/);
  const { msg, msgId, timestamp, ...rest } = reply;
  assert.deepEqual(rest, { code: "0", from: "system", to: "admin", type: "match" });
});

test("a message to the teacher gets a receipt, then the teacher's reply", async () => {
  const client = await connect();
  const teacher = await match(client);
  client.send({ type: "normal", from: "admin", to: teacher, msg: "你好" });
  const [receipt, reply] = [await client.json(), await client.json()];
  assert.deepEqual(
    [receipt.code, receipt.from, receipt.msg, receipt.to, receipt.type],
    ["0", "system", "push success", "admin", "receipt"],
  );
  assert.deepEqual(
    [reply.code, reply.from, reply.msg, reply.to, reply.type],
    ["0", teacher, "同学,你好,非常高兴为你服务,有什么需要我帮忙的呢?", "admin", "normal"],
  );
  assert.ok(server.faults.delays.of("teacher").at(-1)! >= 5);
});

test("receipts and replies keep the order of their messages, whatever their delays", async (t) => {
  const client = await connect();
  const teacher = await match(client);
  server.faults.set({ delay: { kind: "list", ms: [20, 1, 0, 9, 0, 0] } });
  t.after(() => server.faults.clear());
  for (let i = 0; i < 3; i++) client.send({ type: "normal", from: `user${i}`, to: teacher, msg: "?" });
  const to: Record<string, string[]> = { receipt: [], normal: [] };
  for (let i = 0; i < 6; i++) {
    const reply = await client.json();
    to[reply.type]!.push(reply.to);
  }
  assert.deepEqual(to, { receipt: ["user0", "user1", "user2"], normal: ["user0", "user1", "user2"] });
});

const wrong: [sentence: string, message: string, msg: string][] = [
  ["an empty message", '{"type":"normal","from":"admin","to":"x","msg":""}', "消息内容为空"],
  ["a message to somebody else", '{"type":"normal","from":"admin","to":"x","msg":"hi"}', "接收者不存在"],
  ["a message of another type", '{"type":"shout","from":"admin","to":"x"}', "消息格式错误"],
  ["text that is not JSON", "{", "消息格式错误"],
];
for (const [sentence, message, msg] of wrong) {
  test(`${sentence} gets code 1`, async () => {
    const client = await connect();
    client.ws.send(message);
    const reply = await client.json();
    assert.deepEqual([reply.code, reply.msg], ["1", msg]);
    assert.ok((await match(client)).endsWith("__mtx"), "nothing follows, and the connection stays");
  });
}
