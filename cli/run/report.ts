import { writeFile } from "node:fs/promises";
import type { Summary } from "../../lib/summary/summary.ts";
import { UserError } from "../command.ts";
import { openViews } from "../report/open.ts";
import type { RunView } from "../report/view.ts";
import { reportPage } from "../report.ts";

/**
 * Writes a run's page: its recordings drawn over time, under the verdict that stands. Without recordings it shows the
 * summary alone.
 */
export async function writeReport(
  path: string,
  summary: Summary,
  recordings: readonly string[],
): Promise<void> {
  const [view] = await openIfRecorded(recordings);
  await writeFile(path, await reportPage([{ label: summary.scenario, ...view, summary }]));
}

async function openIfRecorded(recordings: readonly string[]): Promise<RunView[]> {
  if (recordings.length === 0) return [];
  try {
    return await openViews(recordings, process.cwd());
  } catch (error) {
    if (error instanceof UserError) return []; // killed before it recorded anything
    throw error;
  }
}
