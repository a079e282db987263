/** The action's step that fetches the baseline of a run: earlier green runs, from artifacts or from InfluxDB. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { EXIT, UserError, wholeNumber } from "../command.ts";
import { fetchRuns } from "../influxdb/fetch.ts";
import { parsePlace } from "../influxdb/place.ts";
import { openStore } from "../influxdb/read.ts";
import { recordingsIn } from "../results.ts";
import { line } from "./inputs.ts";
import { noticeLine, setOutputs, warningLine } from "./runner.ts";

/** What was found. */
interface Found {
  /** How many runs. */
  readonly runs: number;
  /** The place without any runs, in words. */
  readonly nothing: string;
  /** What was there and could not be used, in words. */
  readonly leftOut: readonly string[];
}

/**
 * Fetches the newest green runs into a directory, and sets the output `path` to it. Without a green run it says that
 * there is none yet, which is not an error: the first run has nothing to be compared with.
 *
 * @param env With the inputs `baseline`, `baseline-runs`, `baseline-branch`, `scenario`, `influxdb-url` and `artifact`.
 * @throws {@link UserError} if there are runs but none can be fetched: this is not a first run
 */
export async function baselineStep(env: NodeJS.ProcessEnv, print: (line: string) => void): Promise<void> {
  const last = wholeNumber("input baseline-runs", line(env, "baseline-runs"));
  const into = await mkdtemp(join(env.RUNNER_TEMP || tmpdir(), "k6-realtime-baseline-"));
  const fetch = line(env, "baseline") === "influxdb" ? fromInfluxDB : fromArtifacts;
  const { runs, nothing, leftOut } = await fetch(env, last, into);
  for (const why of leftOut) print(warningLine(`No baseline: ${why}`));
  if (runs === 0) {
    print(noticeLine(`${nothing}: nothing to compare with`));
    return;
  }
  print(noticeLine(`Fetched ${runs} earlier ${runs === 1 ? "run" : "runs"} to compare with`));
  await setOutputs(env, { path: into });
}

async function fromInfluxDB(env: NodeJS.ProcessEnv, last: number, into: string): Promise<Found> {
  const store = openStore(parsePlace(line(env, "influxdb-url"), env));
  const scenario = basename(line(env, "scenario")).replace(/\.[^.]*$/, "");
  const wanted = { scenario, branch: line(env, "baseline-branch"), last };
  const { fetched, skipped } = await fetchRuns(store, wanted, into);
  return {
    runs: fetched.length,
    nothing: "InfluxDB has no green run of the baseline branch",
    leftOut: skipped,
  };
}

/** As many of the newest runs are looked at. */
const MOST_LOOKED_AT = 50;

/** Runs of a pull request are left out: a fork's may come from a branch with the baseline branch's name. */
const OWN_EVENTS = ["push", "schedule", "workflow_dispatch"];

async function fromArtifacts(env: NodeJS.ProcessEnv, last: number, into: string): Promise<Found> {
  const artifact = line(env, "artifact");
  const workflow = workflowOf(env);
  const leftOut: string[] = [];
  const failures: string[] = [];
  let runs = 0;
  for (const id of await greenRuns(env, workflow)) {
    if (runs === last) break;
    if (!(await hasArtifact(env, id, artifact))) continue;
    const refused = await download(env, id, artifact, into).catch((error) => {
      failures.push(`run ${id}: ${whatFailed(error)}`);
      return "its artifact could not be downloaded";
    });
    if (refused === undefined) runs += 1;
    else leftOut.push(`run ${id}: ${refused}`);
  }
  if (runs === 0 && failures.length > 0) {
    throw new UserError(`fetching the baseline: ${failures.join("; ")}`, EXIT.error);
  }
  const nothing = `The baseline branch has no green run of ${workflow} with the artifact ${artifact}`;
  return { runs, nothing, leftOut };
}

/** `GITHUB_WORKFLOW_REF` is owner/repository/.github/workflows/file.yml@ref. */
const workflowOf = (env: NodeJS.ProcessEnv): string =>
  basename((env.GITHUB_WORKFLOW_REF ?? "").replace(/@.*$/, ""));

async function greenRuns(env: NodeJS.ProcessEnv, workflow: string): Promise<number[]> {
  const branch = line(env, "baseline-branch");
  const which = [
    `--workflow=${workflow}`,
    `--branch=${branch}`,
    "--status=success",
    `--limit=${MOST_LOOKED_AT}`,
  ];
  const listed = await gh(env, ["run", "list", ...which, "--json=databaseId,event"]).catch((error) => {
    throw new UserError(
      `fetching the baseline: listing the runs of ${workflow}: ${whatFailed(error)}`,
      EXIT.error,
    );
  });
  const runs = JSON.parse(listed) as { databaseId: number; event: string }[];
  return runs.filter(({ event }) => OWN_EVENTS.includes(event)).map(({ databaseId }) => databaseId);
}

async function hasArtifact(env: NodeJS.ProcessEnv, run: number, name: string): Promise<boolean> {
  const path = `repos/${env.GITHUB_REPOSITORY}/actions/runs/${run}/artifacts?name=${encodeURIComponent(name)}`;
  const answer = await gh(env, ["api", path]).catch((error) => {
    throw new UserError(
      `fetching the baseline: the artifacts of run ${run}: ${whatFailed(error)}`,
      EXIT.error,
    );
  });
  const { artifacts } = JSON.parse(answer) as { artifacts: { name: string; expired: boolean }[] };
  return artifacts.some((one) => one.name === name && !one.expired);
}

/** Tries at a download, for a network fails now and then. */
const TRIES = 3;

/** @returns why the run is not a baseline; undefined if it is one */
async function download(
  env: NodeJS.ProcessEnv,
  run: number,
  artifact: string,
  into: string,
): Promise<string | undefined> {
  const own = join(into, `.run-${run}`);
  try {
    for (let tried = 1; ; tried++) {
      await mkdir(own);
      try {
        await gh(env, ["run", "download", String(run), `--name=${artifact}`, `--dir=${own}`]);
        break;
      } catch (error) {
        if (tried === TRIES) throw error;
        await rm(own, { recursive: true, force: true });
      }
    }
    const verdict = await verdictIn(own);
    if (verdict !== undefined && verdict !== "pass") return `its verdict is ${verdict}`;
    const recordings = await recordingsIn(own);
    for (const path of recordings) await rename(path, join(into, `${run}-${basename(path)}`));
    return recordings.length > 0 ? undefined : "it recorded nothing";
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

/** A workflow may be green though a step in it failed (`continue-on-error`). */
async function verdictIn(directory: string): Promise<string | undefined> {
  const name = (await readdir(directory)).find((one) => one.endsWith(".summary.json"));
  if (name === undefined) return undefined;
  try {
    return String(JSON.parse(await readFile(join(directory, name), "utf8")).verdict);
  } catch {
    return "unreadable";
  }
}

/** GitHub's command line, which is on its runners. */
async function gh(env: NodeJS.ProcessEnv, args: readonly string[]): Promise<string> {
  const own = args[0] === "api" ? args : [...args, `--repo=${env.GITHUB_REPOSITORY}`];
  const { stdout } = await promisify(execFile)("gh", own, { env, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

/** The last line of what a command said. */
function whatFailed(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  return (stderr || message).trim().split("\n").at(-1)!;
}
