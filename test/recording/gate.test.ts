import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import * as v from "valibot";
import { seeded } from "../../cli/gate/bootstrap.ts";
import { decide } from "../../cli/gate/decide.ts";
import type { Comparison } from "../../cli/gate/regression.ts";
import { main } from "../../cli/main.ts";
import { junit } from "../../lib/summary/junit.ts";
import { markdown } from "../../lib/summary/markdown.ts";
import { SummarySchema } from "../../lib/summary/summary.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { latencies } from "./made-up-run.ts";
import { encoded, RTT, record, type Synthetic } from "./synthetic.ts";

async function gate(cwd: string, ...argv: string[]) {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const signal = new AbortController().signal;
  const code = await main(["gate", ...argv], { out, err, cwd, env: {}, signal });
  const [said, errors] = [await text(out.end()), await text(err.end())];
  return { code, last: said.trimEnd().split("\n").at(-1), said, errors };
}

/** Round trips about 20 ms, 100 a second, and the limits on them. */
function run(seed: number, factor = 1, more: Partial<Synthetic> = {}): Synthetic {
  const values = latencies({ seconds: 15, perSecond: 100, persistence: 0, swing: 0.02 }, seeded(seed));
  return {
    header: { thresholds: { ws_msg_rtt_ms: ["p(50)<50", "p(99)<100"], ws_replies: ["count>0"] } },
    series: [
      RTT,
      { metric: "ws_replies", kind: "counter" },
      { metric: "ws_generator_delay_ms", kind: "trend", unit: "ms", tags: { side: "send" } },
    ],
    seconds: values.map((second) => [
      [0, encoded(second.map((value) => factor * value))],
      [1, second.length],
      [2, encoded([0.1, 0.2])],
    ]),
    ...more,
  };
}

const delayed = run(1);
const answers: [sentence: string, run: Synthetic, argv: readonly string[], code: number, last: RegExp][] = [
  ["every limit holds", run(1), [], 0, /^pass: all 3 limits held$/],
  [
    "a limit is broken",
    run(1, 3),
    [],
    99,
    /^fail: ws_msg_rtt_ms p\(50\)<50: was 6\d(\.\d)?; ws_msg_rtt_ms p\(99\)<100: was 1\d\d$/,
  ],
  [
    "nothing is asked of it",
    run(1, 1, { header: {} }),
    [],
    3,
    /^too-little-data: there is no limit to judge it by, and no baseline$/,
  ],
  ["a profile is broken", run(1, 3), ["--profile", "trading"], 99, /^fail: ws_msg_rtt_ms p\(50\)<50/],
  [
    "a profile holds where the script's limits do not",
    run(1, 3),
    ["--profile", "dashboard"],
    0,
    /^pass: all 4 limits held$/,
  ],
  ["it was killed", run(1, 1, { state: undefined }), [], 3, /^incomplete: \d+\.realtime\.jsonl breaks off/],
  [
    "it was interrupted, whatever its limits",
    run(1, 3, { state: "interrupted" }),
    [],
    3,
    /^incomplete: k6 was interrupted before its planned end \(exit code 105, says \d+\.realtime\.jsonl\)$/,
  ],
  [
    "a limit stopped it",
    run(1, 3, { state: "aborted-by-threshold" }),
    [],
    99,
    /^fail: stopped early, as a limit was broken: ws_msg_rtt_ms p\(50\)<50/,
  ],
  [
    "the generator was slow",
    { ...delayed, seconds: delayed.seconds!.map((second) => [...second.slice(0, 2), [2, encoded([30])]]) },
    [],
    3,
    /^generator-bound: the generator was the bottleneck: ws_generator_delay_ms\{side:send\} p99 was 30 ms/,
  ],
  [
    "there was no traffic at all",
    { ...run(1), seconds: [[], []] },
    [],
    99,
    /^fail: .*ws_msg_rtt_ms p\(99\)<100: there was no value.*ws_replies count>0: was 0/,
  ],
  [
    "there are too few values for a limit",
    {
      ...run(1),
      seconds: [
        [
          [0, encoded([5, 6])],
          [1, 2],
        ],
      ],
    },
    [],
    3,
    /^too-little-data: ws_msg_rtt_ms p\(99\)<100 takes 100 values at least, there were 2$/,
  ],
];
for (const [sentence, recording, argv, code, last] of answers) {
  test(`exit code ${code} where ${sentence}`, async (t) => {
    const directory = await temporaryDirectory(t);
    const answer = await gate(directory, await record(directory, recording), ...argv);
    assert.match(answer.last ?? "", last);
    assert.deepEqual([answer.code, answer.errors], [code, ""]);
  });
}

