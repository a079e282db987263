import assert from "node:assert/strict";
import { test } from "node:test";
import { type FaultSettings, startServer } from "../../server/server.ts";
import { Client } from "./client.ts";

async function start(t: { after(fn: () => Promise<void>): void }, faults: FaultSettings = {}) {
  const server = await startServer({ faults });
  t.after(() => server.close());
  return { server, client: await Client.connect(`${server.url}/ws/chat`) };
}

/** Sends `count` echoes, then one more when no fault is on: what came before it is all that will come. */
async function echoes(client: Client, count: number, faultsOff: () => void): Promise<number[]> {
  for (let i = 1; i <= count; i++) client.send({ type: "echo", echoId: i });
  const came: number[] = [];
  client.send({ type: "unsubscribe", room: "end" });
  for (let message = await client.json(); message.type !== "unsubscribed"; message = await client.json()) {
    came.push(message.echoId);
  }
  faultsOff();
  return came;
}

test("each tenth of 1,000 replies is lost, and the server counts 100", async (t) => {
  const { server, client } = await start(t, { loseReplies: { every: 10, count: 100 } });
  const came = await echoes(client, 1_200, () => server.faults.clear());
  const expected = Array.from({ length: 1_200 }, (_, i) => i + 1).filter((n) => n > 1_000 || n % 10 !== 0);
  assert.deepEqual(came, expected);
  assert.equal(server.stats().repliesLost, 100);
});

test("lost and repeated sets that overlap are both met in full", async (t) => {
  const { server, client } = await start(t, {
    loseReplies: { every: 5, count: 100 },
    repeatReplies: { every: 5, count: 50 },
  });
  const came = await echoes(client, 1_000, () => server.faults.clear());
  assert.equal(1_000 - new Set(came).size, 100);
  assert.equal(came.length - new Set(came).size, 50);
  const { repliesLost, repliesRepeated, repliesSent } = server.stats();
  assert.deepEqual(
    { repliesLost, repliesRepeated, repliesSent },
    { repliesLost: 100, repliesRepeated: 50, repliesSent: 900 },
  );
});

test("named replies are lost and repeated", async (t) => {
  const { server, client } = await start(t, {
    loseReplies: { ordinals: [1, 4] },
    repeatReplies: { ordinals: [2] },
  });
  assert.deepEqual(await echoes(client, 5, () => server.faults.clear()), [2, 3, 3, 5]);
});

test("a reply waits at least its delay, and the delays applied can be read", async (t) => {
  const { server, client } = await start(t, { delay: { kind: "list", ms: [30, 0, 12.5] } });
  const began = performance.now();
  const tookMs = new Map<number, number>();
  for (let i = 1; i <= 3; i++) client.send({ type: "echo", echoId: i });
  for (let i = 1; i <= 3; i++) tookMs.set((await client.json()).echoId, performance.now() - began);
  assert.deepEqual([...tookMs.keys()], [2, 3, 1], "in the order of their delays");
  assert.ok(tookMs.get(1)! >= 30 && tookMs.get(3)! >= 12.5);
  const applied = server.faults.delays.of("echo");
  assert.equal(applied.length, 3);
  for (const [i, delayMs] of [0, 12.5, 30].entries()) {
    assert.ok(applied[i]! >= delayMs, `applied ${applied[i]}, asked ${delayMs}`);
    assert.ok(applied[i]! <= [...tookMs.values()][i]!, "the client cannot have seen it sooner");
  }
});

test("a distribution gives the same delays for the same seed", async (t) => {
  const { server } = await start(t);
  const draw = (seed: number) => {
    server.faults.set({ delay: { kind: "lognormal", medianMs: 20, sigma: 0.5, seed } });
    return Array.from({ length: 2_001 }, () => server.faults.drawDelayMs());
  };
  const first = draw(1);
  assert.deepEqual(draw(1), first);
  assert.notDeepEqual(draw(2), first);
  const median = first.sort((a, b) => a - b)[1_000]!;
  assert.ok(Math.abs(median - 20) < 2, `median ${median}`);
});

test("a frozen server does nothing until it thaws, then does everything, in order", async (t) => {
  const { server, client } = await start(t);
  const began = performance.now();
  let thawed = false;
  const thaw = server.faults.freeze(300).then(() => {
    thawed = true;
  });
  for (let i = 1; i <= 3; i++) client.send({ type: "echo", echoId: i });
  const newcomer = Client.connect(`${server.url}/ws/chat`).then(() =>
    assert.ok(thawed, "upgraded while frozen"),
  );
  const health = fetch(`${server.httpUrl}/health`).then(() => assert.ok(thawed, "healthy while frozen"));
  const replies = [await client.json(), await client.json(), await client.json()];
  assert.ok(performance.now() - began >= 299, "a reply came out of a frozen server");
  assert.deepEqual(
    replies.map(({ echoId }) => echoId),
    [1, 2, 3],
  );
  await Promise.all([thaw, newcomer, health]);
});

test("a delayed reply that falls due in a freeze leaves after it", async (t) => {
  const { server, client } = await start(t, { delay: 50 });
  client.send({ type: "echo", echoId: 1 });
  await client.request({ type: "unsubscribe", room: "so that the echo has arrived" });
  const began = performance.now();
  void server.faults.freeze(300);
  await client.json();
  assert.ok(performance.now() - began >= 299);
});
