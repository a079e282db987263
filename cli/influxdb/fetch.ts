/** Fetches runs from InfluxDB as recordings, which every command takes. */
import { mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../command.ts";
import type { Header } from "../recording/format.ts";
import { groupRecordings, openRuns } from "../recording/open.ts";
import type { Run } from "../recording/run.ts";
import { summarizeRun } from "../recording/summarize.ts";
import type { Store, StoredRun } from "./read.ts";
import { headerOf, Unreadable, writeRecording } from "./recording.ts";

/** Which runs are wanted. */
export interface Wanted {
  readonly scenario: string;
  /** Those of this branch alone. */
  readonly branch?: string | undefined;
  /** This one alone, green or not. */
  readonly run?: string | undefined;
  /** So many of the latest. */
  readonly last: number;
  /** Only runs that had ended by then, in milliseconds since 1970. Default: all. */
  readonly overBy?: number;
  /** Whether to leave a run out, by its header. Default: none. */
  readonly isNone?: (header: Header) => boolean;
}

export interface Fetched {
  readonly run: string;
  readonly verdict: string;
  /** Of its instances. */
  readonly files: readonly string[];
}

/**
 * Fetches the latest green runs, or the one that is named. A green run has ended, and passes by its own limits over
 * all its instances. A run that cannot be read, because its format has another version, does not end the search.
 *
 * @param into A directory that is there.
 * @returns The latest first; and the runs that could not be read, in words.
 * @throws {@link UserError} if the named run cannot be read, or the store does not answer
 */
export async function fetchRuns(
  store: Store,
  wanted: Wanted,
  into: string,
): Promise<{ fetched: Fetched[]; skipped: string[] }> {
  const fetched: Fetched[] = [];
  const skipped: string[] = [];
  for (const [run, instances] of byRun(await store.runs(wanted.scenario))) {
    if (fetched.length === wanted.last) break;
    if (wanted.run !== undefined && run !== wanted.run) continue;
    if (wanted.branch !== undefined && instances[0]!.branch !== wanted.branch) continue;
    try {
      const one = await fetchRun(store, run, instances, into, wanted);
      if (one) fetched.push(one);
    } catch (error) {
      if (!(error instanceof Unreadable) || wanted.run !== undefined) throw error;
      skipped.push(error.message);
    }
  }
  return { fetched, skipped };
}

async function fetchRun(
  store: Store,
  run: string,
  instances: readonly StoredRun[],
  into: string,
  wanted: Wanted,
): Promise<Fetched | undefined> {
  const { isNone = () => false } = wanted;
  if (instances.map(headerOf).some(isNone)) return undefined;
  const partial = await mkdtemp(join(into, ".fetching-"));
  try {
    const names = instances.map((_, i) => `${fileName(run)}-${i + 1}.realtime.jsonl`);
    for (const [i, instance] of instances.entries()) {
      await writeRecording(store, instance, join(partial, names[i]!));
    }
    const opened = await openFetched(
      run,
      names.map((name) => join(partial, name)),
    );
    const { overBy = Number.POSITIVE_INFINITY } = wanted;
    if (opened.instances.some(({ end }) => end && Date.parse(end.at) > overBy)) return undefined;
    const { verdict } = summarizeRun(opened);
    if (wanted.run === undefined && verdict !== "pass") return undefined;
    for (const name of names) await rename(join(partial, name), join(into, name));
    return { run, verdict, files: names.map((name) => join(into, name)) };
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function openFetched(run: string, paths: readonly string[]): Promise<Run> {
  try {
    const [opened] = await openRuns(await groupRecordings(paths));
    return opened!;
  } catch (error) {
    throw error instanceof UserError
      ? new Unreadable(`what InfluxDB has of run ${run}: ${error.message}`)
      : error;
  }
}

/** The name of a run may hold any character. */
const fileName = (run: string): string =>
  run
    .replace(/[^\w.-]/g, "_")
    .replace(/^\.+/, "")
    .slice(0, 100) || "run";

function byRun(runs: readonly StoredRun[]): Map<string, StoredRun[]> {
  const groups = new Map<string, StoredRun[]>();
  for (const one of runs) groups.set(one.run, [...(groups.get(one.run) ?? []), one]);
  return groups;
}
