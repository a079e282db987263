/** Watches a run through what it records, and shows it each second. */
import { type Ms, ms } from "../../lib/units.ts";
import type { Recording } from "../recording/read.ts";
import { mergeRun, type Run } from "../recording/run.ts";
import { summarizeRun } from "../recording/summarize.ts";
import { figuresSoFar, type LiveFigures, RECENT_SECONDS } from "./figures.ts";
import { Follower } from "./follow.ts";

/** Who shows a run while it goes on. */
export interface Display {
  /** Called each second. `run` is the recording so far, in stretches of the seconds asked for. */
  show(figures: LiveFigures, run: Run | undefined): void;
}

/** A run that goes on. */
export interface Watched {
  /** The recording of each instance; empty if none records. */
  readonly recordings: readonly string[];
  /** Seconds that count as one in what displays are handed of the run. Default: they are handed none. */
  readonly cellSeconds?: number;
  /** Told once where a recording cannot be read: the run is shown without figures from then on. */
  readonly onUnreadable: (error: Error) => void;
}

const EVERY = ms(1_000);
/** So many seconds that all of a run are one stretch, which begins with the epoch. */
const ALL = 2 ** 40;

/** Shows a run to each display until it is stopped. */
export function watchRun({ recordings, cellSeconds, onUnreadable }: Watched, displays: readonly Display[]) {
  const startedAt = performance.now();
  let followers = recordings.map(
    (path) => new Follower(path, ALL, 1, ...(cellSeconds === undefined ? [] : [cellSeconds])),
  );
  const look = async () => {
    const elapsed = ms(performance.now() - startedAt);
    try {
      for (const follower of followers) await follower.read();
    } catch (error) {
      onUnreadable(error as Error);
      await Promise.all(followers.map((follower) => follower.close()));
      followers = [];
    }
    const { figures, run } = soFar(followers, cellSeconds, elapsed);
    for (const display of displays) display.show(figures, run);
  };
  let looking: Promise<void> | undefined;
  const timer = setInterval(() => {
    // A machine that is too slow for one look a second has fewer, not a queue of them.
    looking ??= look().finally(() => {
      looking = undefined;
    });
  }, EVERY);
  return {
    /** Resolves when nothing more will be shown. */
    async stop(): Promise<void> {
      clearInterval(timer);
      await looking;
      await Promise.all(followers.map((follower) => follower.close()));
    },
  };
}

function soFar(followers: readonly Follower[], cellSeconds: number | undefined, elapsed: Ms) {
  const begun = followers.flatMap(({ reader }) => reader ?? []);
  if (begun.length === 0) return { figures: { elapsed }, run: undefined };
  const read = (nth: number) => begun.map((reader) => reader.done(nth));
  const [whole, seconds] = [read(0), read(1)];
  forgetOld(seconds);
  const summary = summarizeRun(mergeRun(whole.map(asIfEnded), ALL));
  return {
    figures: figuresSoFar(elapsed, summary, mergeRun(seconds, 1)),
    run: cellSeconds === undefined ? undefined : mergeRun(read(2).map(asIfEnded), cellSeconds),
  };
}

/** A recording without an end counts as cut off; this one only goes on. */
function asIfEnded(recording: Recording): Recording {
  if (recording.end) return recording;
  const excluded = { outOfRange: 0, notFinite: 0, withoutTags: 0 };
  const at = recording.usage.at(-1)?.at ?? recording.header.startedAt;
  return { ...recording, end: { state: "finished", exitCode: 0, at, excluded } };
}

/** What is older than the last seconds of a run is not kept second by second. */
function forgetOld(recordings: readonly Recording[]): void {
  const series = recordings.flatMap((recording) => recording.series);
  const newest = Math.max(...series.flatMap(({ cells }) => [...cells.keys()]));
  for (const { cells } of series) {
    for (const cell of cells.keys()) if (cell <= newest - RECENT_SECONDS) cells.delete(cell);
  }
}
