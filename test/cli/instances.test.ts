import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { superviseAll } from "../../cli/run/instances.ts";
import { type K6Run, runK6 } from "../../cli/run-k6.ts";
import { ms } from "../../lib/units.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { controlRoom, fakeK6, type Part } from "./fake-k6.ts";

const inspect = `console.log(JSON.stringify({ totalDuration: "45s", setupTimeout: "5s", maxVUs: 20 }))`;

/** A run of fake k6s that record, in which 20 virtual users share the load. */
async function plan(t: TestContext, part: Part, more: Partial<K6Run> = {}): Promise<K6Run> {
  return {
    k6: { command: await fakeK6(t, { inspect, ...part }), version: "v2.2.0", extension: true },
    script: "dist/soak.js",
    settings: {},
    resultsDir: join(await temporaryDirectory(t), "results"),
    env: process.env,
    signal: new AbortController().signal,
    output: "ignore",
    ...more,
  };
}

test("each instance is told its part of the load, records it, and judges nothing by itself", async (t) => {
  const control = await controlRoom(t);
  const part = { run: `record(1); (await tell(args)).end()` };
  const run = await plan(t, part, { instances: 3, settings: { CONTROL_PORT: control.port } });
  const result = runK6(run);
  const told: string[][] = [];
  for (let i = 0; i < 3; i++) told.push((await control.next()).message as string[]);
  await result;
  const flag = (name: string) =>
    told.map((args) => args.find((arg) => arg.startsWith(name))?.slice(name.length)).sort();
  assert.deepEqual(flag("--execution-segment="), ["0:1/3", "1/3:2/3", "2/3:1"]);
  assert.deepEqual(new Set(flag("--execution-segment-sequence=")), new Set(["0,1/3,2/3,1"]));
  assert.deepEqual(flag("--no-thresholds"), ["", "", ""]);
  assert.deepEqual(await readdir(run.resultsDir), [
    "soak.1.realtime.jsonl",
    "soak.2.realtime.jsonl",
    "soak.3.realtime.jsonl",
    "soak.junit.xml",
    "soak.report.html",
    "soak.summary.json",
    "soak.summary.md",
  ]);
});

const limits: [sentence: string, limit: string, verdict: string, exitCode: number][] = [
  ["a limit that only all of them together keep holds", "count>=21", "pass", 0],
  ["a limit that only all of them together break is broken", "count<21", "fail", 99],
];
for (const [sentence, limit, verdict, exitCode] of limits) {
  test(sentence, async (t) => {
    const record = `record(7, { limits: { ws_replies: ["${limit}"] } })`;
    const result = await runK6(await plan(t, { run: record }, { instances: 3 }));
    assert.deepEqual([result.summary.verdict, result.exitCode], [verdict, exitCode], result.summary.reason);
    assert.deepEqual(result.summary.metrics.ws_replies, { kind: "counter", unit: "1", count: 21 });
    assert.equal(result.summary.plannedMs, 30_000);
  });
}

test("instances of which nothing was asked have not passed", async (t) => {
  const part = { run: `record(7, { limits: {} })` };
  const { summary, exitCode } = await runK6(await plan(t, part, { instances: 2 }));
  assert.deepEqual([summary.verdict, exitCode], ["incomplete", 3]);
  assert.match(summary.reason, /^there is no limit to judge it by/);
});

test("an instance that fails ends the others at once, and both are told", async (t) => {
  const control = await controlRoom(t);
  const said: string[] = [];
  const body = `
    if (args.includes("--execution-segment=1/2:1")) { record(0, { end: { state: "failed", exitCode: 107 } }); process.exit(107); }
    process.on("SIGINT", () => { record(5, { end: { state: "interrupted", exitCode: 105 } }); process.exit(105); });
    forEver();`;
  const run = await plan(
    t,
    { run: body },
    { instances: 2, settings: { CONTROL_PORT: control.port }, say: (line) => said.push(line) },
  );
  const { summary, exitCode } = await runK6(run);
  assert.deepEqual(said, ["Instance 2 of 2 failed (exit code 107): stopping the others"]);
  assert.equal(exitCode, 3);
  assert.equal(summary.verdict, "incomplete");
  assert.match(summary.reason, /^instance 2 of 2 failed \(exit code 107\)/);
});

