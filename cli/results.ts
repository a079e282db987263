/** The files that a run leaves: its summary in each form, its recordings, its report, and whatever else k6 wrote there. */
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { MESSAGES } from "../lib/contract/examples.ts";
import { SUMMARY_FORMS } from "../lib/summary/forms.ts";
import { type Summary, SummarySchema } from "../lib/summary/summary.ts";
import { EXIT, UserError } from "./command.ts";
import { makeDirectory } from "./directory.ts";
import { claim } from "./run/claim.ts";

/**
 * Gives `work` a directory of its own below `resultsDir`, and moves what it left there up when it is done. So the
 * summary of an earlier or a parallel run is never taken for this one's, and a reader never sees half a file. The
 * results of an earlier run of the scenario are removed first: if this run were killed, they would pass for its result.
 * Two runs of one scenario cannot both leave their results here, so the second is refused.
 *
 * If `work` or the move fails, the directory stays with all that is in it, and the error names it: a recording
 * of hours outlives a mistake made after it.
 *
 * @throws {@link UserError} if nothing can be written there, or another run of the scenario does
 */
export async function withOwnDirectory<T>(
  resultsDir: string,
  scenario: string,
  work: (directory: string) => Promise<T>,
): Promise<{ result: T; files: string[] }> {
  const own = await makeOwn(resultsDir).catch((error) => {
    throw new UserError(`results: expected a directory to write to, got ${resultsDir} (${error.code})`);
  });
  let giveUp: (() => Promise<void>) | undefined;
  try {
    giveUp = await claim(resultsDir, scenario);
    for (const name of await resultsOf(scenario, resultsDir)) {
      await rm(join(resultsDir, name), { force: true });
    }
    const result = await work(own);
    const names = await readdir(own);
    const others = await resultsOf(scenario, resultsDir); // of a machine or a container whose processes we cannot see
    if (others.length > 0) throw new UserError(leftMeanwhile(scenario, resultsDir, others), EXIT.error);
    for (const name of names) await rename(join(own, name), join(resultsDir, name));
    await rm(own, { recursive: true });
    return { result, files: names.map((name) => join(resultsDir, name)) };
  } catch (error) {
    const kept = await readdir(own).catch(() => []);
    if (kept.length === 0) {
      await rm(own, { recursive: true, force: true });
      throw error;
    }
    throw withMore(error as Error, `What the run left so far is kept in ${own}: ${kept.join(", ")}`);
  } finally {
    await giveUp?.();
  }
}

const leftMeanwhile = (scenario: string, directory: string, names: readonly string[]): string =>
  `results: another run of ${scenario} left its own in ${directory} while this one went on (${names.join(", ")}). ` +
  "They are not replaced. Give each run its own directory with --results";

/** The files in a directory that runs of a scenario left. */
const resultsOf = async (scenario: string, directory: string): Promise<string[]> =>
  (await readdir(directory)).filter((name) => isOf(scenario, name));

/** What a short run leaves, its report most of it. */
const LEAST_BYTES = 512 * 1024;

/** The error with a line more; an error of the machine, such as a full disk, is not a defect and needs no stack. */
function withMore(error: Error, line: string): Error {
  if (error instanceof UserError) return new UserError(`${error.message}\n${line}`, error.exitCode);
  if (isFull(error)) return new UserError(`no space left on the device\n${line}`, EXIT.error);
  if ("syscall" in error) return new UserError(`${error.message}\n${line}`, EXIT.error);
  error.stack += `\n${line}`;
  return error;
}

async function makeOwn(resultsDir: string): Promise<string> {
  await makeDirectory(resultsDir);
  const own = await mkdtemp(join(resultsDir, ".run-"));
  // A disk may have room for a directory, and none for what comes into it: better known now than after the load.
  const trial = join(own, "trial");
  try {
    await writeFile(trial, Buffer.alloc(LEAST_BYTES));
    await rm(trial);
    return own;
  } catch (error) {
    await rm(own, { recursive: true, force: true });
    throw error;
  }
}

const isFull = (error: unknown): boolean =>
  ["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException | undefined)?.code ?? "");

/** By which the command line finds recordings in a directory. */
const RECORDING = ".realtime.jsonl";

/** The path of the recording of instance `index` (from 0) of `instances`. */
export const recordingPath = (
  directory: string,
  scenario: string,
  index: number,
  instances: number,
): string => join(directory, `${scenario}${instances > 1 ? `.${index + 1}` : ""}${RECORDING}`);

/** The recordings in a directory. */
export async function recordingsIn(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(RECORDING));
  return names.sort().map((name) => join(directory, name));
}

const REPORT = ".report.html";

/** The path of a run's page. */
export const reportPath = (directory: string, scenario: string): string => join(directory, scenario + REPORT);

/** The page in a directory that one run had to itself. */
export async function reportIn(directory: string): Promise<string | undefined> {
  const name = (await readdir(directory)).find((name) => name.endsWith(REPORT));
  return name && join(directory, name);
}

/** Whether a run of this scenario leaves a file of this name. */
function isOf(scenario: string, name: string): boolean {
  if (!name.startsWith(scenario)) return false;
  const suffix = name.slice(scenario.length).replace(/^\.\d+(?=\.)/, "");
  return [RECORDING, REPORT, MESSAGES].includes(suffix) || Object.hasOwn(SUMMARY_FORMS, suffix);
}

/**
 * The summary that k6 wrote; undefined if there is none, k6 was ended while writing it, or it does not have this
 * version's form.
 */
export async function readSummary(directory: string, scenario: string): Promise<Summary | undefined> {
  try {
    const document = JSON.parse(await readFile(join(directory, `${scenario}.summary.json`), "utf8"));
    const { success, output } = v.safeParse(SummarySchema, document);
    return success ? output : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Writes a summary in each of its forms. */
export async function writeSummary(directory: string, summary: Summary): Promise<void> {
  for (const [suffix, write] of Object.entries(SUMMARY_FORMS)) {
    await writeFile(join(directory, summary.scenario + suffix), write(summary));
  }
}
