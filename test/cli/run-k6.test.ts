import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { UserError } from "../../cli/command.ts";
import { closingLines } from "../../cli/run/closing-lines.ts";
import { type K6Run, runK6 } from "../../cli/run-k6.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { controlRoom, fakeK6, type Part } from "./fake-k6.ts";

const never = new AbortController().signal;

/** A run of a fake k6, whose plan takes 45 s of load and 5 s of set-up. */
async function plan(t: TestContext, part: Part, more: Partial<K6Run> = {}): Promise<K6Run> {
  return {
    k6: { command: await fakeK6(t, part), version: "v2.2.0", extension: false },
    script: "dist/soak.js",
    settings: {},
    resultsDir: join(await temporaryDirectory(t), "results"),
    env: process.env,
    signal: never,
    output: "ignore",
    ...more,
  };
}

const stored = async (run: K6Run) =>
  JSON.parse(await readFile(join(run.resultsDir, "soak.summary.json"), "utf8"));

const endings: [sentence: string, run: string, verdict: string, exitCode: number, reason: RegExp][] = [
  ["a run that passes", `write("pass")`, "pass", 0, /^as told$/],
  [
    "a run that nothing was asked of",
    `write("pass", "as told", [])`,
    "incomplete",
    3,
    /^there is no limit to judge it by: give the script thresholds$/,
  ],
  ["a broken threshold", `write("fail"); process.exitCode = 99`, "fail", 99, /^as told$/],
  [
    "a run that the script marked as failed",
    `write("fail"); process.exitCode = 110`,
    "fail",
    110,
    /^as told$/,
  ],
  ["a failure that k6 itself took for a success", `write("fail")`, "fail", 99, /^as told$/],
  ["a generator that was too slow", `write("generator-bound")`, "generator-bound", 3, /^as told$/],
  [
    "a slow generator behind a broken threshold",
    `write("generator-bound"); process.exitCode = 99`,
    "generator-bound",
    3,
    /^as told$/,
  ],
  ["a set-up that failed", `write("incomplete"); process.exitCode = 107`, "incomplete", 3, /^as told$/],
  [
    "an aborted run whose limits held so far",
    `write("pass"); process.exitCode = 108`,
    "incomplete",
    3,
    /exit code 108/,
  ],
  [
    "a crash before the summary",
    `process.exitCode = 109`,
    "incomplete",
    3,
    /exit code 109.* without a summary/,
  ],
  ["a silent end without a summary", ``, "incomplete", 3, /exit code 0.* without a summary/],
  [
    "a kill by someone else",
    `process.kill(process.pid, "SIGKILL")`,
    "incomplete",
    3,
    /killed.* without a summary/,
  ],
  ["half a summary", `writeFileSync(summaryFile, '{"verdict":"pa')`, "incomplete", 3, /without a summary/],
  [
    "a summary without a verdict",
    `writeFileSync(summaryFile, '{"verdict":"fine"}')`,
    "incomplete",
    3,
    /without a summary/,
  ],
];

for (const [sentence, body, verdict, exitCode, reason] of endings) {
  test(`${sentence}: ${verdict}, exit code ${exitCode}`, async (t) => {
    const run = await plan(t, { run: body });
    const result = await runK6(run);
    assert.equal(result.summary.verdict, verdict);
    assert.equal(result.exitCode, exitCode);
    assert.match(result.summary.reason, reason);
    assert.equal(result.summary.plannedMs, 30_000);
    assert.deepEqual(await stored(run), result.summary, "the stored summary says the same");
    assert.deepEqual(
      (await readdir(run.resultsDir)).filter((name) => name.startsWith(".")),
      [],
    );
  });
}

test("the figures of a k6 that was killed are printed from its recording, those of another once, by k6", async (t) => {
  const bodies = {
    killed: `record(7); process.kill(process.pid, "SIGKILL")`,
    ended: `record(7); write("pass")`,
  };
  const printed = async (body: string): Promise<string> => {
    const run = await plan(t, { run: body });
    const result = await runK6({ ...run, k6: { ...run.k6, extension: true } });
    return closingLines(result, run.resultsDir).join("\n");
  };
  assert.match(await printed(bodies.killed), /ws_replies +7\n.*^Verdict: incomplete/ms);
  assert.match(await printed(bodies.ended), /^Verdict: pass/);
});

test("an earlier run's summary is not taken for this one's", async (t) => {
  const run = await plan(t, { run: `write("pass")` });
  await runK6(run);
  const crashing = { ...run, k6: { ...run.k6, command: await fakeK6(t, { run: "process.exitCode = 109" }) } };
  assert.equal((await runK6(crashing)).summary.verdict, "incomplete");
  assert.equal((await stored(run)).verdict, "incomplete");
});

