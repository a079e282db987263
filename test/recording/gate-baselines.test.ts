/** The gate beside earlier runs: what it compares with, what it finds, and how it says so. */
import assert from "node:assert/strict";
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import * as v from "valibot";
import { seeded } from "../../cli/gate/bootstrap.ts";
import { decide } from "../../cli/gate/decide.ts";
import type { Comparison } from "../../cli/gate/regression.ts";
import { junit } from "../../lib/summary/junit.ts";
import { markdown } from "../../lib/summary/markdown.ts";
import { SummarySchema } from "../../lib/summary/summary.ts";
import { files, gate, run } from "./gate.ts";
import { latencies } from "./made-up-run.ts";
import { encoded, RTT, record, type Synthetic } from "./synthetic.ts";

/** A soak with values in the first second of each minute. */
function tenHours(): Synthetic {
  const minutes = run(2).seconds!;
  const seconds = Array.from({ length: 36_000 }, (_, i) =>
    i % 60 === 0 ? minutes[(i / 60) % minutes.length]! : [],
  );
  return run(2, 1, { seconds });
}

const FEW =
  "; too little data on how far runs differ \\(1 of 3 baselines\\): a run \\d+ % slower would pass$";
const comparisons: [sentence: string, runs: [Synthetic, ...Synthetic[]], code: number, last: RegExp][] = [
  [
    "no slower",
    [run(1), run(2)],
    0,
    new RegExp(`^pass: all 3 limits held, 3 latencies no slower than the baseline${FEW}`),
  ],
  [
    "no slower than three",
    [run(1), run(2), run(3), run(4)],
    0,
    /^pass: all 3 limits held, 3 latencies no slower than the median of 3 baselines$/,
  ],
  [
    "slower by half",
    [run(1, 1.5), run(2)],
    99,
    /^fail: ws_msg_rtt_ms p50 is 4\d(\.\d)? % slower than the baseline \(\d+(\.\d)? ms, was [\d.]+ ms; [\d.]+ % to [\d.]+ %\); also ws_msg_rtt_ms p95 by 4\d(\.\d)? %, ws_msg_rtt_ms p99 by [45]\d(\.\d)? %, though all 3 limits held$/,
  ],
  [
    "as slow as one of two",
    [run(1, 1.5), run(2), run(3, 1.5)],
    0,
    /^pass: all 3 limits held, 3 latencies no slower than the median of 2 baselines; too little data on how far runs differ \(2 of 3 baselines\): a run \d+ % slower would pass$/,
  ],
  [
    "slower than two of three, the third of which is far off",
    [run(1, 1.6), run(2), run(3), run(4, 20)],
    99,
    /; slower than 2 of 3: \d+, \d+, though all 3 limits held$/,
  ],
  [
    "beside an incomplete baseline",
    [run(1), run(2, 1, { state: undefined })],
    3,
    /^too-little-data: no baseline can be used: \d+ is incomplete: /,
  ],
  [
    "beside an incomplete baseline and three others",
    [run(1), run(2, 1, { state: undefined }), run(3), run(4), run(5)],
    0,
    /^pass: all 3 limits held, 3 latencies no slower than the median of 3 baselines; left out: \d+ is incomplete: /,
  ],
  [
    "beside a baseline of another version of the format and three others",
    [run(1), { ...run(2), header: { version: 2 } }, run(3), run(4), run(5)],
    0,
    /; left out: .*: expected version 1 of the recording format, got 2: use the k6-realtime that made it$/,
  ],
  [
    "beside a baseline too short",
    [run(1), { ...run(2), seconds: run(2).seconds!.slice(0, 5) }],
    3,
    /^too-little-data: nothing to compare with the baseline by: ws_msg_rtt_ms: 5 s with values, 8 needed \(the baseline\)$/,
  ],
  [
    "beside a baseline that might have taken ten hours",
    [run(1, 1.5), run(2, 1, { header: { ...run(2).header, longestMs: 36_000_000 } })],
    99,
    /^fail: ws_msg_rtt_ms p50 is 4\d/,
  ],
  [
    "of 15 seconds beside a baseline of ten hours",
    [run(1, 1.5), tenHours()],
    99,
    /^fail: ws_msg_rtt_ms p50 is [45]\d/,
  ],
];
for (const [sentence, runs, code, last] of comparisons) {
  test(`exit code ${code} for a run ${sentence}`, async (t) => {
    const { directory, path, baselines } = await files(t, ...runs);
    const answer = await gate(directory, path, ...baselines);
    assert.match(answer.last ?? "", last);
    assert.deepEqual([answer.code, answer.errors], [code, ""]);
  });
}

