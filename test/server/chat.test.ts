import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startServer } from "../../server/server.ts";
import { Client } from "./client.ts";

const server = await startServer();
after(() => server.close());
const chat = `${server.url}/ws/chat`;

test("an echo comes back with its identifier and the server's time", async () => {
  const client = await Client.connect(chat);
  const before = Date.now();
  const reply = await client.request({ type: "echo", echoId: "1-a" });
  assert.deepEqual(Object.keys(reply), ["type", "echoId", "timestamp"]);
  assert.equal(reply.type, "echo_reply");
  assert.equal(reply.echoId, "1-a");
  assert.ok(reply.timestamp >= before && reply.timestamp <= Date.now() + 1, `timestamp ${reply.timestamp}`);
});

test("a message reaches every subscriber of its room and nobody else, numbered by the server", async () => {
  const [ann, bob, eve] = await Promise.all([chat, chat, chat].map((url) => Client.connect(url)));
  await Promise.all([ann!.subscribe("red"), bob!.subscribe("red"), eve!.subscribe("blue")]);
  ann!.send({ type: "publish", room: "red", id: "m1", seq: 7, sentAt: 12.5, text: "hello" });
  ann!.send({ type: "publish", room: "red", id: "m2", seq: 8, publisher: "ann" });
  const [first, second] = [await bob!.json(), await bob!.json()];
  assert.deepEqual(
    { ...first, timestamp: 0 },
    {
      type: "message",
      room: "red",
      id: "m1",
      seq: 1,
      sentAt: 12.5,
      text: "hello",
      publisher: first.publisher,
      publisherSeq: 7,
      timestamp: 0,
    },
  );
  assert.match(first.publisher, /^c\d+$/);
  assert.deepEqual([second.id, second.seq, second.publisher], ["m2", 2, "ann"]);
  assert.equal((await ann!.json()).id, "m1", "the publisher is a subscriber too");
  assert.equal((await eve!.request({ type: "echo", echoId: 1 })).type, "echo_reply", "nothing came before");
});

test("who has unsubscribed gets no more messages", async () => {
  const [ann, bob] = await Promise.all([Client.connect(chat), Client.connect(chat)]);
  await ann.subscribe("green");
  await bob.subscribe("green");
  assert.equal((await bob.request({ type: "unsubscribe", room: "green" })).type, "unsubscribed");
  await ann.request({ type: "publish", room: "green", id: "m1" });
  assert.equal((await bob.request({ type: "echo", echoId: 1 })).type, "echo_reply");
});

const wrong: [
  sentence: string,
  message: string | Buffer,
  reason: string,
  detail: RegExp,
  echoId?: unknown,
][] = [
  ["text that is not JSON", "{", "bad_json", /expected a text message with a JSON object/],
  ["JSON that is not an object", "[1]", "bad_json", /expected a text message with a JSON object/],
  ["a binary message", Buffer.from("{}"), "bad_json", /expected a text message/],
  ["no type", "{}", "unknown_type", /type: expected one of .*echo.*, got nothing/],
  ["a type nobody knows", '{"type":"sing","echoId":"e1"}', "unknown_type", /got "sing"/, "e1"],
  ["a type that objects inherit", '{"type":"constructor"}', "unknown_type", /got "constructor"/],
  ["an echo without identifier", '{"type":"echo"}', "bad_message", /echoId: expected .*, got nothing/],
  ["an identifier that JSON rounds", '{"type":"echo","echoId":9007199254740993}', "bad_message", /2\^53/],
  ["a room that is no text", '{"type":"subscribe","room":5}', "bad_message", /room: expected .*, got 5/],
  ["a room without name", '{"type":"subscribe","room":""}', "bad_message", /room: expected .*, got ""/],
  [
    "a sequence that is no identifier",
    '{"type":"publish","room":"r","seq":[]}',
    "bad_message",
    /seq: .*got \[\]/,
  ],
];
for (const [sentence, message, reason, detail, echoId] of wrong) {
  test(`${sentence} gets an error and the connection stays`, async () => {
    const client = await Client.connect(chat);
    client.ws.send(message);
    const error = await client.json();
    assert.equal(error.type, "error");
    assert.equal(error.reason, reason);
    assert.match(error.detail, detail);
    assert.equal(error.echoId, echoId);
    assert.equal((await client.request({ type: "echo", echoId: "still here" })).echoId, "still here");
  });
}

test("who comes back gets what it missed, once, with the original numbers and times", async () => {
  const ann = await Client.connect(chat);
  const bob = await Client.connect(chat);
  await bob.subscribe("lobby");
  for (const id of ["m1", "m2"]) ann.send({ type: "publish", room: "lobby", id });
  await bob.json();
  const { seq: lastSeq } = await bob.json();
  bob.ws.terminate();
  for (const id of ["m3", "m4"]) ann.send({ type: "publish", room: "lobby", id });
  await ann.request({ type: "echo", echoId: "published" });

  const again = await Client.connect(chat);
  assert.equal((await again.request({ type: "subscribe", room: "lobby" })).seq, 4);
  ann.send({ type: "publish", room: "lobby", id: "m5" });
  assert.equal((await again.json()).id, "m5");
  again.send({ type: "resume", after: lastSeq });
  const replayed = [await again.json(), await again.json()];
  assert.deepEqual(
    replayed.map(({ id, seq }) => [id, seq]),
    [
      ["m3", 3],
      ["m4", 4],
    ],
  );
  assert.deepEqual(await again.json(), {
    type: "resumed",
    room: "lobby",
    after: 2,
    replayed: 2,
    complete: true,
  });
});

test("a resume from before the room's memory says that it is not complete", async (t) => {
  const small = await startServer({ historyMessages: 3 });
  t.after(() => small.close());
  const client = await Client.connect(`${small.url}/ws/chat`);
  for (let i = 1; i <= 5; i++) client.send({ type: "publish", room: "r", id: i });
  await client.subscribe("r");
  client.send({ type: "resume", after: 0, room: "r" });
  assert.deepEqual([(await client.json()).id, (await client.json()).id, (await client.json()).id], [3, 4, 5]);
  assert.equal((await client.json()).complete, false);
});

test("a resume without a room gets an error", async () => {
  const client = await Client.connect(chat);
  assert.equal((await client.request({ type: "resume", after: 0 })).reason, "not_subscribed");
});

test("JSON that is nested too deeply to be written again is refused by name, and no other message is lost", async () => {
  const nested = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
  const [client, bystander] = [await Client.connect(chat), await Client.connect(chat)];
  await Promise.all([client.subscribe("deep"), bystander.subscribe("deep")]);
  const messages: [field: string, rest: string][] = [
    ["type", ""],
    ["echoId", '"type":"echo",'],
    ["room", '"type":"subscribe",'],
    ["room", '"type":"publish",'],
    ["text", '"type":"publish","room":"deep",'],
    ["publisher", '"type":"publish","room":"deep",'],
    ["room", '"type":"unsubscribe",'],
    ["after", '"type":"resume",'],
  ];
  for (const [field, rest] of messages) {
    client.ws.send(`{${rest}"${field}":${nested}}`);
    const { type, reason } = await client.json();
    assert.deepEqual([rest, field, type, reason], [rest, field, "error", "bad_message"]);
  }
  client.send({ type: "publish", room: "deep", id: "after" });
  for (const one of [client, bystander]) {
    const { id, seq } = await one.json();
    assert.deepEqual([id, seq], ["after", 1]);
  }
});
