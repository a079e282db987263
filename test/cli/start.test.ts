/** `npm start` as a user meets it: real k6, real server. Everything it needs was built before the tests ran. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { on, once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { temporaryDirectory } from "../temporary-directory.ts";

const startScript = fileURLToPath(new URL("../../start.mjs", import.meta.url));

/** What a start in `directory` printed, and how it ended. */
function start(directory: string) {
  const child = spawn(process.execPath, [startScript], { cwd: directory, stdio: ["ignore", "pipe", "pipe"] });
  const printed = Promise.all([text(child.stdout), text(child.stderr)]);
  return {
    child,
    ended: Promise.all([once(child, "exit"), printed]).then(([[code], [out, err]]) => ({ code, out, err })),
  };
}

const summaryIn = async (directory: string) =>
  JSON.parse(await readFile(join(directory, "results/chat-soak.summary.json"), "utf8"));

/** Every k6 is told its results directory on the command line. */
async function processesAbout(directory: string): Promise<string[]> {
  return (await commandLines()).filter((line) => line.includes(directory));
}

/** The command lines of all processes. Small Linux images have no `ps`. */
async function commandLines(): Promise<string[]> {
  if (process.platform !== "linux") {
    return (await promisify(execFile)("ps", ["-eo", "args"])).stdout.split("\n");
  }
  const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const gone = () => "";
  return Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, "utf8").catch(gone)));
}

/** The exit codes of a run that was made as planned. */
const CODES = { pass: 0, "generator-bound": 3, fail: 99 } as const;

test("of two starts at once in a directory one ends well, one is refused, and neither leaves anything running", async (t) => {
  const directory = await temporaryDirectory(t);
  const both = await Promise.all([start(directory).ended, start(directory).ended]);
  const [refused, ...other] = both.filter(({ code }) => code === 2);
  assert.match(
    refused?.err ?? "",
    /^results: expected a directory that no other run of chat-soak writes to/m,
  );
  assert.equal(other.length, 0);
  for (const { code, out, err } of both.filter((one) => one !== refused)) {
    // On a machine that is busy with other work the generator may be too slow to judge by, or the server too slow.
    const [, verdict] =
      /^Verdict: (pass|generator-bound|fail(?=, (?:round trip|time to connect) p))/m.exec(out) ?? [];
    assert.equal(code, CODES[verdict as keyof typeof CODES], out + err);
    assert.match(out, /npm dependencies: up to date\n(.*\n)*dist: up to date\nbin\/k6: up to date\n/);
    if (verdict === "pass") assert.match(out, /^Verdict: pass, all \d+ limits held$/m);
    assert.match(out, /^Results: .*results\/chat-soak\.summary\.json,\s+results\/chat-soak\.summary\.md$/ms);
    assert.match(out, /^Open results\/chat-soak\.report\.html in a browser$/m);
  }
  const summary = await summaryIn(directory);
  assert.ok(summary.verdict in CODES, summary.verdict);
  assert.ok(summary.metrics.ws_probes.count > 0);
  const page = await readFile(join(directory, "results/chat-soak.report.html"), "utf8");
  assert.match(page, new RegExp(`<title>chat-soak: ${summary.verdict}</title>`));
  assert.deepEqual(await readdir(join(directory, "results")), [
    "chat-soak.junit.xml",
    "chat-soak.realtime.jsonl",
    "chat-soak.report.html",
    "chat-soak.summary.json",
    "chat-soak.summary.md",
  ]);
  assert.deepEqual(await processesAbout(directory), []);
});

const stops: [sentence: string, signals: NodeJS.Signals[]][] = [
  ["^C", ["SIGINT"]],
  ["a ^C that npm passes on a second time", ["SIGINT", "SIGINT"]],
  ["SIGTERM", ["SIGTERM"]],
];
for (const [sentence, signals] of stops) {
  test(`${sentence} ends the run with a summary that says so, and leaves nothing running`, async (t) => {
    const directory = await temporaryDirectory(t);
    const { child, ended } = start(directory);
    // The script's own line: from here on k6 has a run to interrupt.
    for await (const chunk of on(child.stderr, "data", { close: ["end"] })) {
      if (String(chunk).includes("chat-soak: 20 connections")) break;
    }
    for (const signal of signals) child.kill(signal);
    const { code, out } = await ended;
    assert.equal(code, 3, out);
    assert.match(
      out,
      new RegExp(`^Verdict: incomplete, stopped by ${signals[0]} before its planned end$`, "m"),
    );
    assert.equal((await summaryIn(directory)).verdict, "incomplete");
    assert.deepEqual(await processesAbout(directory), []);
  });
}
