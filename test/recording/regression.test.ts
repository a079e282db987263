import assert from "node:assert/strict";
import { test } from "node:test";
import { blockLength, type Estimate, estimate, seeded } from "../../cli/gate/bootstrap.ts";
import { type Measured, measure } from "../../cli/gate/measure.ts";
import { assume, isBeyondChance, predict, usual } from "../../cli/gate/prediction.ts";
import { compare } from "../../cli/gate/regression.ts";
import { ofKind } from "../../cli/recording/figures.ts";
import { latencies, madeUpRun, normal, type Weather } from "./made-up-run.ts";

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

// Tabled values of Student's t: NIST/SEMATECH e-Handbook of Statistical Methods, section 1.3.6.7.2, at 0.95. The
// interval of a run beside n baselines without an error of their own is the median times e to the power of t ·
// spread · √(1 + variance of the median).
const TABLE: readonly (readonly [baselines: number, t: number, ofMedian: number])[] = [
  [3, 2.92, 0.4487],
  [5, 2.132, 0.2868],
  [10, 1.833, 0.1383],
];
for (const [count, t, ofMedian] of TABLE) {
  test(`the interval beside ${count} baselines that differ is Student's, with ${count - 1} degrees of freedom`, () => {
    const exact = (value: number): Estimate => ({ value, standardError: 0, blocks: 20 });
    const values = Array.from(
      { length: count },
      (_, i) => 20 * Math.exp((0.4 * (i - (count - 1) / 2)) / count),
    );
    const logarithms = values.map(Math.log);
    const center = logarithms.reduce((sum, value) => sum + value) / count;
    const variance = logarithms.reduce((sum, value) => sum + (value - center) ** 2, 0) / (count - 1);
    const baselines = usual(values.map(exact))!;
    const { before, ratio, high } = predict(exact(22), baselines, assume([[baselines]]), 0.05);
    assert.ok(Math.abs(before - 20) < 1e-9 && Math.abs(ratio - 1.1) < 1e-9);
    const margin = Math.log(high) - Math.log(ratio);
    assert.ok(Math.abs(margin / Math.sqrt(variance * (1 + ofMedian)) - t) < 0.001, `${margin}`);
  });
}

const kept = new Map<Weather, Measured[]>();

/** Draws runs out of a few that were measured, none again soon, each shifted by what sets runs apart. */
function lottery(weather: Weather, between: number) {
  const measured =
    kept.get(weather) ?? Array.from({ length: 40 }, (_, i) => measure(madeUpRun(weather, 1 + i)));
  kept.set(weather, measured);
  const random = seeded(3);
  let at = 0;
  return (factor = 1): Measured => {
    at = (at + 1 + Math.floor(3 * random())) % measured.length;
    const { label, latencies, warmUps } = measured[at]!;
    const shift = factor * Math.exp(between * normal(random));
    const shifted = latencies.map((latency) => ({
      ...latency,
      estimate: { ...latency.estimate!, value: latency.estimate!.value * shift },
    }));
    return { label, latencies: shifted, warmUps };
  };
}

const calm: Weather = { seconds: 30, perSecond: 100, persistence: 0, swing: 0.02 };

// bench/gate-simulated.ts has the whole table. Of 1,000 comparisons with a rate of 5 %, 62 are beyond it in 5 % of cases.
for (const [weather, between, count] of [
  [calm, 0.03, 3],
  [calm, 0.05, 3],
  [calm, 0.1, 3],
  [calm, 0.1, 5],
  [calm, 0.2, 5],
  [alike, 0.05, 3],
] as const) {
  test(`of runs alike that differ by ${100 * between} % at most 5 % are called slower than ${count} baselines`, () => {
    const draw = lottery(weather, between);
    let alarms = 0;
    for (let i = 0; i < 1_000; i++) {
      const baselines = Array.from({ length: count }, () => draw());
      if (compare(draw(), baselines).slower.length > 0) alarms++;
    }
    assert.ok(alarms <= 62, `${alarms} of 1,000`);
  });
}

