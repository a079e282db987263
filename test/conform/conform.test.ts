import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runStep } from "../../cli/action/run.ts";
import { freePort } from "../free-port.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { conform, echoServer, firstMessage, jsonOf, play } from "./run-conform.ts";

test("a server is tested, and the report tells of each case", async (t) => {
  const cwd = await temporaryDirectory(t);
  const url = await echoServer(t);
  const { exitCode, out } = await conform(cwd, [
    "server",
    ...["--url", url, "--agent", "<b>ws</b>", "--cases", "1.1.1,2.5,6.6.2,7.1.5,12.1.1"],
  ]);
  assert.equal(exitCode, 0, out);
  assert.match(out, /5 cases, 5 OK/);
  const results = join(cwd, "conform-results");
  const index = await jsonOf(join(results, "index.json"));
  const entry = index["<b>ws</b>"]["2.5"];
  assert.deepEqual([entry.behavior, entry.behaviorClose, entry.remoteCloseCode], ["OK", "OK", 1002]);
  assert.equal((await jsonOf(join(results, entry.reportfile))).id, "2.5");
  const page = await readFile(join(results, "report.html"), "utf8");
  assert.match(page, /id="_b_ws_b_-7\.1\.5"/, "each case has a link of its own");
  assert.match(page, /RFC 6455 5\.5/);
  assert.doesNotMatch(page, /<b>ws/, "what a testee is called is no markup");
  assert.match(await readFile(join(results, "report.md"), "utf8"), /pass/);
  assert.match(await readFile(join(results, "junit.xml"), "utf8"), /tests="5" failures="0"/);
});

test("a spec file names the servers, the cases and where the results go", async (t) => {
  const cwd = await temporaryDirectory(t);
  const [one, two] = [await echoServer(t), await echoServer(t)];
  const spec = {
    outdir: "out",
    options: { failByDrop: false },
    servers: [
      { agent: "one", url: one, options: { version: 18 } },
      { agent: "two", url: two },
    ],
    cases: ["1.1.*", "2.*"],
    "exclude-cases": ["1.1.8"],
    "exclude-agent-cases": { "tw*": ["2.*"] },
  };
  await writeFile(join(cwd, "spec.json"), JSON.stringify(spec));
  const { exitCode, out } = await conform(cwd, ["server", "--spec", "spec.json"]);
  assert.equal(exitCode, 0, out);
  const index = await jsonOf(join(cwd, "out/index.json"));
  assert.equal(Object.keys(index.one).length, 18);
  assert.equal(Object.keys(index.two).length, 7);
});

test("failures fail the run, unless a baseline knows them; passes that it does not expect are told", async (t) => {
  const cwd = await temporaryDirectory(t);
  const url = await echoServer(t, { maxPayload: 1000 });
  const args = ["--cases", "1.1.4,1.1.7", "--agent", "ws"];
  const failing = await conform(cwd, ["server", "--url", url, ...args, "--write-baseline", "known.json"]);
  assert.equal(failing.exitCode, 99, failing.out);
  assert.match(failing.out, /ws 1\.1\.7 FAILED/);
  const known = await conform(cwd, ["server", "--url", url, ...args, "--baseline", "known.json"]);
  assert.equal(known.exitCode, 0, known.out);
  assert.match(known.out, /1 failures are known/);
  const mended = await conform(cwd, [
    "server",
    "--url",
    await echoServer(t),
    ...args,
    "--baseline",
    "known.json",
  ]);
  assert.equal(mended.exitCode, 0, mended.out);
  assert.match(mended.out, /ws 1\.1\.7 passes, and the baseline says it fails/);
});

test("a client is tested by a loop as drivers have it", async (t) => {
  const cwd = await temporaryDirectory(t);
  const port = await freePort();
  const running = conform(cwd, [
    "client",
    "--listen",
    `127.0.0.1:${port}`,
    "--cases",
    "1.1,7.1,21.2",
    "--once",
  ]);
  const base = `ws://127.0.0.1:${port}`;
  const count = Number(await firstMessage(base, "/getCaseCount"));
  assert.equal(count, 36);
  for (let i = 1; i <= count; i++) await play(`${base}/runCase?case=${i}&agent=ws`);
  assert.equal(JSON.parse(await firstMessage(base, "/getCaseStatus?case=1&agent=ws")).behavior, "OK");
  await play(`${base}/updateReports?agent=ws`);
  const { exitCode, out } = await running;
  assert.equal(exitCode, 0, out);
  assert.match(out, /ws: 36 cases/);
});

test("a server that is not there is an error, not a failure of each case", async (t) => {
  const cwd = await temporaryDirectory(t);
  const { exitCode, err } = await conform(cwd, ["server", "--url", `ws://127.0.0.1:${await freePort()}`]);
  assert.equal(exitCode, 1);
  assert.match(err, /could not connect to ws:\/\/127\.0\.0\.1:\d+: .*connection refused/);
});

test("a flag that does not exist and a case that does not exist are told", async (t) => {
  const cwd = await temporaryDirectory(t);
  const flag = await conform(cwd, ["server", "--urls", "ws://127.0.0.1:1"]);
  assert.match(flag.err, /unknown flag: --urls/);
  assert.notEqual(flag.exitCode, 0);
  const missing = await conform(cwd, ["server", "--url", "ws://127.0.0.1:1", "--cases", "99.*"]);
  assert.match(missing.err, /no case matches .*99\.\*/);
  assert.notEqual(missing.exitCode, 0);
});

test("the Action's step tests a server, and tells the runner what came of it", async (t) => {
  const cwd = await temporaryDirectory(t);
  const [summary, output] = [join(cwd, "summary"), join(cwd, "output")];
  for (const file of [summary, output]) await writeFile(file, "");
  const step = (flags: string, url: string) =>
    runStep({
      env: {
        ...process.env,
        RUNNER_TEMP: cwd,
        GITHUB_STEP_SUMMARY: summary,
        GITHUB_OUTPUT: output,
        INPUT_SCENARIO: "conform",
        INPUT_URL: url,
        INPUT_FLAGS: flags,
      },
      cwd,
      cli: fileURLToPath(new URL("../../dist/cli.js", import.meta.url)),
      print: () => {},
      signal: new AbortController().signal,
    });
  const url = `${await echoServer(t, { maxPayload: 1000 })}/?ticket=s3cret`;
  assert.equal(await step("--cases\n1.1.2", url), 0);
  assert.match(await readFile(summary, "utf8"), /conformance of servers: pass/);
  assert.equal(await step("--cases\n1.1.7", url), 99);
  const said = await readFile(output, "utf8");
  assert.match(said, /1 of 1 cases failed/);
  assert.match(said, /report\.html/);
  assert.doesNotMatch(said + (await readFile(summary, "utf8")), /s3cret/);
  assert.equal(
    await step("--casses\n1.1.7", url),
    2,
    "a flag that does not exist is no failure of the server",
  );
});