test("a second run into the same directory is refused before its load, and may come when the first is over", async (t) => {
  const control = await controlRoom(t);
  const waits = `const socket = await tell("up"); socket.once("data", () => { write("fail"); socket.end(); });`;
  const first = await plan(t, { run: waits }, { settings: { CONTROL_PORT: control.port } });
  const { resultsDir } = first;
  const result = runK6(first);
  const sighting = await control.next();
  const during = await readdir(resultsDir);
  const second = await plan(t, { run: `write("pass")` }, { resultsDir });
  await assert.rejects(runK6(second), {
    name: "UserError",
    exitCode: 2,
    message: `results: expected a directory that no other run of soak writes to, got ${resultsDir} (process ${process.pid} does). Give this run its own (k6-realtime run --results), or wait for the other. If there is none, remove ${join(resultsDir, ".claim-soak")}`,
  });
  assert.deepEqual(await readdir(resultsDir), during, "the refused run leaves nothing");
  sighting.release();
  assert.equal((await result).summary.verdict, "fail");
  assert.equal((await stored(first)).verdict, "fail");
  assert.equal((await runK6(second)).summary.verdict, "pass");
  assert.equal((await stored(first)).verdict, "pass");
});

test("results that came from elsewhere while the run went on are left, and its own kept beside", async (t) => {
  const body = `write("pass"); writeFileSync(given.RESULTS_DIR + "/../soak.summary.json", "another's")`;
  const run = await plan(t, { run: body });
  let message = "";
  await assert.rejects(runK6(run), (error: UserError) => {
    ({ message } = error);
    return error.name === "UserError" && error.exitCode === 1;
  });
  assert.match(
    message,
    /^results: another run of soak left its own in .* \(soak\.summary\.json\)\. They are not replaced\..* --results\n/,
  );
  const [, kept] = /is kept in (\S+): /.exec(message) ?? [];
  assert.equal(JSON.parse(await readFile(join(kept!, "soak.summary.json"), "utf8")).verdict, "pass");
  assert.equal(await readFile(join(run.resultsDir, "soak.summary.json"), "utf8"), "another's");
});

test("an SSL_CERT_FILE that is not there is noted where TLS failed, and only there", {
  skip: process.platform === "win32" || process.platform === "darwin",
}, async (t) => {
  const env = { ...process.env, SSL_CERT_FILE: "/none/ca.pem" };
  const failures = `metrics.ws_connect_failures = { kind: "counter", unit: "1", count: 2, by: { reason: { REASON: { kind: "counter", unit: "1", count: 2 } } } };`;
  const notes = async (reason: string) => {
    const run = await plan(t, { run: `${failures.replace("REASON", reason)} write("pass")` }, { env });
    await runK6(run);
    return (await stored(run)).notes;
  };
  assert.deepEqual(await notes("tls"), [
    "SSL_CERT_FILE: expected a file of certificates (PEM), got /none/ca.pem (no such file or directory)",
  ]);
  assert.equal(await notes("refused"), undefined);
});

test("settings reach k6 through its environment, where nobody else reads them", async (t) => {
  const control = await controlRoom(t);
  const { CONTROL_PORT, ...settings } = {
    CONTROL_PORT: control.port,
    WS_URL: "ws://127.0.0.1:1/a?token=secret-1",
    WS_TOKEN: "secret-2",
  };
  const tells = `write("pass"); (await tell({ args, given })).end()`;
  const run = await plan(
    t,
    { run: tells },
    { settings, args: ["--quiet"], env: { ...process.env, CONTROL_PORT } },
  );
  const result = runK6(run);
  const { args, given } = (await control.next()).message as { args: string[]; given: NodeJS.ProcessEnv };
  await result;
  assert.equal(given.WS_URL, settings.WS_URL);
  assert.equal(given.WS_TOKEN, "secret-2");
  assert.equal(given.K6_VERSION, "v2.2.0");
  assert.doesNotMatch(args.join(" "), /secret/);
  assert.deepEqual(args, ["--no-usage-report", "--include-system-env-vars=true", "--quiet", "dist/soak.js"]);
});

test("settings come before the environment", async (t) => {
  const control = await controlRoom(t);
  const run = await plan(
    t,
    { run: `write("pass"); (await tell(given.CONNECTIONS)).end()` },
    {
      settings: { CONTROL_PORT: control.port, CONNECTIONS: "7" },
      env: { ...process.env, CONNECTIONS: "9" },
    },
  );
  const result = runK6(run);
  assert.equal((await control.next()).message, "7");
  await result;
});

