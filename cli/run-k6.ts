import { execFile } from "node:child_process";
import { hostname } from "node:os";
import { parse } from "node:path";
import { promisify } from "node:util";
import { countOf } from "../lib/summary/counts.ts";
import type { Summary } from "../lib/summary/summary.ts";
import { HOST_VARIABLE, TESTED_VARIABLE, type Tested } from "../lib/summary/tested.ts";
import { parseTested } from "../lib/summary/tested-schema.ts";
import { type Ms, ms, parseDuration } from "../lib/units.ts";
import { EXIT, UserError } from "./command.ts";
import type { K6 } from "./find-k6.ts";
import { storedIn } from "./influxdb/result.ts";
import { logLines, type Screen } from "./live/displays.ts";
import { readable } from "./live/k6-log.ts";
import { serveLive } from "./live/serve.ts";
import type { Plan } from "./live/text.ts";
import { watchRun } from "./live/watch.ts";
import { decide, decideTogether, exitCodeFor } from "./outcome.ts";
import { withExample } from "./protocol-example.ts";
import {
  readSummary,
  recordingPath,
  recordingsIn,
  reportPath,
  withOwnDirectory,
  writeSummary,
} from "./results.ts";
import { segmentArgs, superviseAll } from "./run/instances.ts";
import { summarizeRecordings } from "./run/recorded.ts";
import { packageProblem, settingsProblem } from "./run/refusal.ts";
import { viewsOfRun, writeReport } from "./run/report.ts";
import type { Output } from "./supervise.ts";
import { trustProblems } from "./try/trust.ts";

/** One run of one scenario. */
export interface K6Run {
  readonly k6: K6;
  /** Path of the bundled scenario, or of another script. */
  readonly script: string;
  /** Settings of the scenario; `RESULTS_DIR` and `K6_VERSION` are added here. */
  readonly settings: Readonly<Record<string, string>>;
  /** The directory for the files of the run; made if it is missing. */
  readonly resultsDir: string;
  /** More arguments for `k6 run`. Default none. */
  readonly args?: readonly string[];
  /** Outputs beside our own, as `K6_OUT` has them. Default none. */
  readonly outputs?: readonly string[];
  /** k6 processes that share the load. Default 1; more need a k6 with the extension, which records. */
  readonly instances?: number;
  /** k6's environment, which the scenario reads too; settings come before it. */
  readonly env: NodeJS.ProcessEnv;
  /** Ends the run when aborted; its reason names the signal. */
  readonly signal: AbortSignal;
  /** The target of k6's output. Default `inherit`. */
  readonly output?: Output;
  /** Told in a line every ten seconds how the run stands, and what happens to instances. Default nobody. */
  readonly say?: (line: string) => void;
  /** Whether to serve the report's page while the run goes on, on a free port of 127.0.0.1. Default false. */
  readonly live?: boolean;
  /** Shows the run in a terminal instead, which k6's output then goes to as well. */
  readonly screen?: ((plan: Plan) => Screen) | undefined;
}

/** What a run came to. */
export interface K6Result {
  /** 0 pass; 99, or k6's own, fail; 3 generator-bound or incomplete. */
  readonly exitCode: number;
  readonly summary: Summary;
  /** The files that the run left in the results directory. */
  readonly files: readonly string[];
  /** Whether k6 printed the summary, as one that ends by itself does. */
  readonly shown: boolean;
}

/**
 * Runs a scenario to its end, which always comes (see {@link supervise}), records it where k6 has the extension,
 * and leaves a summary even where k6 could write none.
 *
 * @throws {@link UserError} with k6's own message when k6 refuses the script or its settings.
 */
