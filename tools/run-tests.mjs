/**
 * Runs test files (`node --import tsx tools/run-tests.mjs FILE…`): first side by side, then the ones named
 * `….alone.test.ts` one at a time. Their results end in one summary.
 */
import { setMaxListeners } from "node:events";
import { availableParallelism } from "node:os";
import { relative } from "node:path";
import { run } from "node:test";
import { spec as Spec } from "node:test/reporters";
import { orExit } from "./step.mjs";

/** Most files wait for servers and loads most of the time. */
const FILES_A_PROCESSOR = 2;

/** Longer than any file takes, however busy the machine is. What hangs is ended then, by name. */
const FILE_TIMEOUT_MS = 30 * 60_000;

/** They take minutes, so they begin first: begun late, each would run on alone at the end. */
const LONGEST = [
  "test/go.test.ts",
  "test/influxdb/agree.test.ts",
  "test/k6/route.test.ts",
  "test/library/scripts.test.ts",
];

/** @param {string} file */
const isLong = (file) => LONGEST.includes(relative("", file));

const given = process.argv.slice(2);
const files = [...given.filter(isLong), ...given.filter((file) => !isLong(file))];
/** @param {string} file */
const wantsMachine = (file) => file.endsWith(".alone.test.ts");
const parts = [
  {
    files: files.filter((file) => !wantsMachine(file)),
    concurrency: FILES_A_PROCESSOR * availableParallelism(),
  },
  { files: files.filter(wantsMachine), concurrency: 1 },
];

const reporter = new Spec();
reporter.pipe(process.stdout);
/** What the runner counts, by its own name ("tests", "pass", …), over all parts. @type {Map<string, number>} */
const summary = new Map();

await orExit(async (signal) => {
  setMaxListeners(0, signal); // one for each file
  for (const part of parts) {
    if (part.files.length === 0) continue;
    // What a failed test leaves open, a server say, must not keep its file from ending.
    for await (const event of run({ ...part, signal, forceExit: true, timeout: FILE_TIMEOUT_MS })) {
      if (event.type === "test:fail") process.exitCode = 1;
      const counted = countIn(event);
      if (counted) summary.set(counted.name, (summary.get(counted.name) ?? 0) + counted.value);
      else reporter.write(event);
    }
    signal.throwIfAborted();
  }
});
for (const [name, value] of summary) {
  reporter.write({ type: "test:diagnostic", data: { nesting: 0, message: `${name} ${value}` } });
}
reporter.end();

/**
 * A line of the summary that a part ends with. It belongs to no file, where the diagnostics of tests do.
 *
 * @param {{ type: string, data: any }} event
 */
function countIn({ type, data }) {
  if (type !== "test:diagnostic" || data.file !== undefined) return undefined;
  const [, name, value] = /^(\w+) ([\d.]+)$/.exec(data.message) ?? [];
  return name === undefined ? undefined : { name, value: Number(value) };
}
