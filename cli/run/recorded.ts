/** What the recordings of a run that has just ended say. */
import type { Summary } from "../../lib/summary/summary.ts";
import { UserError } from "../command.ts";
import { readHeader, readRecording } from "../recording/read.ts";
import { cellSecondsFor, mergeRun } from "../recording/run.ts";
import { summarizeRun } from "../recording/summarize.ts";

/**
 * The largest number of stretches of time to keep apart. The figures of a whole run need none; the number bounds the
 * memory.
 */
const MOST_CELLS = 1_000;

/** The summary over all instances of one run; undefined where none of them recorded anything. */
export async function summarizeRecordings(paths: readonly string[]): Promise<Summary | undefined> {
  const sources = await readable(paths, async (path) => ({ path, header: await readHeader(path) }));
  if (sources.length === 0) return undefined;
  const cellSeconds = cellSecondsFor(sources, MOST_CELLS);
  const recordings = await readable(
    sources.map(({ path }) => path),
    (path) => readRecording(path, cellSeconds),
  );
  return recordings.length > 0 ? summarizeRun(mergeRun(recordings, cellSeconds)) : undefined;
}

/** Without what a k6 leaves that is killed before it has written the first line: that part of the run is missing. */
async function readable<T>(paths: readonly string[], read: (path: string) => Promise<T>): Promise<T[]> {
  const all = await Promise.allSettled(paths.map(read));
  const defect = all.find((one) => one.status === "rejected" && !(one.reason instanceof UserError));
  if (defect?.status === "rejected") throw defect.reason;
  return all.filter((one) => one.status === "fulfilled").map(({ value }) => value);
}
