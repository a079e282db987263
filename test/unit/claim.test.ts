import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { claim } from "../../cli/run/claim.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

/** A claim as a process leaves it that is killed. */
async function leave(directory: string, holder: unknown): Promise<void> {
  const path = join(directory, ".claim-soak");
  await mkdir(path);
  await writeFile(join(path, "process.json"), JSON.stringify(holder));
}

/** A process that runs until it is killed, at the end of the test at the latest. */
async function idle(t: TestContext) {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)"], { stdio: "ignore" });
  const exit = once(child, "exit");
  t.after(() => child.kill("SIGKILL"));
  await once(child, "spawn");
  const kill = async () => {
    child.kill("SIGKILL");
    await exit;
  };
  return { pid: child.pid!, kill };
}

test("a claim holds while its process runs, and no longer", async (t) => {
  const directory = await temporaryDirectory(t);
  const other = await idle(t);
  await leave(directory, { pid: other.pid });
  await assert.rejects(claim(directory, "soak"), {
    name: "UserError",
    exitCode: 2,
    message: new RegExp(`got ${directory} \\(process ${other.pid} does\\)`),
  });
  await other.kill();
  const giveUp = await claim(directory, "soak");
  assert.deepEqual(await readdir(directory), [".claim-soak"]);
  await giveUp();
  assert.deepEqual(await readdir(directory), []);
});

test("a claim does not hold for a later process of the same number", {
  skip: process.platform !== "linux",
}, async (t) => {
  const directory = await temporaryDirectory(t);
  await leave(directory, { pid: process.pid, started: "1" });
  await (await claim(directory, "soak"))();
});

test("scenarios are claimed apart", async (t) => {
  const directory = await temporaryDirectory(t);
  const ends = [await claim(directory, "soak"), await claim(directory, "connect")];
  for (const giveUp of ends) await giveUp();
});

test("of many that come at once upon the claim of a killed run, one gets it", async (t) => {
  const directory = await temporaryDirectory(t);
  const gone = await idle(t);
  await gone.kill();
  await leave(directory, { pid: gone.pid });
  const claims = await Promise.allSettled(Array.from({ length: 20 }, () => claim(directory, "soak")));
  assert.equal(claims.filter(({ status }) => status === "fulfilled").length, 1);
  assert.deepEqual(await readdir(directory), [".claim-soak"]);
});

test("a claim that cannot be read is named, to be removed", async (t) => {
  const directory = await temporaryDirectory(t);
  await leave(directory, "nonsense");
  await assert.rejects(claim(directory, "soak"), {
    message: new RegExp(`remove ${join(directory, ".claim-soak")}$`),
  });
});