export async function runK6(run: K6Run): Promise<K6Result> {
  const { instances = 1 } = run;
  const stored = run.k6.extension ? storedIn(run.args ?? [], run.outputs ?? [], run.env) : undefined;
  // In the environment, not with -e: everyone on the machine may read command lines, and some hold tokens.
  const env = {
    ...run.env,
    ...run.settings,
    ...stored?.env,
    K6_VERSION: run.k6.version,
    [HOST_VARIABLE]: hostname(),
    ...(parse(run.script).name === "handshake" && { GODEBUG: withoutHttp2(run.env.GODEBUG) }),
  };
  const plan = await planOf(run, { ...env, RESULTS_DIR: "" });
  const { scenario } = plan;
  const screen = run.screen?.(plan);
  const say = screen ? (line: string) => screen.print(line) : (run.say ?? (() => {}));
  if (instances > plan.shards) {
    throw new UserError(
      `${scenario}: ${plan.shards} virtual users share this load, so at most as many instances can, got ${instances}`,
    );
  }
  if (instances > 1 && (run.settings.CONTRACT_EXAMPLES ?? run.env.CONTRACT_EXAMPLES) === "true")
    throw new UserError(
      `CONTRACT_EXAMPLES: expected one instance, since the summary writes them and ${instances} instances have none`,
    );
  const { result, files } = await withOwnDirectory(run.resultsDir, scenario, async (directory) => {
    const page = run.live ? await serveLive(plan) : undefined; // not for a run that is refused: it keeps us alive
    if (page) say(`Live: ${page.url}`);
    const startedAt = new Date();
    const paths = Array.from({ length: instances }, (_, index) =>
      recordingPath(directory, scenario, index, instances),
    );
    const lives = paths.map((path, index) => ({
      command: run.k6.command,
      args: argsFor(run, stored?.args ?? [], index, `realtime=${path}`),
      env: { ...env, ...outputVariable(run, `realtime=${path}`), RESULTS_DIR: directory },
      output: screen ? (line: string) => screen.print(readable(line)) : (run.output ?? "inherit"),
      longest: ms(plan.setup + plan.longest),
    }));
    const watching = watchRun(
      {
        recordings: run.k6.extension ? paths : [],
        ...(page && { cellSeconds: Math.ceil(plan.longest / 1_000 / MOST_CELLS_LIVE) }),
        onUnreadable: ({ message }) => say(`No more figures while it runs: ${message}`),
      },
      [screen ?? logLines(plan, say), ...(page ? [page] : [])],
    );
    const endings = await superviseAll(lives, run.signal, say).finally(() => watching.stop());
    screen?.clear();

    const written = instances === 1 ? await readSummary(directory, scenario) : undefined;
    const recordings = await recordingsIn(directory);
    const found = written ?? (await summarizeRecordings(recordings));
    const decision = instances === 1 ? decide(endings[0]!, found) : decideTogether(endings, found);
    const nothing: Omit<Summary, keyof typeof decision> = {
      scenario,
      ...(plan.tested && { tested: plan.tested }),
      startedAt: startedAt.toISOString(),
      durationMs: Date.now() - startedAt.getTime(),
      plannedMs: plan.planned,
      k6: { version: run.k6.version, extension: null },
      metrics: {},
      thresholds: [],
    };
    const untrusted = await notesOnTrust(found, env);
    for (const note of untrusted) say(note);
    const notes = untrusted.length > 0 && { notes: [...(found?.notes ?? []), ...untrusted] };
    const summary: Summary = { ...(found ?? nothing), ...decision, ...notes };
    if (written?.verdict !== summary.verdict || written.reason !== summary.reason || notes) {
      await writeSummary(directory, summary);
    }
    const problems = await stored?.store(summary, plan.profile, startedAt, new Date());
    for (const problem of problems ?? []) say(problem);
    const views = await viewsOfRun(summary, recordings);
    await page?.finish(views);
    await writeReport(reportPath(directory, scenario), views).catch((error) =>
      say(`There is no report: ${error.message}`),
    );
    return {
      summary,
      exitCode: exitCodeFor(decision.verdict, endings[0]?.exitCode),
      shown: written !== undefined,
    };
  });
  return { ...result, files };
}

/** The faults of trusted authorities that k6 passed over in silence, where TLS failed and the summary does not have them. */
async function notesOnTrust(found: Summary | undefined, env: NodeJS.ProcessEnv): Promise<string[]> {
  if (!found || countOf(found.metrics.ws_connect_failures?.by?.reason?.tls) === 0) return [];
  const said = [found.reason, ...(found.notes ?? [])].join("\n");
  return (await trustProblems(env)).filter((problem) => !said.includes(problem));
}

