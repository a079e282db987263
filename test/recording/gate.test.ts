import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../temporary-directory.ts";
import { files, gate, run } from "./gate.ts";
import { encoded, RTT, record, type Synthetic } from "./synthetic.ts";

/** The same with a message that was larger than what was taken. */
function withMessageTooBig(one: Synthetic): Synthetic {
  const series = one.series ?? [];
  const tooBig = { metric: "ws_message_errors", kind: "counter", tags: { reason: "message_too_big" } };
  const [first = [], ...later] = one.seconds ?? [];
  return { ...one, series: [...series, tooBig], seconds: [[...first, [series.length, 1]], ...later] };
}

/** A run of 1.5 s to connect, of which the proxy took all but 10 ms. */
const byProxy: Synthetic = {
  header: { thresholds: { ws_connect_latency_ms: ["p(95)<500"] } },
  series: [
    { metric: "ws_connect_latency_ms", kind: "trend", unit: "ms" },
    { metric: "ws_connect_phase_ms", kind: "trend", unit: "ms", tags: { phase: "proxy" } },
  ],
  seconds: [
    [
      [0, encoded(Array(100).fill(1_510))],
      [1, encoded(Array(100).fill(1_500))],
    ],
  ],
};

const delayed = run(1);
const answers: [sentence: string, run: Synthetic, argv: readonly string[], code: number, last: RegExp][] = [
  ["every limit holds", run(1), [], 0, /^pass: all 3 limits held$/],
  [
    "a limit is broken",
    run(1, 3),
    [],
    99,
    /^fail: median round trip 6\d(\.\d)? ms \(limit 50 ms\); 1 more limit broken$/,
  ],
  [
    "a limit is broken, and one of our own",
    withMessageTooBig(run(1, 3)),
    [],
    3,
    /^incomplete: 1 message larger than MESSAGE_BYTES, for which the generator ended its connection/,
  ],
  [
    "a slow proxy broke a limit on connecting",
    byProxy,
    [],
    3,
    /^incomplete: time to connect p95 1510 ms \(limit 500 ms\) includes 1500 ms of the proxy /,
  ],
  [
    "a limit that a slow proxy broke stopped it",
    { ...byProxy, state: "aborted-by-threshold" },
    [],
    3,
    /^incomplete: stopped early, as a limit was broken: time to connect .* includes 1500 ms of the proxy /,
  ],
  [
    "nothing is asked of it",
    run(1, 1, { header: {} }),
    [],
    3,
    /^too-little-data: there is no limit to judge it by, and no baseline$/,
  ],
  [
    "a profile is broken",
    run(1, 3),
    ["--profile", "trading"],
    99,
    /^fail: median round trip 6\d(\.\d)? ms \(limit 50 ms\)/,
  ],
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
    /^fail: stopped early, as a limit was broken: median round trip 6\d(\.\d)? ms \(limit 50 ms\)/,
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
    /^fail: no value for median round trip \(limit 50 ms\); 2 more limits broken/,
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
    /^too-little-data: ws_msg_rtt_ms p\(99\)<100 takes 100 values or more, there were 2$/,
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
      gauge("token_active_streams", { instance_id: "1" }),
      gauge("token_active_streams", { instance_id: "2" }),
    ],
    seconds: [
      [
        [0, [401, 401, 401]],
        ...[2, 3, 4].map((series) => [series, 1] as const),
        ...[5, 6, 7, 8].map((series) => [series, [20, 20, 20]] as const),
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
  for (const name of ["ws_active_sessions", "token_active_streams"]) {
    assert.deepEqual(summary.metrics[name], gaugeOf(40, 40, 40), name);
  }
});

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
  assert.match(await lastOf(given({}, [200, 0, 0])), /^fail: 200 connections that never opened \(limit 0\)$/);
  assert.match(
    await lastOf(given({}, [0, 17, 0])),
    /^fail: 17 messages out of order \(limit: fewer than 1\)$/,
  );
  assert.match(
    await lastOf(given({}, [0, 0, 500])),
    /^fail: 500 errors in messages \(limit: fewer than 100\)$/,
  );
  const floor = { floor: { ws_connection_drops: ["count==0"] } };
  assert.match(await lastOf(given(floor, [0, 0, 0])), /^fail: 3 dropped connections \(limit 0\)$/);
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
    [[], /^gate: expected a RUN, .* got none\n$/],
    [["no-such"], /^no-such: expected a recording or a directory of them, got nothing there\n$/],
    [[path, "--basline", "x"], /^gate: unknown flag --basline, did you mean --baseline\?$/m],
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
      /^--profile: expected trading, chat, dashboard, smoke, token-chat, token-batch or the path of a profile, got "chatt"\n$/,
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
