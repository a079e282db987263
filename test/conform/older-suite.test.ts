import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { freePort } from "../free-port.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { conform, echoServer, firstMessage, jsonOf, listens, play } from "./run-conform.ts";

/** The arguments of `k6-realtime conform` that do what a mode of the older suite did, as our document has them. */
async function retyped(mode: string, replaced: Readonly<Record<string, string>>): Promise<string[]> {
  const document = await readFile(new URL("../../docs/guides/older-suite.md", import.meta.url), "utf8");
  const row = document.split("\n").find((line) => line.startsWith(`| \`${mode}\` |`));
  const command = row?.match(/`npx k6-realtime conform ([^`]+)`/)?.[1];
  assert.ok(command, `a row with a command for ${mode}`);
  return command.split(" ").map((word) => replaced[word] ?? word);
}

/** Only the options that the older suite's own spec files have, and nothing of ours. */
const CASES = {
  cases: ["1.1.*", "2.*", "7.1.*", "12.1.1"],
  "exclude-cases": ["1.1.8"],
  "exclude-agent-cases": {},
};
const RUN = 7 + 11 + 6 + 1;

describe("commands of the older suite, of which only the command is another", { concurrency: true }, () => {
  test("a fuzzing client against several servers, one of them its testee", async (t) => {
    const cwd = await temporaryDirectory(t);
    const listen = `127.0.0.1:${await freePort()}`;
    const over = new AbortController();
    const testee = conform(cwd, await retyped("testeeserver", { "127.0.0.1:9001": listen }), over.signal);
    await unlessOver(testee, listens(`ws://${listen}`));
    const spec = {
      options: { failByDrop: false },
      outdir: "./reports/servers",
      servers: [
        { agent: "Testee", url: `ws://${listen}`, options: { version: 18 } },
        { agent: "MyAwesomeServer", url: await echoServer(t), options: { version: 18 } },
      ],
      ...CASES,
    };
    await writeFile(join(cwd, "fuzzingclient.json"), JSON.stringify(spec));
    const { exitCode, out } = await conform(
      cwd,
      await retyped("fuzzingclient", { FILE: "fuzzingclient.json" }),
    );
    over.abort();
    await testee;
    assert.equal(exitCode, 0, out);
    await reported(join(cwd, "reports/servers"), ["MyAwesomeServer", "Testee"]);
  });

  test("a fuzzing server, with its testee and the loop of a driver, one after the other", async (t) => {
    const cwd = await temporaryDirectory(t);
    const base = `ws://127.0.0.1:${await freePort()}`;
    const spec = {
      url: base,
      options: { failByDrop: false },
      outdir: "./reports/clients",
      webport: 8080,
      ...CASES,
    };
    await writeFile(join(cwd, "fuzzingserver.json"), JSON.stringify(spec));
    const over = new AbortController();
    const running = conform(cwd, await retyped("fuzzingserver", { FILE: "fuzzingserver.json" }), over.signal);
    const count = Number(await unlessOver(running, firstMessage(base, "/getCaseCount")));
    for (let i = 1; i <= count; i++) await play(`${base}/runCase?case=${i}&agent=driver`);
    await play(`${base}/updateReports?agent=driver`);
    const testee = await conform(cwd, await retyped("testeeclient", { "ws://localhost:9001": base }));
    assert.equal(testee.exitCode, 0, testee.err);
    over.abort();
    await running;
    await reported(join(cwd, "reports/clients"), ["driver", "k6-realtime"]);
  });
});

/** What comes of `wanted`, unless the command ends before. */
const unlessOver = <T>(command: Promise<{ err: string }>, wanted: Promise<T>): Promise<T> =>
  Promise.race([wanted, command.then(({ err }) => Promise.reject(new Error(err)))]);

/** What scripts for the older suite look at: a verdict for each case of each agent, and its report. */
async function reported(outdir: string, agents: readonly string[]): Promise<void> {
  const index = await jsonOf(join(outdir, "index.json"));
  assert.deepEqual(Object.keys(index).sort(), agents);
  for (const agent of agents) {
    const cases = Object.values<{ behavior: string; behaviorClose: string; reportfile: string }>(
      index[agent],
    );
    assert.equal(cases.length, RUN);
    for (const { behavior, behaviorClose, reportfile } of cases) {
      assert.match(`${behavior} ${behaviorClose}`, /^(OK OK|INFORMATIONAL INFORMATIONAL)$/);
      assert.equal((await jsonOf(join(outdir, reportfile))).agent, agent);
    }
  }
}