/** With outputs beside our own: as a variable, which the process list does not show, for one may hold a password. */
function outputVariable({ k6, outputs = [] }: K6Run, recording: string): { K6_OUT?: string } {
  if (!k6.extension || outputs.length === 0) return {};
  const wrong = [recording, ...outputs].find((one) => one.includes(","));
  if (wrong === undefined) return { K6_OUT: [recording, ...outputs].join(",") };
  const where = wrong === recording ? "--results" : "k6's configuration file, out";
  throw new UserError(
    `${where}: expected no comma beside other outputs, where k6 takes it for the next one's start`,
  );
}

/** No request at the boundary of an upgrade can be made over HTTP/2, which Go's client takes where it may. */
const withoutHttp2 = (given = ""): string =>
  /\bhttp2client=/.test(given) ? given : [given, "http2client=0"].filter(Boolean).join(",");

function argsFor(
  { k6, script, args = [], instances = 1, outputs = [] }: K6Run,
  more: readonly string[],
  index: number,
  recording: string,
): string[] {
  return [
    ...["run", "--no-usage-report", "--include-system-env-vars=true"],
    ...(k6.extension && outputs.length === 0 ? [`--out=${recording}`] : []),
    ...segmentArgs(index, instances),
    ...args,
    ...more,
    script,
  ];
}

/** The largest number of stretches of time on a live page. It bounds the page's memory. */
const MOST_CELLS_LIVE = 300;

/** What the files of a run are named by: the script's file, unless the toolkit made its scenario, which has a name. */
function scenarioOf(script: string, scenarios: Readonly<Record<string, PlannedScenario>>): string {
  const [[name, only] = [], ...more] = Object.entries(scenarios);
  const isOurs = more.length === 0 && only?.tags?.profile !== undefined; // as lib/k6/options.ts makes it
  return isOurs && name !== undefined ? name : parse(script).name;
}

interface PlannedScenario {
  readonly env?: { readonly PLANNED_MS?: string; readonly [TESTED_VARIABLE]?: string } | null;
  readonly tags?: { readonly profile?: string } | null;
}

/** What a scenario's `setup` may take where it says nothing: k6's own default. */
const DEFAULT_SETUP_TIMEOUT = ms(60_000);

interface RunPlan extends Plan {
  /** The longest that the setup may take. */
  readonly setup: Ms;
  /** Virtual users that share it. */
  readonly shards: number;
  /** The name of its limits; empty for a script of the user's own. */
  readonly profile: string;
  /** The target of the test, if the script states it. */
  readonly tested: Tested | undefined;
}

/** The run's own plan. */
async function planOf({ k6, script }: K6Run, env: NodeJS.ProcessEnv): Promise<RunPlan> {
  // To where we read it, and as we do, whatever K6_LOG_OUTPUT and K6_LOG_FORMAT say.
  const log = ["--log-output=stderr", "--log-format=text"];
  const args = ["inspect", ...log, "--execution-requirements", "--include-system-env-vars=true", script];
  const { stdout } = await promisify(execFile)(k6.command, args, { env }).catch((error) => {
    const said = String(error.stderr || error.message).trim();
    const problem = settingsProblem(said) ?? packageProblem(script, said);
    throw problem
      ? new UserError(withExample(problem))
      : new UserError(`k6 refuses ${script}:\n${said}`, EXIT.error);
  });
  const { totalDuration, setupTimeout, maxVUs, scenarios = {} } = JSON.parse(stdout);
  const longest = parseDuration(String(totalDuration));
  if (longest === undefined)
    throw new Error(`k6 inspect: expected totalDuration to be a duration, got ${totalDuration}`);
  const setup = parseDuration(String(setupTimeout)) ?? DEFAULT_SETUP_TIMEOUT;
  const scenario = scenarioOf(script, scenarios ?? {});
  const { env: own, tags } = (scenarios?.[scenario] ?? {}) as PlannedScenario;
  const planned = Number(own?.PLANNED_MS ?? 0);
  const profile = tags?.profile ?? "";
  const tested = parseTested(own?.[TESTED_VARIABLE]);
  return { scenario, setup, longest, planned: ms(planned), shards: maxVUs ?? 1, profile, tested };
}
