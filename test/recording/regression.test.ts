import assert from "node:assert/strict";
import { test } from "node:test";
import { blockLength, estimate, seeded } from "../../cli/gate/bootstrap.ts";
import { compare } from "../../cli/gate/regression.ts";
import { studentQuantile } from "../../cli/gate/student.ts";
import { ofKind } from "../../cli/recording/figures.ts";
import { latencies, madeUpRun, type Weather } from "./made-up-run.ts";

// Tabled values: NIST/SEMATECH e-Handbook of Statistical Methods, section 1.3.6.7.2.
const TABLE: readonly (readonly [probability: number, degrees: number, value: number])[] = [
  [0.975, 1, 12.706],
  [0.975, 2, 4.303],
  [0.95, 3, 2.353],
  [0.975, 5, 2.571],
  [0.99, 8, 2.896],
  [0.975, 10, 2.228],
  [0.995, 30, 2.75],
  [0.999, 100, 3.174],
];
for (const [probability, degrees, value] of TABLE) {
  test(`Student's t with ${degrees} degrees of freedom exceeds ${value} in ${1 - probability} of cases`, () => {
    assert.equal(studentQuantile(probability, degrees).toFixed(3), value.toFixed(3));
  });
}

test("blocks are longer the more alike neighbouring seconds are, and a quarter of the run at most", () => {
  const lengthAt = (persistence: number) => {
    const weather = { seconds: 120, perSecond: 100, persistence, swing: 0.3 };
    const lengths = [1, 2, 3, 4, 5].map((seed) =>
      blockLength(latencies(weather, seeded(seed)).map((second) => second.reduce((sum, v) => sum + v))),
    );
    return lengths.sort((a, b) => a - b)[2]!;
  };
  const [none, some, strong] = [0, 0.9, 0.97].map(lengthAt) as [number, number, number];
  assert.ok(none < some && some < strong && strong <= 30, `${none}, ${some}, ${strong}`);
  assert.equal(blockLength(Array(100).fill(3)), 2 * Math.cbrt(100), "nothing varies");
});

const alike: Weather = { seconds: 60, perSecond: 100, persistence: 0.8, swing: 0.1 };

test("the standard error is what runs vary by", () => {
  const runs = Array.from({ length: 40 }, (_, seed) => madeUpRun(alike, 100 + seed));
  const estimates = runs.map(({ series }) => {
    const [{ cells }] = ofKind(series, "trend") as [ReturnType<typeof ofKind<"trend">>[0]];
    return estimate([...cells.values()], [0.5], seeded(1))[0]!;
  });
  const logarithms = estimates.map(({ value }) => Math.log(value));
  const center = logarithms.reduce((sum, value) => sum + value) / 40;
  const actual = Math.sqrt(logarithms.reduce((sum, value) => sum + (value - center) ** 2, 0) / 39);
  const told = estimates.map(({ standardError }) => standardError).sort((a, b) => a - b)[20]!;
  assert.ok(told > 0.6 * actual && told < 1.6 * actual, `told ${told}, runs vary by ${actual}`);
});

test("of 40 pairs of runs alike at most 4 raise an alarm, of 40 slower by 20 % at least 32 do", () => {
  let alarms = 0;
  let found = 0;
  for (let i = 0; i < 40; i++) {
    const baseline = madeUpRun(alike, 2 * i);
    if (compare(madeUpRun(alike, 2 * i + 1), [baseline]).slower.length > 0) alarms++;
    if (compare(madeUpRun(alike, 2 * i + 1, 1.2), [baseline]).slower.length > 0) found++;
  }
  assert.ok(alarms <= 4, `${alarms} false alarms`);
  assert.ok(found >= 32, `${found} found`);
});

const calm: Weather = { seconds: 30, perSecond: 100, persistence: 0, swing: 0.02 };

test("a comparison tells both values, their ratio and an interval around it", () => {
  const { comparisons } = compare(madeUpRun(calm, 1, 1.5), [madeUpRun(calm, 2)]);
  assert.deepEqual(
    comparisons.map(({ share }) => share),
    [0.5, 0.95, 0.99],
  );
  for (const { ratio, low, high, now, before, baseline } of comparisons) {
    assert.equal(baseline, "run 2");
    assert.equal(ratio, now / before);
    assert.ok(low < 1.5 && 1.5 < high && low < ratio && ratio < high, `${low} to ${high}`);
  }
});

test("the same runs always give the same answer", () => {
  const answer = () => compare(madeUpRun(calm, 1), [madeUpRun(calm, 2)]);
  assert.deepEqual(answer(), answer());
});

test("a run faster than its baseline raises no alarm", () => {
  assert.deepEqual(compare(madeUpRun(calm, 1, 0.5), [madeUpRun(calm, 2)]).slower, []);
});

test("a difference that is certain but small raises no alarm", () => {
  const { slower, comparisons } = compare(madeUpRun(calm, 1, 1.04), [madeUpRun(calm, 1)]);
  assert.ok(comparisons.some(({ low, ratio }) => ratio > 1 && ratio < 1.05 && low > 0.95));
  assert.deepEqual(slower, []);
});

test("a run must be slower than every baseline, and the least bad comparison is told", () => {
  const run = madeUpRun(calm, 1, 1.5);
  const baselines = [madeUpRun(calm, 2), madeUpRun(calm, 3, 1.2)];
  const { slower, comparisons } = compare(run, baselines);
  assert.equal(comparisons.length, 6);
  assert.deepEqual([...new Set(slower.map(({ baseline }) => baseline))], ["run 3"]);
  assert.deepEqual(compare(run, [...baselines, madeUpRun(calm, 4, 1.5)]).slower, []);
});

test("what there is too little of is named, not compared", () => {
  const few = { ...calm, perSecond: 10 };
  const { comparisons, notCompared } = compare(madeUpRun(few, 1), [madeUpRun(calm, 2)]);
  assert.deepEqual(
    comparisons.map(({ share }) => share),
    [0.5, 0.95],
  );
  assert.deepEqual(notCompared, ["ws_msg_rtt_ms p99: 300 values, 1000 needed"]);
  const short = compare(madeUpRun({ ...calm, seconds: 7 }, 1), [madeUpRun(calm, 2)]);
  assert.deepEqual(short.notCompared, ["ws_msg_rtt_ms: 7 s with values, 8 needed"]);
  assert.deepEqual(short.comparisons, []);
});
