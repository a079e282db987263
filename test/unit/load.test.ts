import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { connectionsOf, plannedMs, sessionsIn, spanOf } from "../../lib/load.ts";
import { backoffMs, backoffOf, dueAt, dueIn, Grid, steady } from "../../lib/pacing.ts";
import { ms } from "../../lib/units.ts";

const load = { connections: 4, ramp: ms(40_000), hold: ms(100_000), rampDown: ms(20_000) };

describe("a connection's span", () => {
  const rows: [sentence: string, index: number, start: number, end: number][] = [
    ["the first opens at once and closes last", 0, 0, 160_000],
    ["the second waits for its share of the ramp", 1, 10_000, 155_000],
    ["the last opens before the hold begins and closes first", 3, 30_000, 145_000],
  ];
  for (const [sentence, index, start, end] of rows) {
    test(sentence, () => assert.deepEqual(spanOf(load, index), { start, end }));
  }
  test("the plan ends with the last of them", () => assert.equal(plannedMs(load), 160_000));
});

test("every connection belongs to exactly one shard", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 50 }), (connections, shards) => {
      const all = Array.from({ length: shards }, (_, shard) =>
        connectionsOf({ ...load, connections }, shard, shards),
      );
      assert.deepEqual(
        all.flat().sort((a, b) => a - b),
        Array.from({ length: connections }, (_, index) => index),
      );
    }),
  );
});

describe("a span is cut into sessions", () => {
  const rows: [sentence: string, span: [number, number], lengths: number[]][] = [
    ["that follow each other", [0, 180], [60, 60, 60]],
    ["with a rest of its own when a probe fits into it", [0, 140], [60, 60, 20]],
    ["with too short a rest added to the one before", [0, 135], [60, 75]],
    ["or into one alone when it is short", [10, 40], [30]],
    ["or none when it is empty", [10, 10], []],
  ];
  for (const [sentence, [start, end], lengths] of rows) {
    test(sentence, () => {
      const sessions = sessionsIn({ start: ms(start), end: ms(end) }, ms(60), ms(16));
      assert.deepEqual(
        sessions.map((session) => session.end - session.start),
        lengths,
      );
      for (const [i, session] of sessions.entries())
        assert.equal(session.start, sessions[i - 1]?.end ?? start);
    });
  }
});

describe("due times", () => {
  test("stay on their grid however late they are taken", () => {
    const grid = new Grid(ms(3), ms(10), ms(35));
    assert.equal(grid.take(ms(2)), undefined);
    assert.equal(grid.take(ms(3)), 3);
    assert.equal(grid.take(ms(29)), 13);
    assert.equal(grid.take(ms(29)), 23);
    assert.equal(grid.take(ms(29)), undefined);
    assert.equal(grid.next(), 33);
    assert.equal(grid.take(ms(1_000)), 33);
    assert.equal(grid.take(ms(1_000)), undefined);
  });
  test("there are none when the first is past the last", () => {
    assert.equal(new Grid(ms(36), ms(10), ms(35)).next(), undefined);
  });
  test("that are given come as they are, where one computed from the other would be missed", () => {
    const [first, last] = [ms(633.755686), ms(5768.889713)];
    assert.equal(new Grid(ms(first + (last - first)), ms(1), last).next(), undefined);
    const due = dueAt(first, last);
    assert.equal(due.take(ms(600)), undefined);
    assert.deepEqual([due.take(ms(700)), due.take(ms(700)), due.next()], [first, undefined, last]);
    assert.deepEqual([due.take(ms(6_000)), due.take(ms(6_000))], [last, undefined]);
  });
});

describe("back-off", () => {
  const policy = { base: ms(500), cap: ms(10_000) };
  const rows: [sentence: string, attempt: number, random: number, wait: number][] = [
    ["may be nothing at all", 3, 0, 0],
    ["begins with half the base on average", 0, 0.5, 250],
    ["doubles with each attempt", 2, 0.5, 1_000],
    ["stays under its cap", 40, 0.5, 5_000],
  ];
  for (const [sentence, attempt, random, wait] of rows) {
    test(sentence, () => assert.equal(backoffMs(policy, attempt, random), wait));
  }
  test("has a cap of no less than its base", () => {
    const [base, cap] = [ms(2_000), ms(500)];
    assert.deepEqual(backoffOf({ BACKOFF_BASE: cap, BACKOFF_CAP: base }), { base: cap, cap: base });
    assert.throws(
      () => backoffOf({ BACKOFF_BASE: base, BACKOFF_CAP: cap }),
      /^SettingsError: BACKOFF_CAP: expected at least BACKOFF_BASE \(2s\), got 500ms$/,
    );
  });
});

describe("a steady rate has as many due times as it says", () => {
  const rows: [sentence: string, perSecond: number, durationMs: number, count: number][] = [
    ["one each second, none at the very end", 1, 5_000, 5],
    ["a rate that no binary number is", 8.3, 30_000, 249],
    ["the last second begun", 10, 1_050, 11],
    ["one in a time shorter than its interval", 0.1, 1_000, 1],
  ];
  for (const [sentence, perSecond, durationMs, count] of rows) {
    test(sentence, () => {
      const due = steady(ms(1e6 / 3), perSecond, ms(durationMs));
      let taken = 0;
      while (due.take(ms(Number.MAX_VALUE)) !== undefined) taken++;
      assert.deepEqual([dueIn(perSecond, ms(durationMs)), taken], [count, count]);
    });
  }

  test("whatever the rate: the last is due before the end, one more would not be", () => {
    const rates = fc.integer({ min: 1, max: 1_000_000 }).map((thousandths) => thousandths / 1_000);
    fc.assert(
      fc.property(rates, fc.integer({ min: 1, max: 600_000 }), (perSecond, duration) => {
        const count = dueIn(perSecond, ms(duration));
        const dueAfter = (index: number) => (index * 1_000) / perSecond;
        assert.ok(dueAfter(count - 1) < duration, `${count} are too many`);
        assert.ok(dueAfter(count) > duration - 1e-6, `${count} are too few`);
      }),
    );
  });
});