test("what k6 refuses is the caller's mistake, told in k6's words, and the results of earlier runs stay", async (t) => {
  const inspect = `console.error("CONNECTIONS: expected a whole number"); process.exitCode = 107`;
  const run = await plan(t, { run: `write("pass")` });
  await runK6(run);
  const earlier = await readdir(run.resultsDir);
  const k6 = { ...run.k6, command: await fakeK6(t, { inspect }) };
  await assert.rejects(runK6({ ...run, k6 }), (error: Error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /dist\/soak\.js.*CONNECTIONS: expected a whole number/s);
    return true;
  });
  assert.ok(earlier.length > 0);
  assert.deepEqual(await readdir(run.resultsDir), earlier);
});

test("an unwritable results directory is refused by name", async (t) => {
  const file = join(await temporaryDirectory(t), "file");
  await writeFile(file, "");
  const places: [resultsDir: string, code: string][] = [[join(file, "results"), "ENOTDIR"]];
  if (existsSync("/proc/self")) places.push(["/proc/k6-realtime/results", "ENOENT"]);
  for (const [resultsDir, code] of places) {
    await assert.rejects(runK6(await plan(t, {}, { resultsDir })), {
      name: "UserError",
      exitCode: 2,
      message: `results: expected a directory to write to, got ${resultsDir} (${code})`,
    });
  }
});

test("a results directory is made with those that lead to it", async (t) => {
  const resultsDir = join(await temporaryDirectory(t), "of", "a", "run");
  await runK6(await plan(t, {}, { resultsDir }));
  assert.ok((await readdir(resultsDir)).includes("soak.summary.json"));
});

test("a full disk costs nothing of what was written before", {
  skip: !existsSync("/dev/full"),
}, async (t) => {
  const full = `record(5); require("node:fs").symlinkSync("/dev/full", given.RESULTS_DIR + "/soak.summary.md");`;
  const k6 = { command: await fakeK6(t, { run: full }), version: "v2.2.0", extension: true };
  let message = "";
  await assert.rejects(runK6(await plan(t, {}, { k6 })), (error: UserError) => {
    ({ message } = error);
    return error.name === "UserError" && error.exitCode === 1;
  });
  const [, kept] =
    /^no space left on the device\nWhat the run left so far is kept in (\S+): /.exec(message) ?? [];
  assert.ok(kept, message);
  const recording = await readFile(join(kept, "soak.realtime.jsonl"), "utf8");
  assert.match(recording, /"recording":"k6-realtime"/);
});

test("a summary of another form is no summary: the recording is", async (t) => {
  const other = `record(5); writeFileSync(summaryFile, JSON.stringify({ scenario: "soak", verdict: "pass", reason: "x" }));`;
  const k6 = { command: await fakeK6(t, { run: other }), version: "v2.2.0", extension: true };
  const { summary, exitCode } = await runK6(await plan(t, {}, { k6 }));
  assert.deepEqual([summary.verdict, exitCode], ["pass", 0], summary.reason);
  assert.deepEqual(summary.metrics.ws_replies, { kind: "counter", unit: "1", count: 5 });
});

test("a mistake of ours after the run keeps what was recorded, and names where", async (t) => {
  const odd = `record(5); require("node:fs").mkdirSync(given.RESULTS_DIR + "/soak.summary.md");`;
  const k6 = { command: await fakeK6(t, { run: odd }), version: "v2.2.0", extension: true };
  const run = await plan(t, {}, { k6 });
  await assert.rejects(runK6(run), /EISDIR.*\n.*is kept in/);
  const [own] = await readdir(run.resultsDir);
  assert.ok((await readdir(join(run.resultsDir, own!))).includes("soak.realtime.jsonl"));
});

test("a k6 that outlives its plan by 10 s and heeds nothing is killed", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const control = await controlRoom(t);
  const body = `process.on("SIGINT", () => {}); process.on("SIGTERM", () => {}); forEver(); await tell("up");`;
  const run = await plan(t, { run: body }, { settings: { CONTROL_PORT: control.port } });
  const result = runK6(run);
  const { gone } = await control.next();
  t.mock.timers.tick(60_000);
  t.mock.timers.tick(10_000);
  await gone;
  const { summary, exitCode } = await result;
  assert.equal(exitCode, 3);
  assert.equal(summary.verdict, "incomplete");
  assert.match(summary.reason, /still running 10s after its planned end/);
  assert.deepEqual(await stored(run), summary);
  assert.match(await readFile(join(run.resultsDir, "soak.summary.md"), "utf8"), /still running 10s/);
});

