import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { forK6 } from "../../tools/bundles.mjs";
import { temporaryDirectory } from "../temporary-directory.ts";
import { type K6Command, runK6 } from "./run.ts";

async function inK6(t: TestContext, command: Omit<K6Command, "scenario">) {
  const outfile = join(await temporaryDirectory(t), "clock.js");
  const entryPoints = [fileURLToPath(new URL("clock-in-k6.ts", import.meta.url))];
  await build({ ...forK6, entryPoints, outfile, bundle: true });
  return runK6(t, { scenario: outfile, ...command });
}

test("calls come in the order of their instants, none early, and none that was called off holds the run up", async (t) => {
  const { code, stderr } = await inK6(t, { args: ["--log-format", "raw"] });
  assert.equal(code, 0, stderr);
  const [, heard = "{}"] = /^heard (.*)$/m.exec(stderr) ?? [];
  assert.deepEqual(JSON.parse(heard), {
    heard: [
      "first",
      "overdue when asked for",
      "calls off",
      "second",
      "third, at the same instant",
      "fourth",
      "calls off the last",
    ],
    early: [],
  });
});

test("a virtual user that is interrupted leaves one timer behind, whatever it waits for", async (t) => {
  const { stderr } = await inK6(t, {
    env: { WAIT: "yes" },
    onOutput: (text, interrupt) => text.includes("waiting") && interrupt(),
  });
  assert.equal(stderr.match(/setTimeout \d+ was stopped/g)?.length, 1, stderr);
});
