import { writeFile } from "node:fs/promises";
import type { Summary } from "../../lib/summary/summary.ts";
import { UserError } from "../command.ts";
import { openViews } from "../report/open.ts";
import type { RunView } from "../report/view.ts";
import { reportPage } from "../report/write.ts";

/**
 * What a run's page shows: its recordings over time, under the verdict that stands; without recordings the summary
 * alone.
 */
export async function viewsOfRun(summary: Summary, recordings: readonly string[]): Promise<RunView[]> {
  const [view] = await openIfRecorded(recordings);
  return [{ label: summary.scenario, ...view, summary }];
}

/** Writes a run's page. */
export const writeReport = async (path: string, views: readonly RunView[]): Promise<void> =>
  writeFile(path, await reportPage(views));

async function openIfRecorded(recordings: readonly string[]): Promise<RunView[]> {
  if (recordings.length === 0) return [];
  try {
    return await openViews(recordings, process.cwd());
  } catch (error) {
    if (error instanceof UserError) return []; // killed before it recorded anything
    throw error;
  }
}
