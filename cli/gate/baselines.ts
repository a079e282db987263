/** Opens the runs to compare with, and reports why any of them is not a baseline. */
import { basename, relative } from "node:path";
import type { StepsSummary } from "../../lib/summary/summary.ts";
import type { Tested } from "../../lib/summary/tested.ts";
import { UserError } from "../command.ts";
import type { Header } from "../recording/format.ts";
import { groupRecordings, openRun } from "../recording/open.ts";
import { readHeader } from "../recording/read.ts";
import type { Source } from "../recording/run.ts";
import { summarizeRun } from "../recording/summarize.ts";
import { type Measured, measure } from "./measure.ts";

/** A run to compare with. */
export interface Baseline {
  readonly measured: Measured;
  readonly steps: StepsSummary | undefined;
  readonly tested: Tested | undefined;
  /** Its recordings. */
  readonly group: readonly Source[];
}

/**
 * Opens earlier runs, one after the other: only the compared values stay in memory.
 *
 * @param files Their recordings.
 * @param run The recordings of the run that is judged. If it is among the baselines, it is left out: no run is slower
 *   than itself.
 * @throws {@link UserError} if none of them can be read, or one is of another scenario
 */
export async function openBaselines(
  files: readonly string[],
  run: readonly Source[],
  cwd: string,
): Promise<{ baselines: Baseline[]; leftOut: string[] }> {
  const leftOut: string[] = [];
  const readable: string[] = [];
  const refusals: UserError[] = [];
  const orLeaveOut = (error: unknown): undefined => {
    if (!(error instanceof UserError)) throw error;
    refusals.push(error);
    leftOut.push(error.message);
  };
  const known = new Set<string>();
  for (const file of files) {
    const header = await readHeader(file).catch(orLeaveOut);
    // One run may have come both as a file and out of a store.
    if (header && !known.has(header.id)) readable.push(file);
    if (header) known.add(header.id);
  }
  const groups = await groupRecordings(readable);
  const labels = labelsOf(groups, cwd);
  const baselines: Baseline[] = [];
  for (const [i, group] of groups.entries()) {
    const [{ header, path }] = group as [Source];
    const label = labels[i]!;
    if (group.some((one) => run.some((own) => isSameRun(one.header, own.header)))) {
      leftOut.push(`${label} is the run itself${header.run ? ", by its test id" : ""}`);
      continue;
    }
    const { scenario } = run[0]!.header;
    if (header.scenario !== scenario) {
      throw new UserError(`${path}: expected an earlier run of ${scenario}, got one of ${header.scenario}`);
    }
    await openBaseline(group, label).then(
      (one) => (typeof one === "string" ? leftOut.push(one) : baselines.push(one)),
      orLeaveOut,
    );
  }
  const [refusal] = refusals;
  if (refusal && baselines.length === 0 && refusals.length === leftOut.length) throw refusal;
  return { baselines, leftOut };
}

async function openBaseline(group: readonly Source[], label: string): Promise<Baseline | string> {
  const run = await openRun(group);
  const { verdict, reason, steps, tested } = summarizeRun(run);
  if (verdict === "incomplete" || verdict === "generator-bound") return `${label} is ${verdict}: ${reason}`;
  return { measured: { ...measure(run), label }, steps, tested, group };
}

/** Two outputs of one process, such as a file and InfluxDB, begin together. */
const TOGETHER_MS = 1_000;

/**
 * Whether two recordings are of one run, however they got here: they have the same identity, or the same test id, or
 * one machine began to record both at once.
 */
export function isSameRun(a: Header, b: Header): boolean {
  if (a.id === b.id) return true;
  if (a.run || b.run) return a.run === b.run;
  const { host } = a.environment;
  const apart = Math.abs(Date.parse(a.startedAt) - Date.parse(b.startedAt));
  return (
    host !== undefined && host === b.environment.host && a.scenario === b.scenario && apart < TOGETHER_MS
  );
}

/** What to call a run: its test id, else its file. */
export const nameOfRun = ([first]: readonly Source[]): string =>
  first!.header.run || basename(first!.path).replace(SUFFIX, "");

/** What to call each run: its test id, else its file, by the path where names alone do not tell them apart. */
function labelsOf(groups: readonly (readonly Source[])[], cwd: string): string[] {
  const names = groups.map(nameOfRun);
  return names.map((name, i) => {
    const isUnique = names.filter((other) => other === name).length === 1;
    return isUnique ? name : relative(cwd, groups[i]![0]!.path);
  });
}

const SUFFIX = /(\.\d+)?\.realtime\.jsonl$/;
