import assert from "node:assert/strict";
import { test } from "node:test";
import { compareServers, failures, type Row } from "../../cli/bench/compare.ts";
import { comparisonMarkdown, comparisonText } from "../../cli/bench/forms.ts";
import { pageOf } from "../../cli/bench/page.ts";
import { parseBefore, since } from "../../cli/bench/since.ts";

const row = (server: number, round: number, medianUs: number, more: Partial<Row> = {}): Row => ({
  name: `server ${server}`,
  server,
  testset: 0,
  case: 0,
  round,
  outcome: "PASSED",
  size: 64,
  mode: "sync",
  connections: 1,
  medianUs,
  echoesPerSecond: 1e6 / medianUs,
  generator: "ok",
  ...more,
});

/** Rounds of one server, by their medians in microseconds. */
const rounds = (server: number, medians: readonly number[], more: Partial<Row> = {}): Row[] =>
  medians.map((us, i) => row(server, i + 1, us, more));

const lines = (rows: readonly Row[]) => compareServers(rows)[0]!.lines;

const EVEN = [100, 101, 99, 100, 101, 99, 100];

test("a slower server is called so, with its ratio within the interval", () => {
  const [, slower] = lines([...rounds(0, EVEN), ...rounds(1, [120, 121, 119, 121, 120, 119, 120])]);
  assert.equal(slower!.state, "ok");
  assert.equal(slower!.us, 120);
  const { ratio, low, high, word } = slower!.against!;
  assert.equal(word, "slower");
  assert.ok(1.18 < low && low < ratio && ratio < high && high < 1.22, `${low} ${ratio} ${high}`);
});

test("servers alike are not told apart, and a faster one is", () => {
  const [, alike, faster] = lines([
    ...rounds(0, EVEN),
    ...rounds(1, [101, 99, 100, 101, 99, 100, 100]),
    ...rounds(
      2,
      EVEN.map((us) => us * 0.9),
    ),
  ]);
  assert.equal(alike!.against!.word, "alike");
  assert.equal(faster!.against!.word, "faster");
});

test("what the machine does to a whole round is not put down to a server", () => {
  const busy = [100, 130, 90, 160, 100, 110, 95];
  const [first, second] = lines([
    ...rounds(0, busy),
    ...rounds(
      1,
      busy.map((us) => us * 1.1),
    ),
  ]);
  assert.equal(first!.state, "restless");
  assert.match(first!.why!, /^the rounds differ: a second comparison may come to \d+\.\d % more or less$/);
  const { low, high } = second!.against!;
  assert.ok(1.0999 < low && high < 1.1001, `${low} to ${high}: the rounds are paired`);
});

test("rows are restless just where two comparisons would differ by more than 3 %", () => {
  // Of seven rounds five are kept, t(0.975, 4) = 2.7764: √2 · 2.7764 · √(6 s² / (5 · 4)) is 2.1506 s.
  const spread = (s: number) => [-1, 1, -1, 1, -1, 1, 0].map((side) => 100 * Math.exp(side * s));
  assert.equal(lines(rounds(0, spread(0.0135)))[0]!.state, "ok"); // expm1(2.1506 · 0.0135) = 2.95 %
  assert.equal(lines(rounds(0, spread(0.014)))[0]!.state, "restless"); // 3.06 %
});

test("a pause of the machine in a fifth of the rounds moves nothing", () => {
  const ten = [...EVEN, 100, 100, 100];
  const paused = ten.map((us, i) => (i < 2 ? us * 40 : us));
  const [, even] = lines([...rounds(0, ten), ...rounds(1, ten)]);
  const [, late] = lines([...rounds(0, ten), ...rounds(1, paused)]);
  assert.equal(late!.state, "ok");
  assert.ok(Math.abs(late!.against!.ratio / even!.against!.ratio - 1) < 0.01, `${late!.against!.ratio}`);
});

/** Rounds in which the bare loop took so long. */
const paced = (server: number, medians: readonly number[], loop: readonly number[]): Row[] =>
  rounds(server, medians).map((one, i) => ({ ...one, yardstickUs: loop[i]! }));

const LOOP = [10, 10.1, 9.9, 10, 10.1, 9.9, 10];
const slowed = (values: readonly number[], by: number) => values.map((value) => value * by);

test("the first server is told in times of the bare loop, which divides out the machine", () => {
  const busy = [100, 130, 90, 160, 100, 110, 95];
  const [first] = lines(paced(0, busy, slowed(busy, 0.1)));
  assert.deepEqual([first!.state, first!.against!.to], ["ok", "bare loop"]);
  assert.ok(Math.abs(first!.against!.ratio - 10) < 1e-9);
  const text = comparisonText(compareServers(paced(0, EVEN, LOOP)));
  assert.match(text, /10\.00 \(10\.00 to 10\.00\) times the bare loop$/m);
  assert.doesNotMatch(text, /drift/);
});