for (const [sentence, recording, facts] of [
  ["it is not known", run(1, 1), "15s; k6 v2.2.0"],
  [
    "the script says so",
    { ...run(1, 1), header: { ...run(1, 1).header, plannedMs: 42_000 } },
    "15s of 42s planned; k6 v2.2.0",
  ],
] as const) {
  test(`what was planned is told where ${sentence}, whatever k6 allows for`, async (t) => {
    const directory = await temporaryDirectory(t);
    const { said } = await gate(directory, await record(directory, recording));
    assert.equal(said.split("\n")[2]?.trim(), facts);
  });
}

test("what breaks a metric down by the script's settings is no limit, and parts of a gauge do not add up", async (t) => {
  const directory = await temporaryDirectory(t);
  const gauge = (metric: string, tags: Record<string, string>) => ({ metric, kind: "gauge", tags });
  const path = await record(directory, {
    header: {
      thresholds: {
        "ws_handshake_status{case:no-token}": ["value>=0"],
        "ws_handshake_status{case:as-it-should-be}": ["value>=0"],
        ws_outcomes: ["count>0"],
      },
    },
    series: [
      gauge("ws_handshake_status", { case: "no-token" }),
      gauge("ws_handshake_status", { case: "as-it-should-be" }),
      { metric: "ws_outcomes", kind: "counter" },
      { metric: "ws_shards_started", kind: "counter" },
      { metric: "ws_shards_completed", kind: "counter" },
      gauge("ws_active_sessions", { instance_id: "1" }),
      gauge("ws_active_sessions", { instance_id: "2" }),
    ],
    seconds: [
      [
        [0, [401, 401, 401]],
        ...[2, 3, 4].map((series) => [series, 1] as const),
        ...[5, 6].map((series) => [series, [20, 20, 20]] as const),
      ],
      [[1, [101, 101, 101]]],
    ],
  });
  const { verdict, reason, summary } = JSON.parse((await gate(directory, path, "--json")).said);
  assert.deepEqual([verdict, reason], ["pass", "the one limit held"]);
  const gaugeOf = (value: number, min: number, max: number) => ({
    ...{ kind: "gauge", unit: "1", value, min, max },
  });
  assert.deepEqual(summary.metrics.ws_handshake_status, {
    ...gaugeOf(101, 101, 401),
    by: { case: { "no-token": gaugeOf(401, 401, 401), "as-it-should-be": gaugeOf(101, 101, 101) } },
  });
  assert.deepEqual(summary.metrics.ws_active_sessions, gaugeOf(40, 40, 40));
});

/** A run and its baselines, as files. */
async function files(t: TestContext, now: Synthetic, ...before: Synthetic[]) {
  const directory = await temporaryDirectory(t);
  const path = await record(directory, now);
  const baselines: string[] = [];
  for (const one of before) baselines.push("--baseline", await record(directory, one));
  return { directory, path, baselines };
}

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
  assert.match((await gate(directory, path, ...baselines)).last!, /nightly-7 is the run itself$/);
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
    /^fail: capacity fell to 100 connections, the median of 3 baselines held 400: at 200 ws_connection_drops count<5: was 60; fewer than 3 of 3: \d+, \d+, \d+, though capacity: 100 connections; /,
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

