/** What may be secret in the inputs is neither on a command line, which everyone on the machine may read, nor printed. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { runStep } from "../../cli/action/run.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

/** The step with a command line that only says how it was called. */
async function step(t: Parameters<typeof temporaryDirectory>[0], url: string) {
  const cwd = await temporaryDirectory(t);
  const cli = join(cwd, "cli.cjs");
  const called = join(cwd, "called.json");
  const call = `{ args: process.argv.slice(2), url: process.env.WS_URL }`;
  await writeFile(
    cli,
    `require("node:fs").writeFileSync(${JSON.stringify(called)}, JSON.stringify(${call})); process.exit(1);`,
  );
  const printed: string[] = [];
  const env = { RUNNER_TEMP: cwd, INPUT_SCENARIO: "chat-soak", INPUT_URL: url };
  const print = (line: string) => void printed.push(line);
  const exitCode = await runStep({ env, cwd, cli, print, signal: new AbortController().signal });
  return { exitCode, called, printed: printed.join("\n") };
}

test("the URL reaches the command line's environment, not its words", async (t) => {
  const url = "wss://example.com/ws?access_token=s3cret";
  const { called } = await step(t, url);
  const { args, url: given } = JSON.parse(await readFile(called, "utf8"));
  assert.equal(given, url);
  assert.deepEqual(args.slice(0, 2), ["run", "chat-soak"]);
  assert.ok(!args.join(" ").includes("s3cret"), args.join(" "));
});

test("a wrong URL is told without what may be a token", async (t) => {
  const { exitCode, printed } = await step(t, "https://user:s3cret@example.com/ws?access_token=s3cret");
  assert.equal(exitCode, 2);
  assert.match(printed, /input url: expected a ws:\/\/ or wss:\/\/ URL, got "https:\/\/example\.com\/ws\?…"/);
  assert.ok(!printed.includes("s3cret"));
});
