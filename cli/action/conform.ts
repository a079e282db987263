/** The action's main step where the scenario is `conform`: the conformance tests against the server. */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { counted } from "../../lib/counted.ts";
import { EXIT, UserError } from "../command.ts";
import { readInputs, variable } from "./inputs.ts";
import { command, refusal, type Step } from "./run.ts";
import { addToJobSummary, errorLine, plainLine, setOutputs, withoutCommands } from "./runner.ts";

/** The name that stands in a scenario's place. */
export const CONFORM = "conform";

/** Hostile text does not count as a conformance test either: the code that reads the inputs refuses it. */
export const isConformance = (env: NodeJS.ProcessEnv): boolean =>
  env[variable("scenario")]?.trim() === CONFORM;

/** @returns 0 pass, 99 fail; else what `k6-realtime conform` ends with */
export async function runConformance(step: Step, results: string): Promise<number> {
  const { env, print } = step;
  const { exitCode, said } = await attempt(step, results);
  const [summary, page] = [join(results, "report.md"), join(results, "report.html")];
  const verdict = verdictOf(exitCode);
  if (!existsSync(summary)) await writeFile(summary, refusal(said));
  await addToJobSummary(env, await readFile(summary, "utf8"));
  await setOutputs(env, {
    verdict,
    reason: said,
    "results-path": results,
    "summary-path": summary,
    "report-path": existsSync(page) ? page : "",
  });
  print(exitCode === EXIT.pass ? plainLine(`${verdict}: ${said}`) : errorLine(`${verdict}: ${said}`));
  return exitCode;
}

const verdictOf = (exitCode: number): string =>
  exitCode === EXIT.pass ? "pass" : exitCode === EXIT.fail ? "fail" : "error";

async function attempt(step: Step, results: string): Promise<{ exitCode: number; said: string }> {
  try {
    const { url, flags } = readInputs(step.env);
    const args = ["conform", "server", ...flags, `--results=${results}`, "--json"];
    // The URL goes by the environment: its query may hold a token.
    const run = { args, env: { WS_URL: url } };
    const { exitCode, stdout, lastWords } = await withoutCommands(step.print, () => command(step, run));
    return { exitCode, said: stdout === "" ? lastWords : inWords(JSON.parse(stdout)) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { exitCode: error.exitCode, said: error.message };
  }
}

/** What `k6 x conform server --json` says, in a sentence. */
function inWords({ cases, failed, known }: { cases: number; failed: unknown[]; known: unknown[] }): string {
  const beside =
    known.length > 0
      ? `, ${counted(known.length, "failure is", "failures are")} known from the baseline`
      : "";
  return `${failed.length} of ${cases} cases failed${beside}`;
}
