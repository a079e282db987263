/** The examples of docs/guides/fuzzing.md, as they stand there. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { packageFile } from "../../cli/package-file.ts";
import type { Cleanup } from "../k6/run.ts";
import { fuzzDirectory, fuzzJson, runFuzz } from "./run.ts";

const examples = packageFile("examples/fuzzing");
const BOUNDED = ["--seed", "11", "--time", "10m", "--again", "2"];

async function exampleServer(t: Cleanup): Promise<string> {
  const server = spawn(process.execPath, [join(examples, "server.mjs"), "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => server.kill());
  const [line] = (await once(createInterface({ input: server.stdout }), "line")) as [string];
  return line.replace("listening on ", "");
}

test("the examples: echo and channels pass, the private one wants its token, the chat fails as it should", async (t) => {
  const url = await exampleServer(t);
  const cwd = await fuzzDirectory(t);
  const echo = await fuzzJson(cwd, [
    "--url",
    `${url}/ws/echo`,
    "--protocol",
    "echo",
    ...BOUNDED,
    "--runs",
    "60",
  ]);
  assert.deepEqual([echo.code, echo.result.findings], [0, []]);

  const routes = [
    "--routes",
    "/ws/echo,/ws/subscribe/{channel},/ws/chat",
    "--include",
    "/ws/*",
    "--exclude",
    "/ws/ch*",
  ];
  const several = await fuzzJson(cwd, ["--url", url, ...routes, ...BOUNDED, "--runs", "20"]);
  assert.deepEqual([several.code, several.result.findings], [0, []]);
  assert.deepEqual(
    several.result.routes.map(({ route }) => route),
    ["/ws/echo", "/ws/subscribe/{channel}"],
  );

  const closed = await runFuzz(cwd, ["--url", `${url}/ws/private`, ...BOUNDED, "--runs", "20"]);
  assert.equal(closed.code, 1);
  assert.match(closed.err, /4001/);
  const token = ["--auth", "query", "--token", "secret"];
  const open = await fuzzJson(cwd, ["--url", `${url}/ws/private`, ...token, ...BOUNDED, "--runs", "20"]);
  assert.deepEqual([open.code, open.result.findings], [0, []]);
  assert.ok(!JSON.stringify(open.result).includes("secret"));

  const chat = ["--protocol-file", join(examples, "chat.json"), "--only", "protocol"];
  const failing = await fuzzJson(cwd, ["--url", `${url}/ws/chat`, ...chat, ...BOUNDED, "--runs", "250"]);
  assert.equal(failing.code, 99);
  const [finding] = failing.result.findings;
  assert.deepEqual(
    [finding?.kind, finding?.closeCode, finding?.closeReason],
    ["server-error", 1011, "invalid channel"],
  );
  assert.equal(finding?.sequence.steps.length, 1);
});

test("own strategies are sent on their routes", async (t) => {
  const url = await exampleServer(t);
  const cwd = await fuzzDirectory(t);
  const own = ["--strategies", join(examples, "strategies.mjs"), "--only", "order"];
  const args = ["--url", url, "--routes", "/ws/echo,/ws/chat", ...own, ...BOUNDED, "--runs", "300"];
  const { code, result } = await fuzzJson(cwd, args);
  assert.equal(code, 99);
  assert.deepEqual(
    result.findings.map(({ route, kind }) => [route, kind]),
    [["/ws/chat", "server-error"]],
  );
  assert.match(result.findings[0]!.sent[0]!, /strategy \/ws\/chat: json/);
});