test("a k6 that ends within the 10 s is left alone", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const control = await controlRoom(t);
  const body = `
    process.on("SIGINT", () => process.exit(1));
    (await tell("up")).once("data", () => { write("pass"); process.exit(0); });`;
  const run = await plan(t, { run: body }, { settings: { CONTROL_PORT: control.port } });
  const result = runK6(run);
  const { release } = await control.next();
  t.mock.timers.tick(59_999);
  release();
  assert.equal((await result).exitCode, 0);
});

test("a summary that an overdue k6 writes keeps its figures, not its verdict", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const control = await controlRoom(t);
  const body = `process.on("SIGINT", () => { write("pass"); process.exit(105); }); forEver(); await tell("up");`;
  const run = await plan(t, { run: body }, { settings: { CONTROL_PORT: control.port } });
  const result = runK6(run);
  await control.next();
  t.mock.timers.tick(60_000);
  const { summary, exitCode } = await result;
  assert.equal(exitCode, 3);
  assert.equal(summary.verdict, "incomplete");
  assert.deepEqual(summary.metrics.ws_replies, { kind: "counter", unit: "1", count: 7 });
  assert.deepEqual(await stored(run), summary);
});

test("a stopped run interrupts k6 once, overdue as it may be, and waits for its summary", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const control = await controlRoom(t);
  const stop = new AbortController();
  const body = `
    let interrupts = 0;
    process.on("SIGINT", async () => {
      interrupts += 1;
      if (interrupts > 1) return;
      (await tell("interrupted")).once("data", () => {
        metrics.ws_replies.count = interrupts;
        write("incomplete");
        process.exit(105);
      });
    });
    forEver(); await tell("up");`;
  const run = await plan(t, { run: body }, { settings: { CONTROL_PORT: control.port }, signal: stop.signal });
  const result = runK6(run);
  await control.next();
  t.mock.timers.tick(59_999);
  stop.abort("SIGTERM");
  const interrupted = await control.next();
  t.mock.timers.tick(1);
  interrupted.release();
  const { summary, exitCode } = await result;
  assert.equal(exitCode, 3);
  assert.match(summary.reason, /stopped by SIGTERM before its planned end/);
  assert.deepEqual(await stored(run), summary);
  assert.deepEqual(summary.metrics.ws_replies, { kind: "counter", unit: "1", count: 1 });
});

test("what k6 started ends with it, as a k6 that provisions itself starts another", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const control = await controlRoom(t);
  const stop = new AbortController();
  const child = `const socket = require("node:net").connect(${control.port}, "127.0.0.1", () => socket.write('"child"\\n')); process.on("SIGINT", () => {});`;
  const body = `
    require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(child)}], { stdio: "ignore" });
    process.on("SIGINT", () => {}); forEver();`;
  const run = await plan(t, { run: body }, { signal: stop.signal });
  const result = runK6(run);
  const sighting = await control.next();
  assert.equal(sighting.message, "child");
  stop.abort("SIGINT");
  t.mock.timers.tick(10_000);
  await sighting.gone;
  assert.equal((await result).exitCode, 3);
});

test("outputs beside our own go by K6_OUT, which the process list does not show, and one with a comma is refused", async (t) => {
  const run = await plan(t, {
    run: `writeFileSync(given.NOTE, given.K6_OUT + " " + args.join(" ")); write("pass")`,
  });
  const note = join(await temporaryDirectory(t), "note");
  const withOutputs = { ...run, k6: { ...run.k6, extension: true }, env: { ...process.env, NOTE: note } };
  await runK6({ ...withOutputs, outputs: ["json=out.json", "influxdb=http://me:s3cret@h/db"] });
  const [outputs, ...args] = (await readFile(note, "utf8")).split(" ");
  assert.match(
    outputs!,
    /^realtime=.*\/soak\.realtime\.jsonl,json=out\.json,influxdb=http:\/\/me:s3cret@h\/db$/,
  );
  assert.deepEqual(
    args.filter((arg) => arg.startsWith("--out")),
    [],
  );
  await assert.rejects(runK6({ ...withOutputs, outputs: ["json=a,b.json"] }), {
    name: "UserError",
    message: /^k6's configuration file, out: expected no comma/,
  });
  assert.deepEqual(
    (await readdir(run.resultsDir)).filter((name) => name.startsWith(".")),
    [],
  );
});
