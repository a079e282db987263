/** The action's main step: runs the scenario as anyone would by hand, and tells the runner what came of it. */
import { spawn } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { markdown } from "../../lib/summary/markdown.ts";
import type { Summary } from "../../lib/summary/summary.ts";
import { EXIT, UserError } from "../command.ts";
import { judgeRun, type Shown } from "../gate/judge.ts";
import { TOLERANCE } from "../gate/regression.ts";
import { strictnessOf } from "../gate.ts";
import { findRecordings, groupRecordings, openRuns } from "../recording/open.ts";
import { openViews } from "../report/open.ts";
import type { RunView } from "../report/view.ts";
import { pageOf, reportPage } from "../report/write.ts";
import { recordingsIn, reportIn, writeSummary } from "../results.ts";
import type { K6Result } from "../run-k6.ts";
import { latencyChart } from "./chart.ts";
import { isConformance, runConformance } from "./conform.ts";
import { line, readInputs, runCommand } from "./inputs.ts";
import { addToJobSummary, errorLine, plainLine, setOutputs, withoutCommands } from "./runner.ts";
import { latencySvg } from "./svg.ts";

/** A step's context. */
export interface Step {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** `dist/cli.js`. */
  readonly cli: string;
  readonly print: (line: string) => void;
  /** Ends the run when aborted; its reason is the signal's name. */
  readonly signal: AbortSignal;
}

/**
 * Runs, judges, writes the job summary and sets the outputs.
 *
 * @returns 0 pass, 99 fail, 3 neither; where nothing was run, what `k6-realtime run` ends with
 */
export async function runStep(step: Step): Promise<number> {
  const { env, print } = step;
  const results = await mkdtemp(join(env.RUNNER_TEMP || tmpdir(), "k6-realtime-"));
  if (isConformance(env)) return await runConformance(step, results);
  const { exitCode, verdict, reason, text, summary, compared } = await outcome(step, results);
  const summaryPath = join(results, "summary.md");
  await writeFile(summaryPath, text);
  await addToJobSummary(env, text);
  const page = await drawReport(results, summary, step.cwd);
  if (page && compared) await writeFile(comparisonBeside(page), await pageOf(compared));
  await setOutputs(env, {
    verdict,
    reason,
    "results-path": results,
    "summary-path": summaryPath,
    "report-path": page,
  });
  print(exitCode === EXIT.pass ? plainLine(`${verdict}: ${reason}`) : errorLine(`${verdict}: ${reason}`));
  return exitCode;
}

/** The step's result, and the text that reports it. */
interface Outcome {
  readonly exitCode: number;
  readonly verdict: string;
  readonly reason: string;
  /** Markdown. */
  readonly text: string;
  /** Of what was run. */
  readonly summary?: Summary;
  /** Beside its baselines, where there are any. */
  readonly compared?: Pick<Shown, "views" | "regression" | "basis">;
}

async function outcome(step: Step, results: string): Promise<Outcome> {
  const ran = await attempt(step, results);
  if ("said" in ran) return refused(ran);
  const { summary, exitCode } = ran;
  const recordings = await recordingsIn(results);
  // If a run did not come to its end, the command line that ended it knows more than the recording.
  if (recordings.length === 0 || summary.verdict === "incomplete") {
    return { ...summary, exitCode, text: markdown(summary), summary };
  }
  try {
    const baseline = baselineOf(step.env);
    const [tolerance, spread] = [line(step.env, "tolerance"), line(step.env, "spread")];
    const judged = await judgeRun({
      paths: [results],
      baselines: baseline === undefined ? [] : [baseline],
      stored: { env: step.env },
      isShown: baseline !== undefined,
      strictness: strictnessOf("input ", tolerance || DEFAULT_TOLERANCE, spread || undefined),
      cwd: step.cwd,
    });
    const { verdict, reason, exitCode } = judged;
    const notes = [...(summary.notes ?? []), ...(judged.basis ?? [])]; // of the first a recording tells a part
    const standing = { ...judged.summary, scenario: summary.scenario, notes };
    // One verdict in all that the run leaves: the command line judged it by its limits alone.
    await writeSummary(results, standing);
    return {
      exitCode,
      verdict,
      reason,
      text: await report(standing, recordings, step.cwd),
      summary: standing,
      ...(judged.regression && { compared: judged }),
    };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // Nor may what the run leaves say that it passed.
    const standing: Summary = { ...summary, verdict: "incomplete", reason: `not compared: ${error.message}` };
    await writeSummary(results, standing);
    return { ...refused({ exitCode: error.exitCode, said: error.message }), summary: standing };
  }
}

