import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type ServerStats, startServer } from "../../server/server.ts";
import { decideDelivery, type SlowReaderPolicy } from "../../server/slow-reader.ts";
import { Client } from "./client.ts";
import { RawClient } from "./raw-client.ts";

const decisions: [
  sentence: string,
  SlowReaderPolicy,
  buffered: number,
  frame: number,
  ReturnType<typeof decideDelivery>,
][] = [
  ["a reader that keeps up is sent to", "close", 0, 10, "send"],
  ["a frame above the limit goes to a reader that owes nothing", "drop", 0, 101, "send"],
  ["a frame that fills the queue is sent", "close", 90, 10, "send"],
  ["a frame that overfills it ends the reader", "close", 91, 10, "close"],
  ["… or is dropped", "drop", 91, 10, "drop"],
  ["… or makes the room wait", "block", 91, 10, "wait"],
  ["… or is queued all the same", "queue", 91, 10, "send"],
];
for (const [sentence, policy, buffered, frame, expected] of decisions) {
  test(`${sentence} (${policy})`, () => assert.equal(decideDelivery(policy, buffered, frame, 100), expected));
}

const PAYLOAD_BYTES = 65_536;
/** Enough to fill the kernel's buffers of both ends several times over. */
const MESSAGES = 500;
const all = Array.from({ length: MESSAGES }, (_, i) => i + 1);

const MAX_BUFFERED_BYTES = 1_048_576;
/** So few that they fit the queue of a reader of which the kernel takes nothing. */
const MOST_UNREAD = MAX_BUFFERED_BYTES / PAYLOAD_BYTES / 2;

/** A room with one subscriber that stops reading and one that reads on. The slow one's turn comes before the other's. */
async function open(t: TestContext, slowReader: SlowReaderPolicy) {
  const server = await startServer({
    slowReader,
    maxBufferedBytes: MAX_BUFFERED_BYTES,
    closeTimeoutMs: 60_000,
  });
  const slow = await RawClient.open(server.port, "/ws/chat");
  t.after(() => {
    slow.socket.destroy();
    return server.close();
  });
  slow.send(1, '{"type":"subscribe","room":"r"}');
  await slow.frame();
  slow.socket.pause();
  const fast = await (await Client.connect(`${server.url}/ws/chat`)).subscribe("r");
  const publisher = await Client.connect(`${server.url}/ws/chat`);
  const payload = "x".repeat(PAYLOAD_BYTES);
  const publish = (id: number): void => publisher.send({ type: "publish", room: "r", id, payload });
  const until = async (reached: (stats: ServerStats) => boolean): Promise<ServerStats> => {
    while (!reached(server.stats())) await sleep(5, undefined, { signal: t.signal });
    return server.stats();
  };
  return { server, slow, fast, publish, until };
}

/** Publishes all messages at once. */
async function flood(t: TestContext, slowReader: SlowReaderPolicy) {
  const room = await open(t, slowReader);
  for (const id of all) room.publish(id);
  return room;
}

/**
 * Publishes all messages, a few ahead of the one that reads on, and gives what that one got. On a busy machine it may
 * otherwise be too slow itself.
 */
async function publishAsRead({ fast, publish }: Awaited<ReturnType<typeof open>>): Promise<number[]> {
  for (const id of all.slice(0, MOST_UNREAD)) publish(id);
  return ids(fast, (id) => {
    if (id + MOST_UNREAD <= MESSAGES) publish(id + MOST_UNREAD);
  });
}

async function ids(client: Client, got: (id: number) => void = () => {}): Promise<number[]> {
  const all: number[] = [];
  while (all.length < MESSAGES) {
    const { id } = await client.json();
    all.push(id);
    got(id);
  }
  return all;
}

/** The identifiers that a reader gets that reads again, and the close code at the end if it comes to one. */
async function readOn(slow: RawClient, messages: number): Promise<{ ids: number[]; closeCode?: number }> {
  slow.socket.resume();
  const all: number[] = [];
  while (all.length < messages) {
    const frame = await slow.frame();
    assert.ok(frame, "the connection ended");
    if (frame.opcode === 8) return { ids: all, closeCode: frame.payload.readUInt16BE() };
    all.push(JSON.parse(frame.payload.toString()).id);
  }
  return { ids: all };
}

const timeout = 60_000;

test("close: a slow reader gets what fits its queue, then 1013; the others get everything", {
  timeout,
}, async (t) => {
  const room = await open(t, "close");
  const { slow, until } = room;
  assert.deepEqual(await publishAsRead(room), all);
  const stats = await until(({ slowReaderCloses }) => slowReaderCloses > 0);
  const read = await readOn(slow, MESSAGES);
  assert.equal(read.closeCode, 1013);
  assert.ok(read.ids.length > 0 && read.ids.length < MESSAGES, `${read.ids.length} read`);
  assert.deepEqual(read.ids, all.slice(0, read.ids.length), "in order, without a gap");
  assert.deepEqual([stats.slowReaderCloses, stats.closesSent[1013]], [1, 1]);
});

test("drop: a slow reader misses messages and stays; the others get everything", { timeout }, async (t) => {
  const room = await open(t, "drop");
  const { slow, until } = room;
  assert.deepEqual(await publishAsRead(room), all);
  const { slowReaderDrops } = await until(
    ({ deliveriesSent, slowReaderDrops }) => deliveriesSent + slowReaderDrops === 2 * MESSAGES,
  );
  assert.ok(slowReaderDrops > 0);
  const read = await readOn(slow, MESSAGES - slowReaderDrops);
  assert.equal(new Set(read.ids).size, MESSAGES - slowReaderDrops);
  slow.send(1, '{"type":"echo","echoId":"still here"}');
  assert.match((await slow.frame())!.payload.toString(), /still here/);
});

test("block: the whole room waits for a slow reader, other rooms do not, and nothing is lost", {
  timeout,
}, async (t) => {
  const { server, slow, fast, until } = await flood(t, "block");
  const blocked = await until(({ slowReaderBlocks }) => slowReaderBlocks > 0);
  const elsewhere = await (await Client.connect(`${server.url}/ws/chat`)).subscribe("other");
  elsewhere.send({ type: "publish", room: "other", id: "through" });
  assert.equal((await elsewhere.json()).id, "through");
  const still = server.stats();
  assert.equal(still.deliveriesSent, blocked.deliveriesSent + 1, "nothing moved in the blocked room");
  assert.ok(still.published < MESSAGES, "the publisher is not read from either");
  const late = await Client.connect(`${server.url}/ws/chat`);
  const { seq } = await late.request({ type: "subscribe", room: "r" });
  const [read, others] = await Promise.all([readOn(slow, MESSAGES), ids(fast)]);
  assert.deepEqual(read.ids, all);
  assert.deepEqual(others, all);
  assert.equal((await late.json()).seq, seq + 1, "who comes late gets what is published from then on");
});

test("queue: everything waits for a slow reader, far beyond the limit, and nothing is lost", {
  timeout,
}, async (t) => {
  const { slow, fast, until } = await flood(t, "queue");
  assert.deepEqual(await ids(fast), all);
  const stats = await until(({ deliveriesSent }) => deliveriesSent === 2 * MESSAGES);
  assert.deepEqual([stats.slowReaderCloses, stats.slowReaderDrops, stats.slowReaderBlocks], [0, 0, 0]);
  assert.ok(stats.bufferedBytes > 2 * 1_048_576, `${stats.bufferedBytes} bytes wait`);
  assert.deepEqual((await readOn(slow, MESSAGES)).ids, all);
});
