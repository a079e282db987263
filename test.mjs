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
// Of the runner, which hands them to each file's process.
const options = ["--import", "tsx", "--import", "./test/assertions.mjs"];
const runner = spawn(process.execPath, [...options, "tools/run-tests.mjs", ...files], {
  stdio: ["ignore", "inherit", "inherit"],
});
// The runner ends its test processes itself, and gets a terminal's ^C too.
for (const name of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]))
  process.on(name, () => runner.kill(name));
runner.on("exit", (code) => {
  process.exitCode = code ?? 1;
});
