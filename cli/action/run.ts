/** The action's main step: runs the scenario as anyone would by hand, and tells the runner what came of it. */
import { spawn } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { markdown } from "../../lib/summary/markdown.ts";
import { EXIT, UserError } from "../command.ts";
import { readRecording } from "../recording/read.ts";
import { cellSecondsFor, mergeRun, type Run } from "../recording/run.ts";
import { recordingsIn } from "../results.ts";
import type { K6Result } from "../run-k6.ts";
import { latencyChart } from "./chart.ts";
import { readInputs, runArguments } from "./inputs.ts";
import { addToJobSummary, errorLine, setOutputs, withoutCommands } from "./runner.ts";

/** A step's surroundings. */
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
 * @returns the exit code of `k6-realtime run`
 */
export async function runStep(step: Step): Promise<number> {
  const { env, print } = step;
  const results = await mkdtemp(join(env.RUNNER_TEMP || tmpdir(), "k6-realtime-"));
  const ran = await attempt(step, results);
  const { exitCode, verdict, reason, text } =
    "said" in ran
      ? { exitCode: ran.exitCode, verdict: "error", reason: ran.said, text: refusal(ran.said) }
      : {
          exitCode: ran.exitCode,
          ...ran.summary,
          text: await report(ran, results),
        };
  const summaryPath = join(results, "summary.md");
  await writeFile(summaryPath, text);
  await addToJobSummary(env, text);
  await setOutputs(env, { verdict, reason, "results-path": results, "summary-path": summaryPath });
  print(exitCode === EXIT.pass ? `${verdict}: ${reason}` : errorLine(`${verdict}: ${reason}`));
  return exitCode;
}

/** What the command line said and why it did not run anything. */
interface Refusal {
  readonly exitCode: number;
  readonly said: string;
}

async function attempt(step: Step, results: string): Promise<K6Result | Refusal> {
  let args: string[];
  try {
    args = runArguments(readInputs(step.env), results);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { exitCode: error.exitCode, said: error.message };
  }
  const { exitCode, stdout, lastWords } = await withoutCommands(step.print, () => command(step, args));
  return stdout === "" ? { exitCode: exitCode || EXIT.error, said: lastWords } : JSON.parse(stdout);
}

/** As much of what a command says last as tells why it ended. */
const LAST_WORDS = 2_000;

/** Runs the command line; what it logs is seen as it comes. */
async function command({ cli, env, cwd, signal }: Step, args: readonly string[]) {
  const child = spawn(process.execPath, [cli, ...args], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
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

async function report({ summary }: K6Result, results: string): Promise<string> {
  const run = await recorded(results);
  const chart = run && latencyChart(run);
  return chart ? `${markdown(summary)}\n${chart}\n` : markdown(summary);
}

/** The run that was recorded; undefined where k6 has no extension, or did not come so far. */
async function recorded(results: string): Promise<Run | undefined> {
  const paths = await recordingsIn(results);
  try {
    const recordings = await Promise.all(paths.map((path) => readRecording(path)));
    if (recordings.length === 0) return undefined;
    return mergeRun(recordings, cellSecondsFor(recordings, Number.POSITIVE_INFINITY));
  } catch (error) {
    if (error instanceof UserError) return undefined; // the verdict has said it already
    throw error;
  }
}

/** Text from outside in a block that it cannot leave. */
function refusal(said: string): string {
  const plain = stripVTControlCharacters(said);
  const longest = Math.max(2, ...[...plain.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return `## k6-realtime did not run\n\n${fence}text\n${plain}\n${fence}\n`;
}
