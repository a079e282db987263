import assert from "node:assert/strict";
import { test } from "node:test";
import { RoomOrder } from "../../lib/order.ts";

/** A room of two in which each has published three messages. */
function room(): RoomOrder {
  const order = new RoomOrder(2);
  for (let count = 0; count < 3; count++) for (const publisher of [0, 1]) order.next(publisher);
  return order;
}

test("gaps are lost until they are filled, which is out of order; what came already is a duplicate", () => {
  const order = room();
  assert.equal(order.arrive(1, 0, 1), "in-order");
  assert.equal(order.arrive(1, 0, 3), "in-order");
  assert.equal(order.lost(1), 4);
  assert.equal(order.arrive(1, 0, 2), "reordered");
  assert.equal(order.arrive(1, 0, 2), "duplicated");
  assert.equal(order.arrive(1, 0, 3), "duplicated");
  assert.equal(order.lost(1), 3);
  assert.equal(order.lost(0), 6);
});

test("what nobody published is foreign", () => {
  const order = room();
  for (const [publisher, seq] of [
    [0, 4],
    [0, 0],
    [2, 1],
    [0, Number.NaN],
  ] as const) {
    assert.equal(order.arrive(0, publisher, seq), "foreign");
  }
});

test("two subscribers may have different publishers' messages in different orders", () => {
  const order = room();
  for (const [publisher, seq] of [
    [0, 1],
    [1, 1],
    [0, 2],
  ] as const)
    order.arrive(0, publisher, seq);
  for (const [publisher, seq] of [
    [1, 1],
    [0, 1],
    [0, 2],
    [1, 2],
  ] as const)
    order.arrive(1, publisher, seq);
  assert.equal(order.crossed(1), 1);
  assert.equal(order.crossed(0), 0);
});

test("what the server did not take is due to nobody", () => {
  const order = new RoomOrder(2);
  for (let seq = 1; seq <= 4; seq++) assert.equal(order.next(0), seq);
  order.arrive(1, 0, 1);
  order.arrive(1, 0, 3);
  order.withdraw(0, 2);
  order.withdraw(0, 4);
  assert.deepEqual([order.lost(0), order.lost(1)], [2, 0]);
  // It came all the same: who did not hear it lacks nothing that was promised.
  order.arrive(1, 0, 4);
  assert.deepEqual([order.lost(0), order.lost(1)], [2, 0]);
});