const DEFAULT_TOLERANCE = String(TOLERANCE * 100);

/** A directory of earlier recordings; undefined where there are none to compare with. */
function baselineOf(env: NodeJS.ProcessEnv): string | undefined {
  const given = line(env, "baseline");
  return ["", "none", "artifact", "influxdb"].includes(given) ? undefined : given;
}

async function report(summary: Summary, recordings: readonly string[], cwd: string) {
  const [run] = await openRuns(await groupRecordings(await findRecordings(recordings, cwd)));
  const blocks = [markdown(summary), run && latencyChart(run)];
  return `${blocks.filter(Boolean).join("\n")}\n`;
}

/**
 * Draws the page that the command line left anew, under the verdict that stands, and the latency as a picture beside
 * it.
 *
 * @returns where the page is; the empty text where there is none
 */
async function drawReport(results: string, summary: Summary | undefined, cwd: string): Promise<string> {
  const page = await reportIn(results);
  if (!page || (await recordingsIn(results)).length === 0) return page ?? "";
  try {
    const [view] = (await openViews([results], cwd)) as [RunView];
    if (summary) await writeFile(page, await reportPage([{ ...view, summary }]));
    const picture = latencySvg(view);
    if (picture) await writeFile(join(results, "latency.svg"), picture);
  } catch (error) {
    if (!(error instanceof UserError)) throw error; // a recording that cannot be read: the page is as it was left
  }
  return page;
}

/** `chat-soak.compared.html` beside `chat-soak.report.html`. */
const comparisonBeside = (page: string): string => page.replace(/\.report\.html$/, ".compared.html");

/** What the command line said and why it did not run anything. */
interface Refusal {
  readonly exitCode: number;
  readonly said: string;
}

async function attempt(step: Step, results: string): Promise<K6Result | Refusal> {
  let run: ReturnType<typeof runCommand>;
  try {
    run = runCommand(readInputs(step.env), results);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { exitCode: error.exitCode, said: error.message };
  }
  const { exitCode, stdout, lastWords } = await withoutCommands(step.print, () => command(step, run));
  return stdout === "" ? { exitCode: exitCode || EXIT.error, said: lastWords } : JSON.parse(stdout);
}

/** As much of what a command says last as tells why it ended. */
const LAST_WORDS = 2_000;

/** Runs the command line; what it logs is seen as it comes. */
export async function command({ cli, env, cwd, signal }: Step, run: ReturnType<typeof runCommand>) {
  const child = spawn(process.execPath, [cli, ...run.args], {
    cwd,
    env: { ...env, ...run.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stop = () => child.kill(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  let [stdout, lastWords] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    process.stderr.write(text);
    lastWords = (lastWords + text).slice(-LAST_WORDS);
  });
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  signal.removeEventListener("abort", stop);
  return { exitCode: exitCode ?? EXIT.undecided, stdout, lastWords: lastWords.trim() };
}

const refused = ({ exitCode, said }: Refusal): Outcome => ({
  exitCode,
  verdict: "error",
  reason: said.slice(said.lastIndexOf("\n") + 1), // notes come before what ends it
  text: refusal(said),
});

/** Text from outside in a block that it cannot leave. */
export function refusal(said: string): string {
  const plain = stripVTControlCharacters(said);
  const longest = Math.max(2, ...[...plain.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return `## k6-realtime gave no verdict\n\n${fence}text\n${plain}\n${fence}\n`;
}
