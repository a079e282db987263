import assert from "node:assert/strict";
import { readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { histogramOf, ofKind, parseSelector, select } from "../../cli/recording/figures.ts";
import { quantile } from "../../cli/recording/histogram.ts";
import { isRecording, readRecording } from "../../cli/recording/read.ts";
import { groupRuns, mergeRun } from "../../cli/recording/run.ts";
import { summarizeRun } from "../../cli/recording/summarize.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { percentile, readPoints, startK6 } from "./k6.ts";

test("four instances give the percentiles and counts of all their values together", async (t) => {
  const directory = await temporaryDirectory(t);
  const bounds = ["0", "1/4", "1/2", "3/4", "1"];
  const instances = [0, 1, 2, 3].map((i) =>
    startK6(t, [
      `--execution-segment=${bounds[i]}:${bounds[i + 1]}`,
      `--execution-segment-sequence=${bounds.join(",")}`,
      `--out=realtime=${directory}`,
      `--out=json=${join(directory, `${i}.points`)}`,
    ]),
  );
  for (const { code, output } of await Promise.all(instances.map(({ ended }) => ended))) {
    assert.ok(code === 0 || code === 99, output);
  }
  const files = (await readdir(directory)).map((name) => join(directory, name));
  const recordings = await Promise.all(
    files.filter((file) => file.endsWith(".realtime.jsonl")).map((file) => readRecording(file)),
  );
  const points = (
    await Promise.all([0, 1, 2, 3].map((i) => readPoints(join(directory, `${i}.points`))))
  ).flat();
  const valuesOf = (metric: string) => points.filter((point) => point.metric === metric);

  const groups = groupRuns(recordings);
  assert.equal(groups.length, 1, "the four are found to be one run");
  const run = mergeRun(groups[0]!, 1);
  assert.equal(run.covered, 1);

  const rtts = valuesOf("ws_msg_rtt_ms").map(({ value }) => value);
  assert.equal(rtts.length, 8 * 60 * 50);
  const histogram = histogramOf(select(run, parseSelector("ws_msg_rtt_ms")))!;
  assert.equal(histogram.total, rtts.length);
  for (const percent of [0, 1, 25, 50, 90, 95, 99, 99.9, 100]) {
    const [got, want] = [quantile(histogram, percent / 100), percentile(rtts, percent)];
    assert.ok(Math.abs(got - want) <= want / 1000, `p${percent}: ${got} merged, ${want} of the raw values`);
  }
  const alone = quantile(
    histogramOf(select(mergeRun([recordings[0]!], 1), parseSelector("ws_msg_rtt_ms")))!,
    0.5,
  );
  const median = percentile(rtts, 50);
  assert.ok(Math.abs(alone - median) > median / 10, "an instance alone differs: merging is what is tested");

  const { metrics, thresholds, verdict, reason } = summarizeRun(run);
  for (const code of ["1006", "1011"]) {
    const want = valuesOf("ws_connection_drops").filter(({ tags }) => tags.code === code).length;
    const got = metrics.ws_connection_drops!.by!.code![code];
    assert.ok(got?.kind === "counter" && got.count === want && want > 0, `${code}: ${JSON.stringify(got)}`);
  }
  const passes = valuesOf("ws_delivery_success_rate").filter(({ value }) => value !== 0).length;
  const rate = metrics.ws_delivery_success_rate;
  assert.ok(rate?.kind === "rate" && rate.passes === passes && rate.passes + rate.fails === rtts.length);
  assert.deepEqual(thresholds.map(({ metric, expression, ok }) => `${metric} ${expression} ${ok}`).sort(), [
    `ws_connection_drops{code:1006} count<1000000 true`,
    `ws_delivery_success_rate rate>0.5 true`,
    `ws_msg_rtt_ms p(50)<40 true`,
    `ws_msg_rtt_ms p(99.9)<100000 true`,
  ]);
  assert.equal(verdict, "pass", reason);

  await rename(recordings[2]!.path, join(directory, "elsewhere"));
  const partial = mergeRun(recordings.toSpliced(2, 1), 1);
  assert.equal(summarizeRun(partial).verdict, "incomplete");
  assert.match(summarizeRun(partial).reason, /25 % of the load/);
});

test("a killed run keeps all but its last second, and is known to be incomplete", async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, "run.jsonl");
  const points = join(directory, "points");
  const k6 = startK6(t, ["-e", "SECONDS=30", `--out=realtime=${file}`, `--out=json=${points}`]);
  // What --out json wrote is all there is to compare with. A busy machine may write either later.
  const both = async () => {
    const recording = await readRecording(file);
    const run = mergeRun([recording], 1);
    const drops = ofKind(select(run, parseSelector("ws_connection_drops")), "counter");
    const raw = (await readPoints(points)).filter(({ metric }) => metric === "ws_connection_drops");
    return [...new Set(raw.map(({ second }) => second))].map((second) => ({
      second,
      recorded: drops.reduce((sum, { cells }) => sum + (cells.get(second) ?? 0), 0),
      raw: raw.filter((point) => point.second === second).length,
    }));
  };
  // Killed in the middle of a later second's writing, at some moment or other.
  let [settled, ended]: [Awaited<ReturnType<typeof both>>, boolean] = [[], false];
  void k6.ended.then(() => {
    ended = true;
  });
  while (settled.length < 3) {
    if (ended) assert.fail(`the recording never agreed with --out json: ${JSON.stringify(await both())}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const over = Math.floor(Date.now() / 1_000) - 1;
    const written = await both().catch(() => []); // neither file may be there yet
    settled = written.filter(({ second, recorded, raw }) => second < over && recorded === raw);
  }
  k6.process.kill("SIGKILL");
  assert.equal((await k6.ended).code, null);

  assert.ok(await isRecording(file));
  const recording = await readRecording(file);
  assert.equal(recording.end, undefined);
  const run = mergeRun([recording], 1);
  const kept = await both();
  for (const { second, recorded } of settled) {
    const now = kept.find((one) => one.second === second)?.recorded ?? 0;
    assert.ok(now >= recorded, `second ${second}: ${recorded} before the kill, ${now} after it`);
  }
  const summary = summarizeRun(run);
  assert.equal(summary.verdict, "incomplete");
  assert.match(summary.reason, /run\.jsonl breaks off: k6 was killed/);
});

test("k6 refuses to record over a recording", async (t) => {
  const file = join(await temporaryDirectory(t), "run.jsonl");
  const args = ["-e", "SECONDS=0.1", `--out=realtime=${file}`];
  const first = await startK6(t, args).ended;
  assert.ok(first.code === 0 || first.code === 99, first.output);
  const before = await readFile(file, "utf8");
  const second = await startK6(t, args).ended;
  assert.notEqual(second.code, 0);
  assert.match(second.output, /run\.jsonl is there already and is not overwritten/);
  assert.equal(await readFile(file, "utf8"), before);
});
