/**
 * What programs in Node.js take of the package: `import … from "k6-realtime/node"`. The reference server with its
 * faults, recordings, and the comparison of runs. No other entry point needs Node.js.
 */
import { fileURLToPath } from "node:url";
import type { Profile } from "../lib/profile.ts";
import type { Summary } from "../lib/summary/summary.ts";
import type { Replayed } from "./fuzz/replay.ts";
import { replayFile } from "./fuzz.ts";
import { type Judged, judgeRun } from "./gate/judge.ts";
import { findRecordings, groupRecordings, openRun } from "./recording/open.ts";
import { summarizeRun } from "./recording/summarize.ts";

export type { Summary, Verdict } from "../lib/summary/summary.ts";
export {
  type FaultSettings,
  type Faults,
  type RunningServer,
  type ServerOptions,
  type ServerStats,
  signToken,
  startServer,
} from "../server/server.ts";
export { UserError } from "./command.ts";
export type { RegisterStrategy, StrategiesModule, StrategyKind } from "./fuzz/own-strategies.ts";
export type { Replayed } from "./fuzz/replay.ts";
export type { Judged } from "./gate/judge.ts";

/**
 * The runs that recordings hold, each summed up over all its instances.
 *
 * @param paths recordings, or directories of them (docs/reference/recording-format.md)
 * @param profile limits to judge by instead of the recordings' own
 * @throws {@link UserError} where a path or a recording is wrong
 */
export async function readRuns(paths: readonly string[], profile?: Profile): Promise<readonly Summary[]> {
  const groups = await groupRecordings(await findRecordings(paths, process.cwd()));
  const summaries: Summary[] = [];
  for (const group of groups) summaries.push(summarizeRun(await openRun(group), profile));
  return summaries;
}

/** Target and identity for running a finding again: as the flags of `fuzz`, in camelCase. */
export interface ReplayOptions {
  readonly url?: string;
  readonly protocol?: string;
  readonly protocolFile?: string;
  readonly contract?: string;
  readonly token?: string;
  readonly headers?: readonly string[];
  readonly loginFile?: string;
  readonly users?: string;
  readonly expect?: string;
  readonly again?: number;
  readonly yesIMay?: boolean;
}

/**
 * Runs a finding of `k6-realtime fuzz` again (docs/guides/fuzzing.md).
 *
 * @param file of the finding, as a path or a `file:` URL
 * @throws {@link UserError} where the file or an option is wrong, or the server is beyond this machine without `yesIMay`
 */
export async function replayFinding(file: string | URL, options: ReplayOptions = {}): Promise<Replayed> {
  return await replayFile(file instanceof URL ? fileURLToPath(file) : file, options);
}

/** What to compare: recordings, or directories of them, of one run and of those before it. */
export interface Comparison {
  readonly run: readonly string[];
  readonly baselines: readonly string[];
  /** Name or path of the limits to judge by. Default: the recordings' own limits. */
  readonly profile?: string;
  /** By what share a run may be slower, such as 0.1. Default: as the gate's. */
  readonly tolerance?: number;
}

/**
 * Judges a run by its limits and by earlier runs, as `k6-realtime gate` does (docs/concepts/gate.md).
 *
 * @throws {@link UserError} where a path, a recording or the profile is wrong
 */
export async function compareRuns({ run, baselines, profile, tolerance }: Comparison): Promise<Judged> {
  const { views, ...judged } = await judgeRun({
    paths: run,
    baselines,
    profile,
    stored: { branch: undefined, last: 1, env: process.env },
    ...(tolerance !== undefined && { strictness: { tolerance } }),
    cwd: process.cwd(),
  });
  return judged;
}
