import { execFile } from "node:child_process";
import { basename } from "node:path";
import { promisify } from "node:util";
import type { Summary } from "../lib/summary/summary.ts";
import { type Ms, ms, parseDuration } from "../lib/units.ts";
import { EXIT, UserError } from "./command.ts";
import type { K6 } from "./find-k6.ts";
import { decide, exitCodeFor } from "./outcome.ts";
import { readSummary, withOwnDirectory, writeSummary } from "./results.ts";
import { supervise } from "./supervise.ts";

/** One run of one scenario. */
export interface K6Run {
  readonly k6: K6;
  /** Path of the bundled scenario; its name without `.js` names the summary files. */
  readonly script: string;
  /** Settings passed with `-e`; `RESULTS_DIR` and `K6_VERSION` are added here. They show in the process list: no secrets. */
  readonly settings: Readonly<Record<string, string>>;
  /** Where the files of the run end up; made when it is missing. */
  readonly resultsDir: string;
  /** More arguments for `k6 run`. Default none. */
  readonly args?: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Ends the run when aborted; its reason names the signal. */
  readonly signal: AbortSignal;
  /** Where k6's output goes. Default `inherit`. */
  readonly stdio?: "inherit" | "ignore";
}

/** What a run came to. */
export interface K6Result {
  /** 0 pass; 99, or k6's own, fail; 3 generator-bound or incomplete. */
  readonly exitCode: number;
  readonly summary: Summary;
  /** The files that the run left in the results directory. */
  readonly files: readonly string[];
}

/**
 * Runs a scenario to its end, which always comes (see {@link supervise}), and leaves a summary even where k6 could
 * write none.
 *
 * @throws {@link UserError} with k6's own message when k6 refuses the script or its settings.
 */
export async function runK6(run: K6Run): Promise<K6Result> {
  const scenario = basename(run.script, ".js");
  const { result, files } = await withOwnDirectory(run.resultsDir, scenario, async (directory) => {
    const settings = Object.entries({ ...run.settings, K6_VERSION: run.k6.version, RESULTS_DIR: directory });
    // The settings given are the only ones: a CONNECTIONS left in the user's shell changes nothing.
    const given = ["--include-system-env-vars=false", ...settings.flatMap((pair) => ["-e", pair.join("=")])];
    const planned = await planOf(run, given);
    const startedAt = new Date();
    const ending = await supervise({
      command: run.k6.command,
      args: ["run", "--no-usage-report", ...(run.args ?? []), ...given, run.script],
      env: run.env,
      stdio: run.stdio ?? "inherit",
      planned: ms(planned.setup + planned.load),
      signal: run.signal,
    });
    const written = await readSummary(directory, scenario);
    const decision = decide(ending, written);
    const summary: Summary = {
      ...(written ?? {
        scenario,
        startedAt: startedAt.toISOString(),
        durationMs: Date.now() - startedAt.getTime(),
        plannedMs: planned.load,
        k6: { version: run.k6.version, extension: null },
        metrics: {},
        thresholds: [],
      }),
      ...decision,
    };
    if (written?.verdict !== summary.verdict || written.reason !== summary.reason) {
      await writeSummary(directory, summary);
    }
    return { summary, exitCode: exitCodeFor(decision.verdict, ending) };
  });
  return { ...result, files };
}

/** What a scenario's `setup` may take where it says nothing: k6's own default. */
const DEFAULT_SETUP_TIMEOUT = ms(60_000);

/** The longest that the run can take by its own plan: its set-up, and its load with graceful stops. */
async function planOf(
  { k6, script, env }: K6Run,
  given: readonly string[],
): Promise<{ setup: Ms; load: Ms }> {
  const args = ["inspect", "--execution-requirements", ...given, script];
  const { stdout } = await promisify(execFile)(k6.command, args, { env }).catch((error) => {
    throw new UserError(`k6 refuses ${script}:\n${String(error.stderr || error.message).trim()}`, EXIT.error);
  });
  const { totalDuration, setupTimeout } = JSON.parse(stdout);
  const load = parseDuration(String(totalDuration));
  if (load === undefined)
    throw new Error(`k6 inspect: expected totalDuration to be a duration, got ${totalDuration}`);
  return { setup: parseDuration(String(setupTimeout)) ?? DEFAULT_SETUP_TIMEOUT, load };
}
