/** From the paths on a command line to runs. */
import { open, readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { UserError } from "../command.ts";
import { readHeader, readRecording } from "./read.ts";
import { cellSecondsFor, groupRuns, mergeRun, type Run, type Source } from "./run.ts";

/** How recordings are found in a directory. */
const SUFFIX = ".realtime.jsonl";

/** Stretches of time of a run that are kept apart: a long run's seconds count together. */
const MOST_CELLS = 600;

/**
 * The recordings that paths name: a file, or all in a directory. If the directory has none itself, all in the
 * directories within it, as several runs with a `--results` of their own leave them.
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
    const recordings = await recordingsIn(absolute);
    const all = recordings.length > 0 ? recordings : await recordingsBelow(absolute);
    if (all.length === 0)
      throw new UserError(
        `${path}: expected recordings (*${SUFFIX}) in it, got none: a k6 with the extension makes them (k6-realtime setup)`,
      );
    found.push(...all);
  }
  return found;
}

const recordingsIn = async (directory: string): Promise<string[]> =>
  (await readdir(directory))
    .filter((name) => name.endsWith(SUFFIX))
    .sort()
    .map((name) => join(directory, name));

/** In the directories within one. Hidden ones are of runs that are not over. */
async function recordingsBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries
    .filter((each) => each.isDirectory() && !each.name.startsWith("."))
    .map(({ name }) => name);
  return (await Promise.all(names.sort().map((name) => recordingsIn(join(directory, name))))).flat();
}

/** Reads headers, which is enough to tell which recordings belong together. Each group is one run. */
export async function groupRecordings(files: readonly string[]): Promise<Source[][]> {
  const sources: Source[] = [];
  for (const path of files) sources.push({ path, header: await readHeader(path) });
  return groupRuns(sources);
}

/**
 * Reads a run whole, with stretches of time as short as its own length allows.
 *
 * @param cellSeconds How long a stretch is instead, such as one that several runs have in common.
 */
export async function openRun(group: readonly Source[], cellSeconds?: number): Promise<Run> {
  const seconds = cellSeconds ?? (await commonCellSeconds([group]));
  const instances = [];
  for (const { path } of group) instances.push(await readRecording(path, seconds));
  return mergeRun(instances, seconds);
}

/**
 * How long a stretch of time is to be, so that runs can be laid over each other: as short as the longest of them
 * allows. By the longest that its plan allowed for, a run that ended early, or whose script allows for hours, would be
 * a handful of stretches.
 */
export async function commonCellSeconds(groups: readonly (readonly Source[])[]): Promise<number> {
  const ended = [];
  for (const { path, header } of groups.flat()) {
    const lastedMs = (await endOf(path)) - Date.parse(header.startedAt);
    const isKnown = lastedMs >= 0 && lastedMs <= header.longestMs;
    ended.push({ path, header: isKnown ? { ...header, longestMs: lastedMs } : header });
  }
  return cellSecondsFor(ended, MOST_CELLS);
}

/** The last line is short. */
const TAIL_BYTES = 4_096;

/** When a recording ends, in milliseconds since 1970; NaN if its last line does not state it. */
async function endOf(path: string): Promise<number> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read({
      buffer: Buffer.alloc(TAIL_BYTES),
      position: Math.max(0, size - TAIL_BYTES),
    });
    const last = buffer.toString("utf8", 0, bytesRead).trimEnd().split("\n").at(-1)!;
    return Date.parse(JSON.parse(last).end?.at);
  } catch (error) {
    if (error instanceof SyntaxError) return Number.NaN;
    throw error;
  } finally {
    await file.close();
  }
}

/** Reads runs whole, all with stretches of time of the same length. */
export async function openRuns(groups: readonly (readonly Source[])[]): Promise<Run[]> {
  const cellSeconds = await commonCellSeconds(groups);
  const runs: Run[] = [];
  for (const group of groups) runs.push(await openRun(group, cellSeconds));
  return runs;
}