for (const [between, count, least] of [
  [0.02, 3, 950],
  [0.03, 5, 950],
  [0.05, 10, 850],
] as const) {
  test(`of runs 20 % slower that differ by ${100 * between} % at least ${least} in 1,000 are found beside ${count} baselines`, () => {
    const draw = lottery(calm, between);
    let found = 0;
    let missed = 0;
    for (let i = 0; i < 1_000; i++) {
      const baselines = Array.from({ length: count }, () => draw());
      const { slower, comparisons } = compare(draw(1.2), baselines);
      if (slower.length > 0) found++;
      else if (comparisons.every(({ high }) => high <= 1.2)) missed++;
    }
    assert.ok(found >= least, `${found} found`);
    assert.ok(missed <= 50, `${missed} passed without a word`);
  });
}

test("several comparisons that are each just beyond chance are so together where they move as one, and not where one is", () => {
  assert.equal(isBeyondChance([0.04, 0.04, 0.04]), true);
  assert.equal(isBeyondChance([0.04, 0.5, 0.6]), false);
  assert.equal(isBeyondChance([0.01, 0.5, 0.99]), true, "one that is faster hides none that is slower");
  assert.equal(isBeyondChance([0, 0.9]), true);
  assert.equal(isBeyondChance([]), false);
  for (const count of [1, 3, 9, 36]) {
    const random = seeded(count);
    const trials = 20_000;
    let beyond = 0;
    for (let i = 0; i < trials; i++) {
      if (isBeyondChance(Array.from({ length: count }, () => random()))) beyond++;
    }
    assert.ok(beyond / trials > 0.04 && beyond / trials < 0.054, `${count}: ${beyond / trials}`);
  }
});

const measured = (weather: Weather, seed: number, factor = 1): Measured =>
  measure(madeUpRun(weather, seed, factor));

test("a comparison tells both values, their ratio, an interval around it and each baseline", () => {
  const baselines = [2, 3, 4].map((seed) => measured(calm, seed));
  const { comparisons, falseAlarms } = compare(measured(calm, 1, 1.5), baselines);
  assert.deepEqual(
    comparisons.map(({ share }) => share),
    [0.5, 0.95, 0.99],
  );
  for (const { ratio, low, high, now, before, baselines, spread } of comparisons) {
    assert.deepEqual(
      baselines.map(({ label, isSlowerThan, isOdd }) => [label, isSlowerThan, isOdd]),
      [2, 3, 4].map((seed) => [`run ${seed}`, true, false]),
    );
    assert.ok(Math.abs(before - baselines.map(({ value }) => value).sort((a, b) => a - b)[1]!) < 1e-9);
    assert.ok(Math.abs(ratio - now / before) < 1e-9);
    assert.ok(low < 1.5 && 1.5 < high && low < ratio && ratio < high, `${low} to ${high}`);
    assert.deepEqual(spread, { share: 0.05, from: "assumed" });
  }
  assert.ok(falseAlarms > 0 && falseAlarms <= 0.05);
});

test("the same runs always give the same answer", () => {
  const answer = () => compare(measured(calm, 1), [measured(calm, 2)]);
  assert.deepEqual(answer(), answer());
});

test("a run faster than its baseline raises no alarm", () => {
  assert.deepEqual(compare(measured(calm, 1, 0.5), [measured(calm, 2)]).slower, []);
});

test("the tolerance is what a run may be slower by, and a stated spread what runs differ by", () => {
  const baselines = [2, 3, 4, 5, 6].map((seed) => measured(calm, seed));
  const run = measured(calm, 1, 1.3);
  assert.equal(compare(run, baselines, { tolerance: 0.05 }).slower.length, 3);
  const { slower, falseAlarms } = compare(run, baselines, { tolerance: 0.5 });
  assert.deepEqual(slower, []);
  assert.ok(falseAlarms < 1e-6, "of healthy runs hardly any is half as slow again");
  assert.deepEqual(compare(run, baselines, { tolerance: 0.05, spread: 0.3 }).slower, []);
  const { comparisons } = compare(run, baselines, { tolerance: 0.05, spread: 0.01 });
  assert.ok(comparisons.every(({ spread: { share, from } }) => share === 0.01 && from === "stated"));
});