test("--tolerance and --spread say how strict the comparison is", async (t) => {
  const { directory, path, baselines } = await files(t, run(1, 1.3), run(2), run(3), run(4));
  const codeOf = async (...flags: string[]) => (await gate(directory, path, ...baselines, ...flags)).code;
  assert.equal(await codeOf(), 99);
  assert.equal(await codeOf("--tolerance", "40"), 0);
  assert.equal(await codeOf("--spread", "30%"), 0);
});

test("a run is never compared with itself, however it got among the baselines", async (t) => {
  const began = { environment: { host: "generator-1", os: "linux", arch: "amd64", cpus: 2 } };
  const header = { ...run(1).header, ...began, id: "tonight" };
  const tonight = { ...run(1, 2), header };
  // Slower than all others: compared with itself it would be no slower.
  const { directory, path, baselines } = await files(
    t,
    tonight,
    { ...tonight, header: { ...header, id: "the same by another output" } },
    run(3),
  );
  const answer = await gate(directory, path, ...baselines, "--baseline", path);
  assert.equal(answer.code, 99, answer.said);
  assert.match(answer.last!, /^fail: ws_msg_rtt_ms p50 is \d+ % slower than the baseline /);
  assert.match(answer.said, /no baselines: .* is the run itself; .* is the run itself/);
  const alone = await gate(directory, path, "--baseline", path);
  assert.equal(alone.code, 3);
  assert.match(alone.last!, /^too-little-data: no baseline can be used: .* is the run itself$/);
});

test("a run with the test id of a baseline is that run", async (t) => {
  const named = (seed: number) => ({ ...run(seed), header: { ...run(seed).header, run: "nightly-7" } });
  const { directory, path, baselines } = await files(t, named(1), named(2));
  assert.match(
    (await gate(directory, path, ...baselines)).last!,
    /nightly-7 is the run itself, by its test id$/,
  );
});

/** A load of 100, 200 and 400 connections, each with its own latencies and drops. */
function steps(seed: number, drops: readonly number[], factors: readonly number[] = [1, 1, 1]): Synthetic {
  const sizes = [100, 200, 400].slice(0, drops.length);
  const tags = (size: number) => ({ step: String(size), steps_of: "connections" });
  const limits = { ws_connection_drops: ["count<5"], ws_msg_rtt_ms: ["p(99)<1000"] };
  const thresholds = Object.fromEntries(
    Object.entries(limits).map(([series, all]) => [`${series}{step:100}`, all]),
  );
  const parts = sizes.map((_, i) =>
    latencies({ seconds: 15, perSecond: 100, persistence: 0, swing: 0.02 }, seeded(10 * seed + i)),
  );
  return {
    header: { thresholds },
    series: sizes.flatMap((size) => [
      { ...RTT, tags: tags(size) },
      { metric: "ws_connection_drops", kind: "counter", tags: tags(size) },
    ]),
    seconds: parts.flatMap((seconds, i) =>
      seconds.map((values) => [
        [2 * i, encoded(values.map((value) => value * factors[i]!))] as const,
        [2 * i + 1, drops[i]! / seconds.length] as const,
      ]),
    ),
  };
}

const capacities: [sentence: string, runs: [Synthetic, ...Synthetic[]], code: number, last: RegExp][] = [
  [
    "that holds fewer steps",
    [steps(1, [0, 60]), steps(2, [0, 0, 0]), steps(3, [0, 0, 0]), steps(4, [0, 0, 60])],
    99,
    /^fail: capacity fell to 100 connections, the median of 3 baselines held 400: at 200: 60 dropped connections \(limit: fewer than 5\); fewer than 3 of 3: \d+, \d+, \d+, though capacity: 100 connections; /,
  ],
  [
    "that holds as many as most",
    [steps(1, [0, 0, 60]), steps(2, [0, 0, 60]), steps(3, [0, 0, 0]), steps(4, [0, 0, 60])],
    0,
    /^pass: .*, 9 latencies no slower than the median of 3 baselines, 200 connections held; the median of 3 baselines held 200$/,
  ],
  [
    "that was asked for fewer",
    [steps(1, [0, 0]), steps(2, [0, 0, 0])],
    0,
    /^pass: capacity: at least 200 connections, the largest step asked for, 6 latencies no slower than the baseline, 200 connections held; the baseline held 400/,
  ],
  [
    "that is slower in a later step alone",
    [steps(1, [0, 0, 0], [1, 1, 1.6]), steps(2, [0, 0, 0]), steps(3, [0, 0, 0]), steps(4, [0, 0, 0])],
    99,
    /^fail: ws_msg_rtt_ms\{step:400\} p50 is [56]\d(\.\d)? % slower than the median of 3 baselines /,
  ],
  [
    "beside baselines without steps",
    [steps(1, [0, 0]), run(2)],
    3,
    /^too-little-data: nothing to compare with the baseline by: .*; capacity: no baseline has steps$/,
  ],
];
for (const [sentence, runs, code, last] of capacities) {
  test(`exit code ${code} for a load that grew ${sentence}`, async (t) => {
    const { directory, path, baselines } = await files(t, ...runs);
    const answer = await gate(directory, path, ...baselines);
    assert.match(answer.last ?? "", last);
    assert.deepEqual([answer.code, answer.errors], [code, ""]);
  });
}