test("a machine that becomes slower amid a case is told as drift", () => {
  const loop = LOOP.map((us, i) => (i < 4 ? us : us * 1.08));
  const text = comparisonText(compareServers(paced(0, EVEN, loop)));
  assert.match(
    text,
    /drift: the bare loop \(10\.\d µs\) took \d\.\d % longer in the second half of the rounds than in the first: rely on ratios/,
  );
});

test("a slower machine is no change since an earlier comparison, and a slower server is one", () => {
  const before = compareServers([...paced(0, EVEN, LOOP), ...paced(1, slowed(EVEN, 1.2), LOOP)]);
  const loop = slowed(LOOP, 1.16);
  const now = compareServers([
    ...paced(0, slowed(EVEN, 1.16), loop),
    ...paced(1, slowed(EVEN, 1.16 * 1.3), loop),
  ]);
  const compared = since(parseBefore(JSON.stringify(before)), now);
  const [first, second] = compared[0]!.lines;
  assert.equal(first!.since!.word, "same");
  assert.equal(second!.since!.word, "slower");
  assert.ok(Math.abs(second!.since!.ratio - 1.3 / 1.2) < 1e-9);
  for (const text of [comparisonText(compared), comparisonMarkdown(compared), pageOf(compared, "")]) {
    assert.match(text, /since before/);
    assert.match(text, /8\.3 %.*slower/);
    assert.match(text, /took 16\.0 % longer than in the earlier comparison/);
  }
});

test("what an earlier comparison could not rely on, or has not, is left out", () => {
  const restless = compareServers(paced(0, [100, 130, 90, 160, 100, 110, 95], LOOP));
  const now = compareServers(paced(0, EVEN, LOOP));
  assert.equal(restless[0]!.lines[0]!.state, "restless");
  assert.equal(since(parseBefore(JSON.stringify(restless)), now)[0]!.lines[0]!.since, undefined);
  assert.deepEqual(since([], now), now);
});

test("a generator that was the bottleneck in half of the rounds is named", () => {
  const bound = { generator: "bound", because: "the generator was at work for 95 % of the time" } as const;
  const half = EVEN.slice(0, 6).map((us, i) => row(0, i + 1, us, i % 2 ? bound : {}));
  const fewer = EVEN.map((us, i) => row(0, i + 1, us, i < 3 ? bound : {}));
  assert.equal(lines(half)[0]!.state, "generator-bound");
  assert.equal(lines(half)[0]!.why, "the generator was at work for 95 % of the time (3 of 6 rounds)");
  assert.equal(lines(fewer)[0]!.state, "ok");
});

test("a round that failed is told, and counts for nothing", () => {
  const failed = rounds(1, EVEN).map((one) =>
    one.round === 2 ? { ...one, outcome: "FAILED" as const, why: "echo 3: expected 64 bytes, got 63" } : one,
  );
  const compared = compareServers([...rounds(0, EVEN), ...failed]);
  const second = compared[0]!.lines[1]!;
  assert.deepEqual(
    [second.state, second.rounds, second.why],
    ["failed", 6, "FAILED in 1 of 7 rounds: echo 3: expected 64 bytes, got 63"],
  );
  assert.equal(failures(compared), 1);
});

test("pipelined loads are compared by their throughput", () => {
  const pipelined = { mode: "pipelined", depth: 16, connections: 10 };
  const compared = compareServers([
    ...rounds(0, EVEN, { ...pipelined, medianUs: 900 }),
    ...rounds(
      1,
      EVEN.map((us) => us * 2),
      { ...pipelined, medianUs: 900 },
    ),
  ]);
  assert.equal(compared[0]!.title, "64 bytes, pipelined:16x10");
  assert.equal(compared[0]!.measure, "time per echo");
  assert.ok(Math.abs(compared[0]!.lines[1]!.against!.ratio - 2) < 1e-9);
});

test("handshakes have no size", () => {
  const handshakes = { mode: "handshake", size: 0, connections: 10 };
  const compared = compareServers([
    ...rounds(0, EVEN, handshakes),
    ...rounds(1, EVEN, { ...handshakes, case: 1, connections: 1, rate: 50 }),
  ]);
  assert.deepEqual(
    compared.map(({ title, measure }) => `${title}: ${measure}`),
    ["handshakex10: median latency", "handshake@50: median latency"],
  );
});

test("names of servers are text in every form", () => {
  const hostile = '<img src=x onerror="alert(1)">|`';
  const compared = compareServers([...rounds(0, EVEN, { name: hostile }), ...rounds(1, EVEN)]);
  assert.ok(comparisonText(compared).includes(hostile));
  assert.doesNotMatch(comparisonMarkdown(compared), /<img|\|`/);
  const page = pageOf(compared, "");
  assert.doesNotMatch(page, /<img/);
  assert.match(page, /&#60;img src=x/);
});
