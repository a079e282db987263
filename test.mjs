/**
 * `npm test [FILE…]`: sets up what is missing, then runs the test files (all of them, or those named). Checks
 * and Go tests are among them, so that the runner's closing lines count everything.
 */
import { spawn } from "node:child_process";
import { filesUnder } from "./tools/files.mjs";
import { setUp } from "./tools/setup.mjs";
import { orExit } from "./tools/step.mjs";

await orExit((signal) => setUp("k6 and stock k6", signal));

const named = process.argv.slice(2);
const files = named.length ? named : filesUnder("test").filter((file) => file.endsWith(".test.ts"));
// One file at a time: tests that run k6 measure, and would measure each other.
const options = ["--import", "tsx", "--test", "--test-reporter=spec", "--test-concurrency=1"];
const runner = spawn(process.execPath, [...options, ...files], { stdio: ["ignore", "inherit", "inherit"] });
// The runner ends its test processes itself, and gets a terminal's ^C too.
for (const name of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]))
  process.on(name, () => runner.kill(name));
runner.on("exit", (code) => {
  process.exitCode = code ?? 1;
});
