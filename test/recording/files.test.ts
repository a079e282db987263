import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { UserError } from "../../cli/command.ts";
import { readRecording } from "../../cli/recording/read.ts";
import { groupRuns, mergeRun } from "../../cli/recording/run.ts";
import { summarizeRun } from "../../cli/recording/summarize.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { encoded, linesOf, RTT, record, START, type Synthetic } from "./synthetic.ts";

const second = (changes: object) => JSON.stringify({ t: START, d: [[0, encoded([5])]], ...changes });
const [header, series, , end] = linesOf({ series: [RTT], seconds: [[[0, encoded([5])]]] }) as [
  string,
  string,
  string,
  string,
];
const other = (line: string, changes: object) => JSON.stringify({ ...JSON.parse(line), ...changes });

const refused: [sentence: string, lines: readonly string[], message: RegExp][] = [
  ["empty", [], /expected a recording, .* but it is empty$/],
  ["not JSON", ["k6 is great"], /first line is not JSON$/],
  ["the file of another output", ['{"type":"Metric","data":{}}'], /first line is not the header of one$/],
  [
    "of a later version",
    [other(header, { version: 2 })],
    /expected version 1 of the recording format, got 2: use the k6-realtime that made it$/,
  ],
  [
    "without its scenario",
    [other(header, { scenario: undefined })],
    /line 1: "scenario": expected .*, got undefined$/,
  ],
  [
    "of a year and more",
    [other(header, { longestMs: 1e300 })],
    /line 1: "longestMs": expected <=.*, got 1e\+300$/,
  ],
  ["with broken JSON in the middle", [header, "{", end], /line 2: expected JSON$/],
  ["with a line that is none of its own", [header, "7"], /line 2: expected Object, got 7$/],
  [
    "with a second that names an unknown series",
    [header, second({})],
    /line 2: expected a series that was described before, got 0$/,
  ],
  [
    "with a series out of turn",
    [header, other(series, { series: 5 })],
    /line 2: "series": expected 0, the next one, got 5$/,
  ],
  [
    "with a series of a new kind",
    [header, other(series, { kind: "heatmap" })],
    /line 2: "kind": expected .*, got "heatmap"$/,
  ],
  [
    "with a second long before the run",
    [header, series, second({ t: 0 })],
    /line 3: "t": expected a second of the run that began at \d+, got 0$/,
  ],
  [
    "with a second in the far future",
    [header, series, second({ t: 4e12 })],
    /line 3: "t": expected a second of the run/,
  ],
  ["with a huge index", [header, series, second({ d: [[2 ** 53, 1]] })], /line 3: "d\.0\.0": expected/],
  [
    "with a number for a histogram",
    [header, series, second({ d: [[0, 7]] })],
    /line 3: ws_msg_rtt_ms: expected a histogram, got 7$/,
  ],
  [
    "with a histogram cut short",
    [header, series, second({ d: [[0, encoded([1]).slice(0, 30)]] })],
    /line 3: ws_msg_rtt_ms: expected a histogram, got one that is cut short$/,
  ],
  [
    "with more passes than tries",
    [header, other(series, { kind: "rate" }), second({ d: [[0, [3, 2]]] })],
    /not more passes than there were in all/,
  ],
  ["two in one", [header, end, header], /line 3: expected nothing behind the line that ends a recording$/],
];
for (const [sentence, lines, message] of refused) {
  test(`refused with file and line: a recording ${sentence}`, async (t) => {
    const path = join(await temporaryDirectory(t), "run.jsonl");
    await writeFile(path, lines.map((line) => `${line}\n`).join(""));
    await assert.rejects(readRecording(path), (error: Error) => {
      assert.ok(error instanceof UserError, error.stack);
      assert.ok(error.message.startsWith(`${path}: `), error.message);
      assert.match(error.message, message);
      return true;
    });
  });
}

