/** `k6 archive`: what scripts opened goes along, and what cannot is told. And where results go, before the load. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { packageFile } from "../../cli/package-file.ts";
import { startServer } from "../../server/server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { OUR_K6, runK6, STOCK_K6 } from "./run.ts";

const DESCRIPTOR = {
  name: "own-echo",
  probe: { send: '"${id}"' },
  reply: [{ name: "echo", match: "whole" }],
};
/** In two files, of which the first names the second. */
const CONTRACT = ["$ref: own-text.json\n", { type: "string", minLength: 3 }] as const;
const PROFILE = { thresholds: { ws_replies: ["count>0"], ws_messages_lost: ["count==0"] } };

/** Archives a scenario with each kind of file, and removes the files. */
async function archived(
  t: TestContext,
  k6: string,
  bundle: string,
  env: Readonly<Record<string, string | number>>,
): Promise<string> {
  const server = await startServer();
  t.after(() => server.close());
  const made = await temporaryDirectory(t);
  const files = {
    PROTOCOL_FILE: ["own.json", `\ufeff${JSON.stringify(DESCRIPTOR)}`],
    PROFILE: ["own-profile.json", `\ufeff${JSON.stringify(PROFILE)}\r\n\r\n`],
    CONTRACT: ["own.yaml", CONTRACT[0]],
    USERS: ["users.csv", "user,token\nann,test-token\nbob,test-token\n"],
  } as const;
  const given: Record<string, string | number> = { WS_URL: `${server.url}/ws/echo`, ...env };
  for (const [name, [file, text]] of Object.entries(files)) {
    given[name] = join(made, file);
    await writeFile(given[name], text);
  }
  await writeFile(join(made, "own-text.json"), JSON.stringify(CONTRACT[1]));
  const archive = join(await temporaryDirectory(t), "run.tar");
  const settings = Object.entries(given).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
  await promisify(execFile)(k6, ["archive", ...settings, "-O", archive, packageFile(`dist/${bundle}.js`)]);
  await rm(made, { recursive: true });
  return archive;
}

/** Runs one elsewhere: in a directory of its own. */
async function runArchive(t: TestContext, k6: string, archive: string, env: Record<string, string> = {}) {
  const cwd = await temporaryDirectory(t);
  const settings = Object.entries(env).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
  const args = ["run", "--quiet", "--no-usage-report", ...settings, archive];
  return promisify(execFile)(k6, args, { cwd, env: { ...process.env, PWD: cwd } }).then(
    (said) => ({ ...said, code: 0 }),
    (error) => error as { code: number; stdout: string; stderr: string },
  );
}

const SOAK = {
  CONNECTIONS: 3,
  RAMP: "0s",
  DURATION: "3s",
  RAMP_DOWN: "0s",
  PROBE_INTERVAL: "500ms",
  REPLY_TIMEOUT: "2s",
};
const SWARM = { CONNECTIONS: 3, RATE: 100, DURATION: "1s", PROBE_INTERVAL: "500ms", REPLY_TIMEOUT: "2s" };

describe("an archive runs where none of its files is", () => {
  for (const [bundle, k6, env] of [
    ["chat-soak", STOCK_K6, SOAK],
    ["x/chat-soak", OUR_K6, SOAK],
    ["mass-soak", OUR_K6, SWARM],
  ] as const) {
    test(bundle, async (t) => {
      const archive = await archived(t, k6, bundle, env);
      const results = await temporaryDirectory(t);
      const run = await runArchive(t, k6, archive, { RESULTS_DIR: results });
      assert.equal(run.code, 0, run.stderr);
      assert.match(run.stdout, /-soak: pass, all /);
      const summary = `${bundle.replace("x/", "")}.summary.json`;
      assert.ok((await readdir(results)).includes(summary), "there is no summary");
      assert.match(run.stdout, /contract own\.yaml: \d+ messages were checked/);
    });
  }
});

test("a file that an archive was made without is named, and why it is not found", async (t) => {
  const archive = await archived(t, STOCK_K6, "chat-soak", SOAK);
  const users = join(await temporaryDirectory(t), "other.csv");
  await writeFile(users, "user\nann\n");
  const { stderr, code } = await runArchive(t, STOCK_K6, archive, { USERS: users });
  assert.equal(code, 107);
  assert.match(
    stderr,
    /USERS: expected a readable file, got .*other\.csv .*: this archive was made without it/,
  );
});

test("a relative path, which k6 archive cannot follow, is told from one that leads nowhere", async (t) => {
  const cwd = await temporaryDirectory(t);
  await writeFile(join(cwd, "users.csv"), "user\nann\n");
  const args = [
    "archive",
    "-e",
    "USERS=users.csv",
    "-O",
    join(cwd, "a.tar"),
    packageFile("dist/chat-soak.js"),
  ];
  const failure = await promisify(execFile)(STOCK_K6, args, { cwd }).catch((error) => error);
  assert.match(
    failure.stderr,
    /USERS: .* got users\.csv .*: k6 was not told the working directory, so give an absolute path/,
  );
});

describe("a directory that nothing can be written to ends the run before the load", {
  skip: process.platform !== "linux",
}, () => {
  for (const scenario of ["x/chat-soak", "mass-soak"]) {
    test(scenario, async (t) => {
      const { stderr, code } = await runK6(t, { scenario, k6: OUR_K6, env: { RESULTS_DIR: "/proc" } });
      assert.equal(code, 107);
      assert.match(stderr, /RESULTS_DIR: expected a directory to write to, got \/proc \(/);
    });
  }
});
