/** From the paths on a command line to runs. */
import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { UserError } from "../command.ts";
import { readHeader, readRecording } from "./read.ts";
import { cellSecondsFor, groupRuns, mergeRun, type Run, type Source } from "./run.ts";

/** How recordings are found in a directory. */
const SUFFIX = ".realtime.jsonl";

/** Stretches of time of a run that are kept apart: a long run's seconds count together. */
const MOST_CELLS = 600;

/**
 * The recordings that paths name: a file, or all in a directory.
 *
 * @throws {@link UserError} for a path that is not there, and a directory without recordings
 */
export async function findRecordings(paths: readonly string[], cwd: string): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    const absolute = resolve(cwd, path);
    const info = await stat(absolute).catch(() => undefined);
    if (!info) throw new UserError(`${path}: expected a recording or a directory of them, got nothing there`);
    if (!info.isDirectory()) {
      found.push(absolute);
      continue;
    }
    const names = (await readdir(absolute)).filter((name) => name.endsWith(SUFFIX)).sort();
    if (names.length === 0) throw new UserError(`${path}: expected recordings (*${SUFFIX}) in it, got none`);
    found.push(...names.map((name) => join(absolute, name)));
  }
  return found;
}

/** Reads headers, which is enough to tell which recordings belong together. Each group is one run. */
export async function groupRecordings(files: readonly string[]): Promise<Source[][]> {
  const sources: Source[] = [];
  for (const path of files) sources.push({ path, header: await readHeader(path) });
  return groupRuns(sources);
}

/** Reads runs whole, all with stretches of time of the same length. */
export async function openRuns(groups: readonly (readonly Source[])[]): Promise<Run[]> {
  const cellSeconds = cellSecondsFor(groups.flat(), MOST_CELLS);
  const runs: Run[] = [];
  for (const group of groups) {
    const instances = [];
    for (const { path } of group) instances.push(await readRecording(path, cellSeconds));
    runs.push(mergeRun(instances, cellSeconds));
  }
  return runs;
}