test("an instance that cannot be started ends the others, and the run says so", async (t) => {
  const control = await controlRoom(t);
  const body = `process.on("SIGINT", () => process.exit(105)); forEver(); await tell("up");`;
  const env = { ...process.env, CONTROL_PORT: control.port };
  const life = {
    command: await fakeK6(t, { run: body }),
    args: ["run"],
    env,
    output: "ignore",
    longest: ms(60_000),
  } as const;
  const missing = { ...life, command: "/nonexistent/k6" };
  const said: string[] = [];
  const endings = superviseAll([life, missing], new AbortController().signal, (line) => said.push(line));
  assert.deepEqual(
    (await endings).map(({ endedBecause, notStarted }) => [endedBecause, notStarted]),
    [
      ["stopped by the failure of instance 2 of 2 before its planned end", undefined],
      [undefined, "spawn /nonexistent/k6 ENOENT"],
    ],
  );
  assert.deepEqual(said, [
    "Instance 2 of 2 failed (it could not be started: spawn /nonexistent/k6 ENOENT): stopping the others",
  ]);
});

test("a stopped run ends every instance and sums up what they recorded until then", async (t) => {
  const control = await controlRoom(t);
  const stop = new AbortController();
  const body = `
    process.on("SIGINT", () => { record(5, { end: { state: "interrupted", exitCode: 105 } }); process.exit(105); });
    forEver(); await tell("up");`;
  const settings = { CONTROL_PORT: control.port };
  const run = await plan(t, { run: body }, { instances: 2, settings, signal: stop.signal });
  const result = runK6(run);
  const both = [await control.next(), await control.next()];
  stop.abort("SIGINT");
  await Promise.all(both.map(({ gone }) => gone));
  const { summary, exitCode } = await result;
  assert.equal(exitCode, 3);
  assert.equal(summary.reason, "stopped by SIGINT before its planned end");
  const page = await readFile(join(run.resultsDir, "soak.report.html"), "utf8");
  assert.ok(page.includes(summary.reason), "the page says the same");
  assert.deepEqual(summary.metrics.ws_replies, { kind: "counter", unit: "1", count: 10 });
  assert.deepEqual(JSON.parse(await readFile(join(run.resultsDir, "soak.summary.json"), "utf8")), summary);
});

test("an instance that left no recording makes the run incomplete", async (t) => {
  const body = `if (args.includes("--execution-segment=0:1/2")) record(1)`;
  const { summary, exitCode } = await runK6(await plan(t, { run: body }, { instances: 2 }));
  assert.equal(exitCode, 3);
  assert.match(summary.reason, /recordings are missing/);
});

test("what a killed k6 recorded is summed up, as incomplete", async (t) => {
  const body = `record(5, { end: null }); process.kill(process.pid, "SIGKILL")`;
  const { summary, exitCode } = await runK6(await plan(t, { run: body }));
  assert.equal(exitCode, 3);
  assert.match(summary.reason, /soak\.realtime\.jsonl breaks off/);
  assert.deepEqual(summary.metrics.ws_replies, { kind: "counter", unit: "1", count: 5 });
});

test("a script that leaves no summary is judged by its recording", async (t) => {
  const part = { run: `record(5, { limits: { ws_replies: ["count>5"] } }); process.exitCode = 99` };
  const { summary, exitCode } = await runK6(await plan(t, part));
  assert.deepEqual([summary.verdict, exitCode], ["fail", 99]);
});

test("the recordings of an earlier run with more instances do not stay", async (t) => {
  const run = await plan(t, { run: `record(1)` });
  await runK6({ ...run, instances: 3 });
  await runK6({ ...run, instances: 1 });
  assert.deepEqual(
    (await readdir(run.resultsDir)).filter((name) => name.endsWith(".jsonl")),
    ["soak.realtime.jsonl"],
  );
});

test("more instances than virtual users are refused, and nothing is run", async (t) => {
  const run = await plan(t, { run: `record(1)` }, { instances: 21 });
  await assert.rejects(runK6(run), { name: "UserError", message: /20 virtual users .* got 21$/ });
  await assert.rejects(readdir(run.resultsDir), { code: "ENOENT" });
});

test("each line that an instance prints says which one it was", async (t) => {
  const printed: string[] = [];
  const body = `record(1); console.log("one\\ntwo"); process.stderr.write("last, unfinished")`;
  await runK6(
    await plan(t, { run: body }, { instances: 2, output: (line: string) => void printed.push(line) }),
  );
  assert.deepEqual(printed.sort(), [
    "[1/2] last, unfinished",
    "[1/2] one",
    "[1/2] two",
    "[2/2] last, unfinished",
    "[2/2] one",
    "[2/2] two",
  ]);
});

test("a dozen instances are not taken for a leak of listeners", async (t) => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on("warning", onWarning);
  t.after(() => process.off("warning", onWarning));
  const { exitCode } = await runK6(await plan(t, { run: `record(1)` }, { instances: 12 }));
  assert.equal(exitCode, 0);
  assert.deepEqual(warnings, []);
});
