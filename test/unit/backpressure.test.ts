import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  accountOf,
  expectedOutcomes,
  type Published,
  p95,
  Reading,
  ranges,
  rose,
  type SlowReaderSighting,
  slowReaderOutcome,
  withheldSince,
} from "../../lib/backpressure.ts";
import { type Ms, ms } from "../../lib/units.ts";

describe("what became of a slow reader", () => {
  const control = { ready: true, endedAt: undefined };
  const seen: SlowReaderSighting = {
    ready: true,
    endedAt: undefined,
    control,
    missing: 0,
    othersWaited: false,
  };
  const ended = { ...seen, endedAt: ms(5_000) };
  const rows: [sentence: string, seen: SlowReaderSighting, outcome: string][] = [
    ["everything came", seen, "queued"],
    ["some is missing, and it is still connected", { ...seen, missing: 1 }, "dropped"],
    ["its connection ended, so the rest is missing", { ...ended, missing: 7 }, "closed"],
    ["its connection ended after everything had come", ended, "closed"],
    [
      "its connection ended long before that of the silent one",
      { ...ended, control: { ready: true, endedAt: ms(20_000) } },
      "closed",
    ],
    [
      "its connection ended when that of the silent one did",
      { ...ended, control: { ready: true, endedAt: ms(5_300) } },
      "unclear",
    ],
    [
      "its end was seen after that of the silent one",
      { ...ended, control: { ready: true, endedAt: ms(3_000) } },
      "unclear",
    ],
    [
      "its connection ended, and there was none to compare with",
      { ...ended, control: { ready: false, endedAt: undefined } },
      "unclear",
    ],
    [
      "all came, and the silent one's connection ended",
      { ...seen, control: { ready: true, endedAt: ms(3_000) } },
      "queued",
    ],
    ["everything came, and the others waited", { ...seen, othersWaited: true }, "blocked"],
    [
      "dropped for it, so it is not what the others waited for",
      { ...seen, missing: 1, othersWaited: true },
      "dropped",
    ],
    ["its session was never ready", { ...seen, ready: false, missing: 7 }, "not_ready"],
  ];
  for (const [sentence, given, outcome] of rows) {
    test(`${sentence}: ${outcome}`, () => assert.equal(slowReaderOutcome(given), outcome));
  }
});

/** One publication of 10 bytes every 100 ms, from 0 on. */
const published = (count: number): Published[] =>
  Array.from({ length: count }, (_, index) => ({
    due: ms(index * 100),
    at: ms(index * 100),
    bytes: 10,
    phase: "burst",
  }));

/** A reader that had these, each at its time. */
function readingOf(arrivals: Readonly<Record<number, number>>): Reading {
  const reading = new Reading();
  for (const [seq, at] of Object.entries(arrivals)) reading.arrive(Number(seq), ms(at));
  return reading;
}

describe("since when the others waited until the slow ones read again, at 500 ms", () => {
  const rows: [sentence: string, others: Readonly<Record<number, number>>[], since: number | undefined][] = [
    ["all came at once", [{ 1: 1, 2: 101, 3: 201, 4: 301, 5: 401 }], undefined],
    ["one came when they read again", [{ 1: 1, 2: 101, 3: 510, 4: 511, 5: 512 }], 200],
    [
      "one of two others had it before",
      [
        { 2: 101, 3: 510 },
        { 2: 101, 3: 202 },
      ],
      undefined,
    ],
    ["none of two others had it before", [{ 3: 510 }, { 3: 511 }], 200],
    ["lost is not waited for", [{ 1: 1, 2: 101, 4: 301, 5: 401 }], undefined],
    ["made too shortly before to tell", [{ 1: 1, 2: 101, 3: 201, 4: 301, 5: 510 }], undefined],
    ["late, yet before they read again", [{ 1: 1, 2: 490, 3: 491, 4: 492, 5: 493 }], undefined],
  ];
  for (const [sentence, others, since] of rows) {
    test(sentence, () =>
      assert.equal(withheldSince(others.map(readingOf), published(5), ms(100), ms(500), ms(150)), since),
    );
  }
});

