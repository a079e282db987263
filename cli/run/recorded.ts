/** What the recordings of a run that has just ended say. */
import type { Summary } from "../../lib/summary/summary.ts";
import { UserError } from "../command.ts";
import { type Recording, readRecording } from "../recording/read.ts";
import { mergeRun } from "../recording/run.ts";
import { summarizeRun } from "../recording/summarize.ts";

/** The summary over all instances of one run; undefined where none of them recorded anything. */
export async function summarizeRecordings(paths: readonly string[]): Promise<Summary | undefined> {
  const read = await Promise.all(paths.map(readIfBegun));
  const recordings = read.filter((recording) => recording !== undefined);
  return recordings.length > 0 ? summarizeRun(mergeRun(recordings, 1)) : undefined;
}

/** Undefined for what a k6 leaves that is killed before it has written the first line. */
async function readIfBegun(path: string): Promise<Recording | undefined> {
  try {
    return await readRecording(path);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}