test("a run's name cannot be a command to a runner of GitHub, wherever a line is broken", async (t) => {
  const named = (seed: number, id: string) => ({ ...run(seed), header: { ...run(seed).header, run: id } });
  const names = [2, 3, 4, 5, 6].map((seed) => named(seed, `::error::${seed}${"x".repeat(80)}`));
  const { directory, path, baselines } = await files(t, run(1), ...names);
  const { said } = await gate(directory, path, ...baselines);
  assert.match(said, /: :error::2x/, "it is told");
  assert.doesNotMatch(said, /^\s*::/m);
});

test("the summary has the gate's verdict and each comparison", async (t) => {
  const { directory, path, baselines } = await files(t, run(1, 1.5), run(2), run(3), run(4));
  const { verdict, reason, summary } = JSON.parse((await gate(directory, path, ...baselines, "--json")).said);
  assert.deepEqual([summary.verdict, summary.reason], [verdict, reason]);
  const parsed = v.parse(SummarySchema, summary);
  assert.deepEqual(
    parsed.comparisons?.map(({ what, ok }) => [what, ok]),
    [50, 95, 99].map((percent) => [`ws_msg_rtt_ms p${percent}`, false]),
  );
  const xml = junit(parsed);
  assert.match(xml, /<testsuite name="made-up" tests="7" failures="3" errors="0"/);
  assert.match(
    xml,
    /name="ws_msg_rtt_ms p99 against earlier runs"><failure message="ws_msg_rtt_ms p99 is \d+(\.\d)? % slower than the median of 3 baselines /,
  );
  assert.match(markdown(parsed), /^## made-up: fail\n/);
  assert.match(markdown(parsed), /^\| ❌ \| ws\\_msg\\_rtt\\_ms p50 \| \d/m);
  assert.match(
    summary.notes.at(-1),
    /^compared with the median of \d+, \d+, \d+; runs differ by 5 % \(assumed: the baselines show no more\); of healthy runs at most [\d.]+ % are called slower$/,
  );
});

const comparison = (share: number, high: number, count = 3): Comparison => ({
  ...{ metric: "ws_msg_rtt_ms", share, before: 10, now: 11, ratio: 1.1, low: 0.2, high },
  spread: { share: 0.05, from: "assumed" },
  baselines: Array.from({ length: count }, () => ({
    label: "b",
    value: 10,
    isSlowerThan: true,
    isOdd: false,
  })),
});

const judgedBeside = (comparisons: Comparison[], notCompared: string[] = []) =>
  decide({ verdict: "pass", reason: "the one limit held", thresholds: [] }, () => 1_000, {
    baselines: 3,
    regression: { slower: [], comparisons, notCompared, falseAlarms: 0.05, tolerance: 0.05 },
    leftOut: [],
  });

test("what could not be compared is named beside what was", () => {
  const { reason, exitCode } = judgedBeside(
    [comparison(0.5, 1.1)],
    ["ws_msg_rtt_ms p99: 500 values, 1000 needed"],
  );
  assert.equal(
    reason,
    "the one limit held, 1 latency no slower than the median of 3 baselines (not compared: ws_msg_rtt_ms p99: 500 values, 1000 needed)",
  );
  assert.equal(exitCode, 0);
  assert.equal(judgedBeside([]).verdict, "too-little-data");
});

test("a latency that could as well be a fifth slower is named", () => {
  const { reason, exitCode } = judgedBeside([
    comparison(0.5, 1.15),
    comparison(0.95, 1.25),
    comparison(0.99, 9),
  ]);
  assert.match(
    reason,
    /; too restless to tell: ws_msg_rtt_ms p95 could be 25 % slower, ws_msg_rtt_ms p99 could be 800 % slower$/,
  );
  assert.equal(exitCode, 0);
});

test("a directory of directories, one for each earlier run, is all of these runs", async (t) => {
  const { directory, path } = await files(t, run(1, 1.5));
  for (const [name, seed] of [
    ["main/1", 2],
    ["main/2", 3],
    ["main/3", 4],
    ["main/.run-5", 5],
  ] as const) {
    await mkdir(join(directory, name), { recursive: true });
    await rename(await record(directory, run(seed)), join(directory, name, "test.realtime.jsonl"));
  }
  const { code, last } = await gate(directory, path, "--baseline", "main");
  assert.equal(code, 99, last);
  assert.match(
    last!,
    /than the median of 3 baselines .*; slower than 3 of 3: main\/1\/test\.realtime\.jsonl, /,
  );
});
