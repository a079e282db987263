import { readFile, stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import * as v from "valibot";
import { SummarySchema } from "../../lib/summary/summary.ts";
import { UserError } from "../command.ts";
import { findRecordings, groupRecordings, openRuns } from "../recording/open.ts";
import { isRecording } from "../recording/read.ts";
import { distinctLabels, type RunView, viewOf } from "./view.ts";

/**
 * Opens runs to show: recordings, directories of them, and summaries. Summaries come last.
 *
 * @throws {@link UserError} naming the file that is neither, and the problem
 */
export async function openViews(paths: readonly string[], cwd: string): Promise<RunView[]> {
  const summaries: string[] = [];
  const others: string[] = [];
  for (const path of paths) ((await mayBeSummary(path, cwd)) ? summaries : others).push(path);
  const runs =
    others.length > 0 ? await openRuns(await groupRecordings(await findRecordings(others, cwd))) : [];
  const views = runs.map(viewOf);
  for (const path of summaries) views.push(await openSummary(path, cwd));
  return distinctLabels(views);
}

/** By its name; but a recording may have been given any. */
async function mayBeSummary(path: string, cwd: string): Promise<boolean> {
  if (!path.endsWith(".json")) return false;
  const absolute = resolve(cwd, path);
  const info = await stat(absolute).catch(() => undefined);
  return !info?.isFile() || !(await isRecording(absolute));
}

/** Longer than any summary, shorter than what would exhaust memory. */
const LONGEST_BYTES = 16 * 1024 * 1024;

async function openSummary(path: string, cwd: string): Promise<RunView> {
  const absolute = resolve(cwd, path);
  const info = await stat(absolute).catch(() => undefined);
  if (!info?.isFile()) throw new UserError(`${path}: expected a summary, got no file there`);
  if (info.size > LONGEST_BYTES) throw new UserError(`${path}: expected a summary, got ${info.size} bytes`);
  let document: unknown;
  try {
    document = JSON.parse(await readFile(absolute, "utf8"));
  } catch {
    throw new UserError(`${path}: expected a summary, got what is not JSON`);
  }
  const { success, output, issues } = v.safeParse(SummarySchema, document);
  if (success) return { label: basename(path).replace(/(\.summary)?\.json$/, ""), summary: output };
  const field = v.getDotPath(issues[0]) ?? "it";
  throw new UserError(`${path}: expected a summary as a scenario writes it, but "${field}" is invalid`);
}