describe("what was kept for a reader that was slow from 100 to 500 ms", () => {
  const slowness = { from: ms(100), to: ms(500) };
  const rows: [
    sentence: string,
    arrivals: Readonly<Record<number, number>>,
    account: ReturnType<typeof accountOf>,
    othersWaitedSince?: Ms,
  ][] = [
    [
      "everything, until it read again",
      { 1: 1, 2: 510, 3: 511, 4: 512, 5: 530, 6: 531 },
      { heldFor: ms(400), heldBytes: 40, catchUp: ms(30) },
    ],
    [
      "up to the first that it never had",
      { 1: 1, 2: 510, 3: 511, 5: 512, 6: 513 },
      { heldFor: ms(200), heldBytes: 20, catchUp: ms(12) },
    ],
    [
      "and then it was closed: it never caught up",
      { 1: 1, 2: 510 },
      { heldFor: ms(100), heldBytes: 10, catchUp: undefined },
    ],
    ["nothing was kept", { 1: 1, 6: 520 }, { heldFor: ms(0), heldBytes: 0, catchUp: ms(0) }],
  ];
  for (const [sentence, arrivals, account, othersWaitedSince] of rows) {
    test(sentence, () =>
      assert.deepEqual(
        accountOf(readingOf(arrivals), published(6), { ...slowness, othersWaitedSince }),
        account,
      ),
    );
  }
});

test("what is missing is what did not come, whatever the order", () => {
  const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 60 }));
  fc.assert(
    fc.property(numbers, fc.integer({ min: 1, max: 60 }), (arrived, last) => {
      const upTo = Math.max(last, ...arrived);
      const reading = new Reading();
      for (const seq of arrived) reading.arrive(seq, ms(0));
      const all = Array.from({ length: upTo }, (_, index) => index + 1);
      assert.deepEqual(
        reading.missing(upTo),
        all.filter((seq) => !arrived.includes(seq)),
      );
    }),
  );
});

test("ranges say each number once", () => {
  assert.equal(ranges([]), "");
  assert.equal(ranges([3, 4, 5, 9, 11, 12]), "3-5, 9, 11-12");
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(99)), (numbers) => {
      const sorted = [...numbers].sort((a, b) => a - b);
      const written = ranges(sorted);
      const read = (written === "" ? [] : written.split(", ")).flatMap((part) => {
        const [first, last = first] = part.split("-").map(Number) as [number, number?];
        return Array.from({ length: last - first + 1 }, (_, index) => first + index);
      });
      assert.deepEqual(read, sorted);
    }),
  );
});

test("a reader is harmed by a rise above what is allowed, against its own baseline", () => {
  assert.equal(rose({ before: [1, 2, 3], beside: [1, 2, 104] }, ms(100)), true);
  assert.equal(rose({ before: [1, 2, 3], beside: [1, 2, 103] }, ms(100)), false);
  assert.equal(rose({ before: [200, 300], beside: [300, 350] }, ms(100)), false, "slow before as well");
  assert.equal(rose({ before: [], beside: [1_000] }, ms(100)), false, "nothing to compare with");
});

test("the 95th percentile is a value that was there", () => {
  assert.equal(p95([]), undefined);
  assert.equal(p95([7]), 7);
  assert.equal(p95(Array.from({ length: 100 }, (_, index) => 100 - index)), 95);
});

test("EXPECT names policies; empty, any of them is right", () => {
  assert.deepEqual(expectedOutcomes(""), ["queued", "dropped", "closed", "blocked"]);
  assert.deepEqual(expectedOutcomes("close,drop"), ["closed", "dropped"]);
  for (const wrong of ["closed", "toString", "not_ready"]) {
    assert.throws(() => expectedOutcomes(wrong), {
      message: `EXPECT: expected some of queue, drop, close, block, got "${wrong}"`,
    });
  }
});
