/** Runs action.yml as GitHub would: its own steps, by act, on this machine and without network. */
import { execFile, spawn } from "node:child_process";
import { copyFile, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { temporaryDirectory } from "../temporary-directory.ts";
import { goTool } from "./go-tool.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface ActionRun {
  /** `success` or `failure`. */
  readonly outcome: string;
  /** Of the failed step, as act tells it; 0 where none failed. */
  readonly exitCode: number;
  readonly outputs: Readonly<Record<string, string>>;
  readonly jobSummary: string;
  /** Names of the files in each artifact. */
  readonly artifacts: Readonly<Record<string, readonly string[]>>;
  /** Everything that was printed. */
  readonly log: string;
  /** Where the artifacts are. */
  readonly uploaded: string;
  /** Files called PWNED, anywhere that the job could write. */
  readonly strayFiles: readonly string[];
}

/** What the job that uses the action does. Inputs come from the event, as an attacker's would. */
const WORKFLOW = (names: readonly string[]) => `
on: workflow_dispatch
jobs:
  job:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v6
      - id: action
        continue-on-error: true
        uses: tests/k6-realtime@v1
        with:
${names.map((name) => `          ${name}: \${{ github.event.inputs.${name} }}`).join("\n")}
      - shell: bash
        env:
          RESULT: \${{ toJSON(steps.action) }}
        run: |
          printf '%s' "$RESULT" >"$COLLECTED/result.json"
          node -p 'JSON.stringify(fs.readdirSync(".", { recursive: true }).filter((f) => /PWNED/.test(f)))' >"$COLLECTED/stray.json"
`;

/** Uses the action with these inputs in a workspace with these files; `jobEnv` is the environment of the job. */
export async function useAction(
  t: TestContext,
  inputs: Readonly<Record<string, string>>,
  files: Readonly<Record<string, string>> = {},
  jobEnv: Readonly<Record<string, string>> = {},
): Promise<ActionRun> {
  const act = await goTool("act");
  const directory = await temporaryDirectory(t);
  const at = (name: string) => join(directory, name);
  const [workspace, collected, uploaded] = [at("workspace"), at("collected"), at("uploaded")];
  for (const each of [workspace, collected, uploaded, at("temp")]) await mkdir(each);
  await mkdir(join(workspace, ".github/workflows"), { recursive: true });
  const contents = { ".github/workflows/use.yml": WORKFLOW(Object.keys(inputs)), ...files };
  for (const [name, content] of Object.entries(contents)) await writeFile(join(workspace, name), content);
  await writeFile(at("event.json"), JSON.stringify({ inputs }));
  await git(workspace);
  const repositories = { "tests/k6-realtime@v1": await checkout(at("action")), ...(await standIns()) };
  const environment = { ...jobEnv, COLLECTED: collected, UPLOADED: uploaded };

  const child = spawn(
    act,
    [
      "workflow_dispatch",
      "--platform=ubuntu-24.04=-self-hosted",
      "--no-cache-server",
      "--action-offline-mode",
      "--json",
      `--eventpath=${at("event.json")}`,
      ...Object.entries(environment).map(([name, value]) => `--env=${name}=${value}`),
      ...Object.entries(repositories).map(([uses, path]) => `--local-repository=${uses}=${path}`),
    ],
    {
      cwd: workspace,
      // act's own cache is of this test alone; Go's is not.
      env: { ...process.env, XDG_CACHE_HOME: at("cache"), GOCACHE: await goCache() },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  t.after(() => child.kill("SIGKILL"));
  const [log, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const lines = log.split("\n").filter((line) => line.startsWith("{"));
  const entries = lines.map(
    (line) => JSON.parse(line) as { command?: string; content?: string; msg: string },
  );
  const result = await readFile(join(collected, "result.json"), "utf8").catch(() => {
    throw new Error(`act did not come to the end:\n${log}${errors}`);
  });
  const { outcome, outputs } = JSON.parse(result);
  return {
    outcome,
    outputs,
    exitCode: Number(entries.map(({ msg }) => /exit status (\d+)/.exec(msg)?.[1]).find(Boolean) ?? 0),
    jobSummary: entries
      .filter(({ command }) => command === "summary")
      .map(({ content }) => content)
      .join(""),
    artifacts: Object.fromEntries(
      await Promise.all(
        (await readdir(uploaded)).map(async (name) => [name, await readdir(join(uploaded, name))]),
      ),
    ),
    log: log + errors,
    uploaded,
    strayFiles: JSON.parse(await readFile(join(collected, "stray.json"), "utf8")),
  };
}

const goCache = async () => (await promisify(execFile)("go", ["env", "GOCACHE"])).stdout.trim();

/** The action as checked out: the file itself, and for the rest links to what is built here. */
async function checkout(directory: string): Promise<string> {
  await mkdir(directory);
  for (const name of await readdir(root)) {
    if (name === "action.yml") await copyFile(join(root, name), join(directory, name));
    else if (name !== ".git") await symlink(join(root, name), join(directory, name));
  }
  return directory;
}

/** The third-party actions that action.yml names, by what stands in for them. */
async function standIns(): Promise<Record<string, string>> {
  const steps = await readFile(join(root, "action.yml"), "utf8");
  return Object.fromEntries(
    [...steps.matchAll(/uses: (actions\/([\w-]+)@[0-9a-f]{40}) /g)].map(([, uses, name]) => [
      uses!,
      join(root, "test/action/stand-ins", name!),
    ]),
  );
}

async function git(workspace: string): Promise<void> {
  const run = (...args: string[]) =>
    promisify(execFile)("git", ["-c", "user.name=test", "-c", "user.email=test@example.com", ...args], {
      cwd: workspace,
    });
  await run("init", "--quiet", "--initial-branch=main");
  await run("add", "--all");
  await run("commit", "--quiet", "--message=use");
}
