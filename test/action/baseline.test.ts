/** What the action compares with, fetched by a stand-in for GitHub's command line. */
import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { type TestContext, test } from "node:test";
import { baselineStep } from "../../cli/action/baseline.ts";
import { UserError } from "../../cli/command.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

/** A green run on GitHub. */
interface GreenRun {
  readonly id: number;
  readonly event?: string;
  /** What its artifact holds; undefined where it has none. */
  readonly artifact?: Readonly<Record<string, string>>;
  readonly expired?: boolean;
  /** How often its download fails. */
  readonly failures?: number;
}

/** Answers as gh does, from what lies beside it. */
const GH = `#!${process.execPath}
const fs = require("node:fs"), path = require("node:path");
const [command, ...args] = process.argv.slice(2);
const all = JSON.parse(fs.readFileSync(path.join(__dirname, "runs.json")));
const after = (flag) => args.find((arg) => arg.startsWith(flag + "="))?.slice(flag.length + 1);
const refuse = (why) => { console.error("error\\n" + why); process.exit(1); };
if (process.env.GH_BREAKS === command + " " + args[0].replace(/[/].*/, "")) refuse("HTTP 502");
if (command === "run" && args[0] === "list") {
  if (after("--workflow") !== "pr.yml" || after("--branch") !== "main" || after("--repo") !== "acme/chat") refuse("what?");
  console.log(JSON.stringify(all.map(({ id, event = "push" }) => ({ databaseId: id, event }))));
} else if (command === "api") {
  const [, id, name] = /^repos.acme.chat.actions.runs.(\\d+).artifacts.name=(.*)$/.exec(args[0]);
  const { artifact, expired = false } = all.find((one) => String(one.id) === id);
  console.log(JSON.stringify({ artifacts: artifact ? [{ name: decodeURIComponent(name), expired }] : [] }));
} else {
  const { artifact, failures = 0 } = all.find((one) => String(one.id) === args[1]);
  const tries = path.join(__dirname, "tries-" + args[1]);
  fs.appendFileSync(tries, ".");
  if (fs.statSync(tries).size <= failures) refuse("connection reset");
  for (const [name, content] of Object.entries(artifact)) fs.writeFileSync(path.join(after("--dir"), name), content);
}
`;

async function step(t: TestContext, runs: readonly GreenRun[], more: NodeJS.ProcessEnv = {}) {
  const directory = await temporaryDirectory(t);
  const [bin, temp, output] = ["bin", "temp", "output"].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  for (const each of [bin, temp]) await mkdir(each);
  await writeFile(join(bin, "gh"), GH);
  await chmod(join(bin, "gh"), 0o755);
  await writeFile(join(bin, "runs.json"), JSON.stringify(runs));
  await writeFile(output, "");
  const lines: string[] = [];
  const env = {
    ...process.env,
    PATH: `${bin}${delimiter}${process.env.PATH}`,
    RUNNER_TEMP: temp,
    GITHUB_OUTPUT: output,
    GITHUB_REPOSITORY: "acme/chat",
    GITHUB_WORKFLOW_REF: "acme/chat/.github/workflows/pr.yml@refs/heads/topic",
    INPUT_BASELINE: "artifact",
    INPUT_BASELINE_RUNS: "3",
    INPUT_BASELINE_BRANCH: "main",
    INPUT_SCENARIO: "chat-soak",
    INPUT_ARTIFACT: "k6-realtime-smoke test",
    ...more,
  };
  const error = await baselineStep(env, (line) => lines.push(line)).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  const path = /^path<<(.*)\n(.*)\n\1\n$/.exec(await readFile(output, "utf8"))?.[2];
  const files = path ? (await readdir(path)).sort() : undefined;
  return { said: lines.join("\n"), files, error };
}

const artifact = (verdict = "pass", name = "chat-soak.realtime.jsonl") => ({
  [name]: "{}",
  "chat-soak.summary.json": JSON.stringify({ verdict }),
});

test("the newest runs are fetched, as many as are asked for, whatever became of others", async (t) => {
  const { said, files, error } = await step(t, [
    { id: 9, event: "pull_request", artifact: artifact() },
    { id: 8, artifact: artifact() },
    { id: 7 },
    { id: 6, artifact: artifact(), expired: true },
    { id: 5, artifact: artifact(), failures: 2 },
    { id: 4, artifact: artifact("fail") },
    { id: 3, artifact: { "chat-soak.summary.json": '{"verdict":"pass"}' } },
    { id: 2, artifact: { ...artifact(), "chat-soak.2.realtime.jsonl": "{}" } },
    { id: 1, artifact: artifact() },
  ]);
  assert.equal(error, undefined);
  assert.deepEqual(files, [
    "2-chat-soak.2.realtime.jsonl",
    "2-chat-soak.realtime.jsonl",
    "5-chat-soak.realtime.jsonl",
    "8-chat-soak.realtime.jsonl",
  ]);
  assert.match(said, /^::warning title=k6-realtime::No baseline: run 4: its verdict is fail$/m);
  assert.match(said, /^::warning title=k6-realtime::No baseline: run 3: it recorded nothing$/m);
  assert.match(said, /^::notice title=k6-realtime::Fetched 3 earlier runs to compare with$/m);
});

test("a first run has nothing to be compared with, which is said and no error", async (t) => {
  for (const runs of [[], [{ id: 1 }], [{ id: 1, event: "pull_request", artifact: artifact() }]]) {
    const { said, files, error } = await step(t, runs);
    assert.equal(error, undefined);
    assert.equal(files, undefined);
    assert.match(said, /^::notice .*no green run of pr\.yml with the artifact .*: nothing to compare with$/);
  }
});

test("what could not be fetched is no first run", async (t) => {
  const runs = [{ id: 1, artifact: artifact(), failures: 9 }];
  const broken: [sentence: string, runs: GreenRun[], env: NodeJS.ProcessEnv, message: RegExp][] = [
    ["the only download fails", runs, {}, /^fetching the baseline: run 1: connection reset$/],
    ["no run can be listed", runs, { GH_BREAKS: "run list" }, /listing the runs of pr\.yml: HTTP 502$/],
    ["no artifact can be listed", runs, { GH_BREAKS: "api repos" }, /the artifacts of run 1: HTTP 502$/],
    [
      "it is asked for none",
      runs,
      { INPUT_BASELINE_RUNS: "0" },
      /^input baseline-runs: expected a whole number/,
    ],
  ];
  for (const [sentence, given, env, message] of broken) {
    const { error, files, said } = await step(t, given, env);
    assert.ok(error instanceof UserError, sentence);
    assert.match(error.message, message);
    assert.deepEqual([files, said], [undefined, ""], sentence);
  }
  const { said, files } = await step(t, [...runs, { id: 2, artifact: artifact() }]);
  assert.deepEqual(files, ["2-chat-soak.realtime.jsonl"]);
  assert.match(said, /No baseline: run 1: its artifact could not be downloaded$/m);
});
