/**
 * How long a pull request waits for the smoke test: the action's steps by act, with the settings of pr-smoke.yml, and
 * the set-up of a checkout in which nothing is but the k6 that the cache brings.
 *
 *   node --import tsx bench/pr-smoke.ts [DIRECTORY for the results]
 *
 * Needs bin/k6 and dist/ (npm run build:all).
 */
import { execFile } from "node:child_process";
import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startServer } from "../server/server.ts";
import { useAction } from "../test/action/act.ts";
import { temporaryDirectory } from "../test/temporary-directory.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const undo: (() => unknown)[] = [];
const t = { after: (step: () => unknown) => undo.unshift(step) } as unknown as TestContext;

try {
  print("Set up: npm ci and bundles in a fresh checkout", await setUp());
  const server = await startServer();
  t.after(() => server.close());
  const run = await useAction(t, { url: `${server.url}/ws/chat`, token: "test-token", profile: "smoke" });
  for (const [step, seconds] of stepTimes(run.log)) print(step, seconds);
  console.log(`${run.outputs.verdict}: ${run.outputs.reason}`);
  const [results] = process.argv.slice(2);
  if (results) await cp(run.uploaded, results, { recursive: true });
} finally {
  for (const step of undo) await step();
}

function print(what: string, seconds: number): void {
  console.log(`${seconds.toFixed(1).padStart(6)} s  ${what}`);
}

/** Seconds. */
async function setUp(): Promise<number> {
  const checkout = join(await temporaryDirectory(t), "checkout");
  await mkdir(checkout);
  const run = (file: string, ...args: string[]) => promisify(execFile)(file, args, { cwd: checkout });
  await run("sh", "-c", `git -C '${root}' archive HEAD | tar -x`);
  for (const cached of ["bin/k6", ".cache/bin-k6.sha256"])
    await cp(join(root, cached), join(checkout, cached));
  const before = performance.now();
  await run("env", "INPUT_EXTENSION=true", process.execPath, "tools/action.mjs", "setup");
  return (performance.now() - before) / 1000;
}

/** What act says each step of the action took, by the step's name. */
function stepTimes(log: string): [name: string, seconds: number][] {
  const lines = log.split("\n").filter((line) => line.startsWith("{"));
  return lines.flatMap((line) => {
    const { msg, stage, stepID, executionTime } = JSON.parse(line);
    const isStep =
      executionTime !== undefined && stage === "Main" && stepID[0] === "action" && stepID.length <= 2;
    const name = msg.replace(/^\W+(Success|Failure) - Main /, "").replace(/ \[[^\]]*\]\s*$/, "");
    return isStep ? [[stepID.length > 1 ? name : `${name}, in all`, executionTime / 1e9]] : [];
  });
}
