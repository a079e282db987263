/** The files that a run leaves: its summary in each form, and whatever else k6 wrote there. */
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SUMMARY_FORMS } from "../lib/summary/forms.ts";
import type { Summary, Verdict } from "../lib/summary/summary.ts";

/**
 * Gives `work` a directory of its own below `resultsDir`, and moves what it left there up when it is done. So the
 * summary of an earlier or a parallel run is never taken for this one's, and a reader never sees half a file.
 */
export async function withOwnDirectory<T>(
  resultsDir: string,
  scenario: string,
  work: (directory: string) => Promise<T>,
): Promise<{ result: T; files: string[] }> {
  await mkdir(resultsDir, { recursive: true });
  const own = await mkdtemp(join(resultsDir, ".run-"));
  try {
    for (const suffix of Object.keys(SUMMARY_FORMS)) {
      await rm(join(resultsDir, scenario + suffix), { force: true });
    }
    const result = await work(own);
    const names = await readdir(own);
    for (const name of names) await rename(join(own, name), join(resultsDir, name));
    return { result, files: names.map((name) => join(resultsDir, name)) };
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

const VERDICTS: readonly unknown[] = ["pass", "fail", "generator-bound", "incomplete"] satisfies Verdict[];

/** The summary that k6 wrote; undefined when there is none, or k6 was ended while writing it. */
export async function readSummary(directory: string, scenario: string): Promise<Summary | undefined> {
  try {
    const summary = JSON.parse(await readFile(join(directory, `${scenario}.summary.json`), "utf8"));
    return VERDICTS.includes(summary?.verdict) ? summary : undefined;
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