test("a file's text cannot act upon the terminal that an error is shown on", async (t) => {
  const path = join(await temporaryDirectory(t), "run.jsonl");
  const metric = "\u001b]0;owned\u0007\u202e";
  await writeFile(path, `${header}\n${other(series, { metric })}\n${second({ d: [[0, metric]] })}\n`);
  await assert.rejects(readRecording(path), (error: Error) => {
    assert.doesNotMatch(error.message, /[\p{Cc}\p{Cf}]/u);
    assert.match(error.message, /\\u001b\]0;owned\\u0007/);
    return true;
  });
});

test("wherever a killed process's last line is cut, the lines before it are read", async (t) => {
  const path = join(await temporaryDirectory(t), "run.jsonl");
  const last = second({ t: START + 1 });
  for (const length of [1, 7, Math.floor(last.length / 2), last.length - 1, last.length]) {
    await writeFile(path, `${header}\n${series}\n${second({})}\n${last.slice(0, length)}`);
    const recording = await readRecording(path);
    assert.equal(recording.end, undefined);
    assert.deepEqual([...recording.series[0]!.cells.keys()], [START]);
    assert.equal(summarizeRun(mergeRun([recording], 1)).verdict, "incomplete");
  }
});

test("a long run's seconds count together without losing a value", async (t) => {
  const seconds = Array.from({ length: 60 }, (_, i) => [[0, encoded([i + 1])]] as const);
  const path = await record(await temporaryDirectory(t), { series: [RTT], seconds });
  const [fine, coarse] = [await readRecording(path, 1), await readRecording(path, 7)];
  assert.equal(fine.series[0]!.cells.size, 60);
  assert.ok(coarse.series[0]!.cells.size <= 10);
  const figures = [fine, coarse].map((one) => summarizeRun(mergeRun([one], 1)).metrics);
  assert.deepEqual(figures[1], figures[0]);
});

const part = (i: number, of = 4): Synthetic => ({ header: { segment: `${i}/${of}:${i + 1}/${of}` } });
const groupings: [sentence: string, runs: readonly Synthetic[], groups: readonly number[]][] = [
  ["whole runs are one each", [{}, {}], [1, 1]],
  ["parts that began together are one run", [part(2), part(0), part(3), part(1)], [4]],
  ["the parts of two runs are two", [part(0, 2), part(0, 2), part(1, 2), part(1, 2)], [2, 2]],
  [
    "parts of other scenarios are others",
    [part(0), { header: { ...part(1).header, scenario: "another" } }],
    [1, 1],
  ],
  [
    "parts that began a day apart are two runs",
    [part(0), { header: { ...part(1).header, startedAt: "2026-01-03T03:04:05.500Z" } }],
    [1, 1],
  ],
  [
    "a test id joins parts whenever they began",
    [
      { header: { ...part(0, 2).header, run: "r" } },
      { header: { ...part(1, 2).header, run: "r", startedAt: "2026-01-03T03:04:05.500Z" } },
      { header: { run: "q" } },
    ],
    [2, 1],
  ],
];
for (const [sentence, runs, sizes] of groupings) {
  test(sentence, async (t) => {
    const directory = await temporaryDirectory(t);
    const recordings = [];
    for (const run of runs) recordings.push(await readRecording(await record(directory, run)));
    const groups = groupRuns(recordings);
    assert.deepEqual(
      groups.map((group) => group.length),
      sizes,
    );
    for (const group of groups) {
      const starts = group.map(({ header }) => Number.parseInt(header.segment ?? "0", 10));
      assert.deepEqual(starts, starts.toSorted(), "instances come in the order of their segments");
    }
  });
}

test("what is counted twice is refused", async (t) => {
  const directory = await temporaryDirectory(t);
  const both = { header: { run: "r" } };
  const recordings = [
    await readRecording(await record(directory, both)),
    await readRecording(await record(directory, both)),
  ];
  assert.throws(() => groupRuns(recordings), /have the test id "r" and both ran the whole load: give each/);
  assert.throws(
    () => groupRuns([recordings[0]!, { ...recordings[0]!, path: "copy" }]),
    /are the same recording$/,
  );
});