test("one baseline far from the others is named, and neither lets slow runs pass nor makes others fail", () => {
  const baselines = [measured(calm, 2), measured(calm, 3), measured(calm, 4, 20)];
  const { slower } = compare(measured(calm, 1, 1.6), baselines);
  assert.equal(slower.length, 3);
  for (const { baselines } of slower) {
    assert.deepEqual(
      baselines.map(({ isOdd, isSlowerThan }) => [isOdd, isSlowerThan]),
      [
        [false, true],
        [false, true],
        [true, false],
      ],
    );
  }
  assert.deepEqual(
    compare(measured(calm, 1), [measured(calm, 2, 1 / 20), ...baselines.slice(0, 2)]).slower,
    [],
  );
  const split = compare(measured(calm, 1), [measured(calm, 2), measured(calm, 3, 20)]);
  assert.deepEqual(split.comparisons, []);
  assert.match(split.notCompared.join(), /p50: the baselines are too far apart to tell what is usual/);
});

test("what there is too little of is named, not compared", () => {
  const few = { ...calm, perSecond: 10 };
  const { comparisons, notCompared } = compare(measured(few, 1), [measured(calm, 2)]);
  assert.deepEqual(
    comparisons.map(({ share }) => share),
    [0.5, 0.95],
  );
  assert.deepEqual(notCompared, ["ws_msg_rtt_ms p99: 300 values, 1000 needed"]);
  const short = compare(measured({ ...calm, seconds: 7 }, 1), [measured(calm, 2)]);
  assert.deepEqual(short.notCompared, ["ws_msg_rtt_ms: 7 s with values, 8 needed"]);
  assert.deepEqual(short.comparisons, []);
  const other = compare(measured(calm, 1), [measured(few, 2), measured(calm, 3)]);
  assert.deepEqual(other.notCompared, ["ws_msg_rtt_ms p99: 300 values, 1000 needed (run 2)"]);
  const none = compare({ label: "none", latencies: [], warmUps: [] }, [measured(calm, 2)]);
  assert.deepEqual(none.notCompared, ["ws_msg_rtt_ms: this run has none"]);
});

test("seconds without values are none", () => {
  const bursts = { ...calm, seconds: 31, every: 30, perSecond: 3_000 };
  const { latencies } = measured(bursts, 1);
  assert.equal(latencies[0]!.lacking, "ws_msg_rtt_ms: 2 s with values, 8 needed");
});

test("a warm-up is left out, told, and hides nothing", () => {
  const warming = { ...calm, seconds: 60, warmUpSeconds: 4 };
  const [run, before] = [measured(warming, 1, 1.4), measured(warming, 2)];
  assert.deepEqual(run.warmUps, ["ws_msg_rtt_ms: the first 4 s, which were slower"]);
  const { slower } = compare(run, [before, measured(warming, 3), measured(warming, 4)]);
  assert.deepEqual(
    slower.map(({ share }) => share),
    [0.5, 0.95, 0.99],
  );
  assert.deepEqual(measured(calm, 1).warmUps, [], "a run that has none");
  assert.deepEqual(measured({ ...calm, warmUpSeconds: 20 }, 1).warmUps, [], "most of a run is no warm-up");
});

test("a clock of whole milliseconds neither hides a shift nor makes one up", () => {
  const coarse = { ...calm, seconds: 60, clockMs: 10 }; // of values about 20 ms
  const medians = [1, 1.02, 1.2].map((factor) => measured(coarse, 1, factor).latencies[0]!.estimate!.value);
  const [one, slightly, slower] = medians as [number, number, number];
  assert.ok(slightly / one > 1.003 && slightly / one < 1.05, `${slightly / one}`);
  assert.ok(slower / one > 1.1 && slower / one < 1.3, `${slower / one}`);
  const still = { ...coarse, sigma: 0.1, swing: 0 }; // nearly all of them 20
  assert.ok(
    measured(still, 1).latencies[0]!.estimate!.standardError > 0.1,
    "what the clock hides is an error",
  );
});
