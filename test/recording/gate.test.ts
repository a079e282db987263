import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { seeded } from "../../cli/gate/bootstrap.ts";
import { decide } from "../../cli/gate/decide.ts";
import { main } from "../../cli/main.ts";
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

/** The same with a message that was larger than what was taken. */
function withMessageTooBig(one: Synthetic): Synthetic {
  const series = one.series ?? [];
  const tooBig = { metric: "ws_message_errors", kind: "counter", tags: { reason: "message_too_big" } };
  const [first = [], ...later] = one.seconds ?? [];
  return { ...one, series: [...series, tooBig], seconds: [[...first, [series.length, 1]], ...later] };
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
    "a limit is broken, and one of our own",
    withMessageTooBig(run(1, 3)),
    [],
    3,
    /^incomplete: 1 message larger than MESSAGE_BYTES, for which the generator ended its connection/,
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

const comparisons: [sentence: string, runs: [Synthetic, ...Synthetic[]], code: number, last: RegExp][] = [
  ["no slower", [run(1), run(2)], 0, /^pass: all 3 limits held, 3 latencies no slower than the baseline's$/],
  [
    "slower by half",
    [run(1, 1.5), run(2)],
    99,
    /^fail: ws_msg_rtt_ms p50 is 4\d(\.\d)? % slower than the baseline \(\d+(\.\d)? ms, was [\d.]+ ms; [\d.]+ % to [\d.]+ %\); ws_msg_rtt_ms p95/,
  ],
  ["as slow as one of two", [run(1, 1.5), run(2), run(3, 1.5)], 0, /^pass: /],
  [
    "beside an incomplete baseline",
    [run(1), run(2, 1, { state: undefined })],
    3,
    /^too-little-data: the baseline is incomplete: /,
  ],
  [
    "beside a baseline too short",
    [run(1), { ...run(2), seconds: run(2).seconds!.slice(0, 5) }],
    3,
    /^too-little-data: nothing to compare with the baseline by: ws_msg_rtt_ms: 5 s with values, 8 needed$/,
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
    [[path, "--baseline", path], /\.realtime\.jsonl is the run itself, not a baseline\n$/],
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

test("only what was compared with every baseline counts as no slower", () => {
  const summary = { verdict: "pass" as const, reason: "the one limit held", thresholds: [] };
  const compared = (share: number, baseline: string) => ({
    ...{ metric: "ws_msg_rtt_ms", share, baseline, before: 10, now: 10, ratio: 1, low: 0.9, high: 1.1 },
  });
  const green = { scenario: "chat-soak", verdict: "pass" as const, reason: "" };
  const answer = (...comparisons: ReturnType<typeof compared>[]) =>
    decide(summary, () => 1_000, {
      baselines: [green, green],
      regression: { slower: [], comparisons, notCompared: ["ws_msg_rtt_ms p99: 500 values, 1000 needed"] },
    });
  const two = answer(compared(0.5, "a"), compared(0.95, "a"), compared(0.99, "a"), compared(0.5, "b"));
  assert.match(two.reason, /, 1 latency no slower than the baseline's \(not compared: .* p99: /);
  const none = answer(compared(0.5, "a"), compared(0.95, "b"));
  assert.equal(none.verdict, "too-little-data");
});

test("a latency that could as well be twice as slow is named, unless one baseline is sure", () => {
  const summary = { verdict: "pass" as const, reason: "the one limit held", thresholds: [] };
  const compared = (share: number, high: number) => ({
    ...{ metric: "ws_msg_rtt_ms", share, baseline: "b", before: 10, now: 11, ratio: 1.1 },
    ...{ low: 0.2, high },
  });
  const comparisons = [compared(0.5, 1.2), compared(0.95, 9), compared(0.99, 9), compared(0.99, 1.5)];
  const answer = decide(summary, () => 1_000, {
    baselines: [{ scenario: "chat-soak", verdict: "pass", reason: "" }],
    regression: { slower: [], comparisons, notCompared: [] },
  });
  assert.match(answer.reason, /; too restless to tell: ws_msg_rtt_ms p95 could be 2 times as slow$/);
  assert.equal(answer.exitCode, 0);
});