test("a profile replaces the limits on what it limits, and neither others nor the scenario's own", async (t) => {
  const directory = await temporaryDirectory(t);
  const counter = (metric: string) => ({ metric, kind: "counter" });
  const given = (header: object, counts: readonly [given_up: number, reordered: number, errors: number]) => ({
    header: {
      thresholds: {
        ws_msg_rtt_ms: ["p(50)<1"],
        ws_connections_given_up: ["count==0"],
        ws_connection_drops: ["count==0"],
        ws_messages_reordered: ["count<1"],
        ws_message_errors: ["count<100"],
      },
      ...header,
    },
    series: [
      RTT,
      counter("ws_connections_given_up"),
      counter("ws_messages_reordered"),
      counter("ws_message_errors"),
      counter("ws_connection_drops"),
    ],
    seconds: Array.from({ length: 5 }, () => [
      [0, encoded(Array(300).fill(20))] as const,
      ...counts.map((count, i) => [1 + i, count / 5] as const),
      [4, 3 / 5] as const,
    ]),
  });
  const lastOf = async (recording: Synthetic) =>
    (await gate(directory, await record(directory, recording), "--profile", "chat")).last ?? "";
  assert.match(
    await lastOf(given({}, [0, 0, 0])),
    /^pass: all 7 limits held$/,
    "p(50)<1 is replaced, and count==0 drops",
  );
  assert.match(await lastOf(given({}, [200, 0, 0])), /^fail: ws_connections_given_up count==0: was 200$/);
  assert.match(await lastOf(given({}, [0, 17, 0])), /^fail: ws_messages_reordered count<1: was 17$/);
  assert.match(await lastOf(given({}, [0, 0, 500])), /^fail: ws_message_errors count<100: was 500$/);
  const floor = { floor: { ws_connection_drops: ["count==0"] } };
  assert.match(await lastOf(given(floor, [0, 0, 0])), /^fail: ws_connection_drops count==0: was 3$/);
});

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

test("instances are judged together, not each alone", async (t) => {
  const directory = await temporaryDirectory(t);
  const half = (i: number, factor: number) => {
    const whole = run(i, factor);
    return { ...whole, header: { ...whole.header, segment: `${i}/2:${i + 1}/2` } };
  };
  // One half alone breaks p(50)<50; of both together, the median is below it.
  const [slow, fast] = [await record(directory, half(0, 2.7)), await record(directory, half(1, 0.5))];
  assert.match((await gate(directory, slow)).last ?? "", /^incomplete: .* 50 % of the load$/);
  const answer = await gate(directory, slow, fast, "--json");
  const { verdict, instances, summary, exitCode } = JSON.parse(answer.said);
  assert.equal(instances, 2);
  assert.equal(summary.metrics.ws_replies.count, 3_000);
  assert.equal(summary.metrics.ws_msg_rtt_ms.count, 3_000);
  const median = summary.thresholds.find(
    ({ expression }: { expression: string }) => expression === "p(50)<50",
  );
  assert.ok(median.ok && median.value > 10 && median.value < 50, JSON.stringify(median));
  assert.deepEqual(
    [verdict, exitCode, answer.code],
    ["fail", 99, 99],
    "p(99)<100 is broken by the slow half",
  );
});

test("what the user gets wrong is told in one line, with exit code 2", async (t) => {
  const { directory, path, baselines } = await files(t, run(1), run(2));
  const other = await record(directory, { header: { scenario: "another" } });
  await writeFile(join(directory, "profile.json"), '{"thresholds":{"ws_fanout_spread_ms":["max<1"]}}');
  const mistakes: [argv: string[], message: RegExp][] = [
    [[], /^gate: expected a RUN, got none\n$/],
    [["no-such"], /^no-such: expected a recording or a directory of them, got nothing there\n$/],
    [[path, "--basline", "x"], /^gate: unknown flag --basline, expected one of --help, /],
    [[path, "--baseline"], /^gate: --baseline expects a value\n$/],
    [[path, "--tolerance", "some"], /^gate: --tolerance: expected percent from 0 to 1000, got "some"\n$/],
    [[path, "--spread", "-1"], /expected percent from 0 to 1000|argument is ambiguous/],
    [[path, "--baseline", other], /expected an earlier run of made-up, got one of another\n$/],
    [
      [path, baselines[1]!],
      /^expected the recordings of one run, got 2 runs \(.*\): gate them one at a time/,
    ],
    [[path, path], /are the same recording\n$/],
    [
      [path, "--profile", "chatt"],
      /^--profile: expected trading, chat, dashboard, smoke or the path of a profile, got "chatt"\n$/,
    ],
    [
      [path, "--profile", "profile.json"],
      /^--profile: expected limits on a metric that the scenario records/,
    ],
  ];
  for (const [argv, message] of mistakes) {
    const { code, said, errors } = await gate(directory, ...argv);
    assert.match(errors, message);
    assert.deepEqual([code, said, errors.split("\n").length], [2, "", 2]);
  }
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
    regression: { slower: [], comparisons, notCompared, falseAlarms: 0.05 },
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
