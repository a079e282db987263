import assert from "node:assert/strict";
import { test } from "node:test";
import { type FaultSettings, startServer } from "../../server/server.ts";
import { Client } from "./client.ts";

const rows: [
  sentence: string,
  faults: FaultSettings,
  ids: number[],
  counts: [lost: number, repeated: number, reordered: number],
][] = [
  ["without a fault all arrive in order", {}, [1, 2, 3, 4, 5, 6], [0, 0, 0]],
  ["each third is lost", { loseDeliveries: { every: 3 } }, [1, 2, 4, 5], [2, 0, 0]],
  [
    "named ones arrive twice",
    { repeatDeliveries: { ordinals: [2, 5] } },
    [1, 2, 2, 3, 4, 5, 5, 6],
    [0, 2, 0],
  ],
  [
    "named ones are overtaken by the next",
    { reorderDeliveries: { ordinals: [1, 3] } },
    [2, 1, 3, 5, 4, 6],
    [0, 0, 2],
  ],
  ["the most that can be is overtaken", { reorderDeliveries: { every: 1 } }, [2, 1, 4, 3, 6, 5], [0, 0, 3]],
  [
    "lost, repeated and reordered ones do not disturb each other's number",
    {
      loseDeliveries: { ordinals: [1] },
      reorderDeliveries: { ordinals: [1] },
      repeatDeliveries: { ordinals: [1] },
    },
    [3, 2, 4, 4, 5, 6],
    [1, 1, 1],
  ],
];
for (const [sentence, faults, expected, [lost, repeated, reordered]] of rows) {
  test(`of six deliveries to one subscriber, ${sentence}`, async (t) => {
    const server = await startServer({ faults });
    t.after(() => server.close());
    const client = await (await Client.connect(`${server.url}/ws/chat`)).subscribe("r");
    for (let id = 1; id <= 6; id++) client.send({ type: "publish", room: "r", id });
    client.send({ type: "unsubscribe", room: "r" });
    const ids: number[] = [];
    for (let message = await client.json(); message.type === "message"; message = await client.json()) {
      ids.push(message.id);
    }
    assert.deepEqual(ids, expected);
    const stats = server.stats();
    assert.deepEqual(
      [stats.deliveriesLost, stats.deliveriesRepeated, stats.deliveriesReordered],
      [lost, repeated, reordered],
    );
    assert.equal(stats.deliveriesSent, 6 - lost);
  });
}

test("one that nothing overtakes is delivered in the end, and not counted as reordered", async (t) => {
  const server = await startServer({ faults: { reorderDeliveries: { every: 1 } } });
  t.after(() => server.close());
  const client = await (await Client.connect(`${server.url}/ws/chat`)).subscribe("r");
  client.send({ type: "publish", room: "r", id: "alone" });
  assert.equal((await client.json()).id, "alone");
  assert.equal(server.stats().deliveriesReordered, 0);
});

test("another publisher's message does not overtake", async (t) => {
  const server = await startServer({ faults: { reorderDeliveries: { ordinals: [1] } } });
  t.after(() => server.close());
  const client = await (await Client.connect(`${server.url}/ws/chat`)).subscribe("r");
  for (const [publisher, id] of [
    ["ann", 1],
    ["bob", 2],
    ["ann", 3],
  ]) {
    client.send({ type: "publish", room: "r", publisher, id });
  }
  assert.deepEqual([(await client.json()).id, (await client.json()).id, (await client.json()).id], [2, 3, 1]);
});
