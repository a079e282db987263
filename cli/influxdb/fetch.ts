/** Fetches runs from InfluxDB as recordings, which every command takes. */
import { mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { groupRecordings, openRuns } from "../recording/open.ts";
import { summarizeRun } from "../recording/summarize.ts";
import type { Store, StoredRun } from "./read.ts";
import { writeRecording } from "./recording.ts";

/** Which runs are wanted. */
export interface Wanted {
  readonly scenario: string;
  /** Those of this branch alone. */
  readonly branch?: string | undefined;
  /** This one alone, green or not. */
  readonly run?: string | undefined;
  /** So many of the latest. */
  readonly last: number;
  /** Those that were over by then, in milliseconds since 1970. Default: all. */
  readonly overBy?: number;
}

export interface Fetched {
  readonly run: string;
  readonly verdict: string;
  /** Of its instances. */
  readonly files: readonly string[];
}

/**
 * Fetches the latest green runs, those that pass by their own limits over all their instances; or the one that is
 * named. A run that is not over is none.
 *
 * @param into A directory that is there.
 * @returns The latest first.
 */
export async function fetchRuns(store: Store, wanted: Wanted, into: string): Promise<Fetched[]> {
  const fetched: Fetched[] = [];
  for (const [run, instances] of byRun(await store.runs(wanted.scenario))) {
    if (fetched.length === wanted.last) break;
    if (wanted.run !== undefined && run !== wanted.run) continue;
    if (wanted.branch !== undefined && instances[0]!.branch !== wanted.branch) continue;
    const one = await fetchRun(store, run, instances, into, wanted);
    if (one) fetched.push(one);
  }
  return fetched;
}

async function fetchRun(
  store: Store,
  run: string,
  instances: readonly StoredRun[],
  into: string,
  wanted: Wanted,
): Promise<Fetched | undefined> {
  const partial = await mkdtemp(join(into, ".fetching-"));
  try {
    const names = instances.map((_, i) => `${fileName(run)}-${i + 1}.realtime.jsonl`);
    for (const [i, instance] of instances.entries()) {
      await writeRecording(store, instance, join(partial, names[i]!));
    }
    const [opened] = await openRuns(await groupRecordings(names.map((name) => join(partial, name))));
    const { overBy = Number.POSITIVE_INFINITY } = wanted;
    if (opened!.instances.some(({ end }) => end && Date.parse(end.at) > overBy)) return undefined;
    const { verdict } = summarizeRun(opened!);
    if (wanted.run === undefined && verdict !== "pass") return undefined;
    for (const name of names) await rename(join(partial, name), join(into, name));
    return { run, verdict, files: names.map((name) => join(into, name)) };
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** What a run is called may hold anything. */
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
