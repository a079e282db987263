import assert from "node:assert/strict";
import { after, afterEach, test } from "node:test";
import { signToken, startServer } from "../../server/server.ts";
import { Client } from "./client.ts";
import { blocks, data, get, post, Reader } from "./event-streams.ts";

const secret = "a secret of the test";
const server = await startServer({ secret, historyMessages: 5 });
after(() => server.close());
afterEach(() => server.faults.clear());

let rooms = 0;
/** The address of a room that no other test uses. */
const newRoom = (): string => `${server.httpUrl}/sse/rooms/room%20${++rooms}`;

async function publish(room: string, count: number): Promise<void> {
  for (let n = 0; n < count; n++) assert.equal((await post(room, { n })).status, 200);
}

const numbers = (text: string): number[] =>
  data(text).flatMap((text) => {
    const message = JSON.parse(text);
    return message.type === "message" ? [message.seq] : [];
  });

test("a message posted to a room comes as an event with the room's number as its id", async () => {
  const room = newRoom();
  const reader = new Reader(await get(room));
  await reader.until(/\n\n/);
  const answer = await post(room, { text: "two\nlines", id: "m1", seq: 7, publisher: "ann" });
  assert.deepEqual(await answer.json(), { room: `room ${rooms}`, seq: 1 });
  const [retry, event] = blocks(await reader.until(/data.*\n\n/));
  assert.equal(retry, "retry: 1000");
  const lines = event!.split("\n");
  assert.equal(lines[0], "id: 1");
  const { timestamp, ...message } = JSON.parse(lines[1]!.slice("data: ".length));
  assert.equal(typeof timestamp, "number");
  assert.deepEqual(message, {
    text: "two\nlines",
    id: "m1",
    type: "message",
    room: `room ${rooms}`,
    publisher: "ann",
    publisherSeq: 7,
    seq: 1,
  });
  await reader.cancel();
});

test("a room is the same over WebSocket and event streams", async () => {
  const room = newRoom();
  const client = await (await Client.connect(`${server.url}/ws/chat`)).subscribe(`room ${rooms}`);
  const reader = new Reader(await get(room));
  client.send({ type: "publish", room: `room ${rooms}`, id: "from-ws" });
  assert.equal((await client.json()).id, "from-ws");
  assert.equal(JSON.parse(data(await reader.until(/data.*\n\n/))[0]!).id, "from-ws");
  await post(room, { id: "from-http" });
  assert.equal((await client.json()).id, "from-http");
  client.ws.terminate();
  await reader.cancel();
});

const resumptions: [sentence: string, lastId: string, came: number[], complete: boolean | undefined][] = [
  ["nothing seen", "0", [4, 5, 6, 7, 8], false],
  ["all but the last two seen", "6", [7, 8], true],
  ["all seen", "8", [], true],
  ["an id that is none of the server's", "abc", [], undefined],
];
for (const [sentence, lastId, came, complete] of resumptions) {
  test(`Last-Event-ID with ${sentence} replays what the room remembers of the rest`, async () => {
    const room = newRoom();
    await publish(room, 8);
    const reader = new Reader(await get(room, { "last-event-id": lastId }));
    if (complete !== undefined) {
      const resumed = JSON.parse(data(await reader.until(/event: resumed\ndata.*\n\n/)).at(-1)!);
      assert.deepEqual([resumed.replayed, resumed.complete], [came.length, complete]);
    }
    await publish(room, 1);
    assert.deepEqual(numbers(await reader.until(/id: 9\n.*\n\n/)), [...came, 9]);
    await reader.cancel();
  });
}

test("comments keep a stream alive", async () => {
  const reader = new Reader(await get(`${newRoom()}?keepalive=1&retry=25`));
  const text = await reader.until(/(: keep-alive\n\n){2}/);
  assert.match(text, /^retry: 25\n\n/);
  await reader.cancel();
});

const deliveryFaults: [fault: string, came: number[], count: keyof ReturnType<typeof server.stats>][] = [
  ["loseDeliveries", [1, 3], "deliveriesLost"],
  ["repeatDeliveries", [1, 2, 2, 3], "deliveriesRepeated"],
  ["reorderDeliveries", [1, 3, 2], "deliveriesReordered"],
];
for (const [fault, came, count] of deliveryFaults) {
  test(`${fault} acts on event streams too`, async () => {
    const room = newRoom();
    const reader = new Reader(await get(room));
    await reader.until(/retry/);
    server.faults.set({ [fault]: { ordinals: [2] } });
    const before = server.stats()[count] as number;
    await publish(room, 3);
    await reader.until((text) => numbers(text).length >= came.length);
    assert.deepEqual(numbers(reader.text), came);
    assert.equal(server.stats()[count], before + 1);
    await reader.cancel();
  });
}

test("a cut stream resumes without loss", async () => {
  const room = newRoom();
  const first = new Reader(await get(room));
  await first.until(/retry/);
  server.faults.set({ cutStreams: { afterEvents: 2, count: 1 } });
  await publish(room, 2);
  await first.until((text) => numbers(text).length === 2);
  await publish(room, 2);
  const { text, complete } = await first.end();
  assert.deepEqual(numbers(text), [1, 2]);
  assert.equal(complete, false);
  const second = new Reader(await get(room, { "last-event-id": "2" }));
  assert.deepEqual(numbers(await second.until(/resumed/)), [3, 4]);
  await second.cancel();
});

test("a stream that is open is cut after a time", async () => {
  const reader = new Reader(await get(newRoom()));
  await reader.until(/retry/);
  server.faults.set({ cutStreams: { afterMs: 1, how: "end" } });
  assert.equal((await reader.end()).complete, true);
});

const refusals: [sentence: string, headers: Record<string, string>, status: number][] = [
  ["without a token", { authorization: "" }, 401],
  ["with an expired token", { authorization: `Bearer ${signToken("ann", -1, secret)}` }, 403],
];
for (const [sentence, headers, status] of refusals) {
  test(`a request ${sentence} gets ${status}`, async () => {
    const before = server.stats().streamsRefused[status] ?? 0;
    assert.equal((await get(newRoom(), headers)).status, status);
    assert.equal(server.stats().streamsRefused[status], before + 1);
  });
}

test("streams are refused on purpose", async () => {
  server.faults.set({ refuseStreams: { status: 503, retryAfterSeconds: 2, count: 1 } });
  const refused = await get(newRoom());
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "2"]);
  server.faults.set({ refuseStreams: { status: 204, count: 1 } });
  assert.equal((await get(newRoom())).status, 204);
});

test("a stream ends when its token expires", async () => {
  const authorization = `Bearer ${signToken("ann", 0.2, secret)}`;
  const reader = new Reader(await get(newRoom(), { authorization }));
  assert.equal((await reader.end()).complete, true);
});

test("wrong input names the field", async () => {
  const room = newRoom();
  for (const [body, error] of [
    [{ id: {} }, /id: expected/],
    [[], /expected Object/],
  ] as const) {
    const answer = await post(room, body);
    assert.equal(answer.status, 400);
    assert.match(((await answer.json()) as { error: string }).error, error);
  }
  assert.equal((await get(`${room}?retry=soon`)).status, 400);
  assert.equal((await get(`${server.httpUrl}/sse/rooms/%ff`)).status, 400);
});

test("closing the server ends its streams in good order", async () => {
  const closing = await startServer();
  const reader = new Reader(await get(`${closing.httpUrl}/sse/rooms/lobby`));
  await closing.close();
  assert.equal((await reader.end()).complete, true);
  assert.equal(closing.stats().streamsOpen, 0);
});
