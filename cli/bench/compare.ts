/** Servers side by side, from rounds in which each was measured in turn. docs/guides/echo-performance.md says how. Pure. */
import * as v from "valibot";
import { type FALSE_ALARMS, median } from "../gate/prediction.ts";
import { type Middle, middleOf } from "./estimate.ts";

/** Many short rounds tell more than a few long ones: what disturbs one of them is left out. */
export const ROUNDS = 21;

/** Two comparisons of the same servers are to agree this well. A row in which they would not is restless. */
export const AGREE = 0.03;

/** A row is the generator's own where that was the bottleneck in this share of its rounds. */
const MOSTLY = 0.5;

const Row = v.object({
  name: v.string(),
  server: v.number(),
  testset: v.number(),
  case: v.number(),
  round: v.number(),
  outcome: v.picklist(["PASSED", "FAILED", "TIMEOUT"]),
  why: v.optional(v.string()),
  size: v.number(),
  mode: v.string(),
  connections: v.number(),
  depth: v.optional(v.number()),
  rate: v.optional(v.number()),
  medianUs: v.nullable(v.number()),
  echoesPerSecond: v.number(),
  generator: v.picklist(["ok", "tail", "bound"]),
  because: v.optional(v.string()),
  yardstickUs: v.optional(v.number()),
});

/** One case, measured once of one server: an element of what `k6 x echo-bench --format json` prints. */
export type Row = v.InferOutput<typeof Row>;

/** Reads what `k6 x echo-bench --format json` prints. */
export const parseRows = (text: string): Row[] => v.parse(v.array(Row), JSON.parse(text));

/** The compared measure: the time that one echo takes, in microseconds. */
export type Measure = "median latency" | "time per echo";

/** Whether a server's figures of a case can be relied on. */
export type State = "ok" | "restless" | "generator-bound" | "failed";

/** A server's time as a share of another's, in the same rounds. */
export interface Ratio {
  /** The first server; for that one itself the bare loop, which tells how fast the machine is. */
  readonly to: "first" | "bare loop";
  readonly ratio: number;
  /** The interval that holds the ratio, but for {@link FALSE_ALARMS} of all comparisons. */
  readonly low: number;
  readonly high: number;
  /** "alike" where the interval holds 1. */
  readonly word: "faster" | "slower" | "alike";
}

/** What was found of one server in one case. */
export interface Line {
  readonly server: string;
  readonly state: State;
  /** Why it is not "ok", as a sentence. */
  readonly why?: string;
  /** Rounds that passed. */
  readonly rounds: number;
  /** Microseconds: the median of the rounds; NaN without any. */
  readonly us: number;
  readonly echoesPerSecond: number;
  /**
   * How far a second comparison's ratio, or without one its time, may lie from this one's, as a share; undefined with too
   * few rounds.
   */
  readonly mayDiffer?: number;
  /** Undefined where one of the two failed, or there is no bare loop. */
  readonly against?: Ratio;
  /** What became of its ratio since an earlier comparison. */
  readonly since?: Since;
}

/** A ratio as a share of the same in an earlier comparison. */
export interface Since {
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  readonly word: "slower" | "faster" | "same";
}

/** What the bare loop took meanwhile: one thread that writes and reads on a TCP connection with itself. */
export interface Yardstick {
  /** Microseconds: the median of the rounds. */
  readonly us: number;
  /** By how much more it took in the second half of the rounds, as a share. */
  readonly drift: number;
  /** By how much more it took than in an earlier comparison, as a share. */
  readonly sinceBefore?: number;
}

/** One case of all servers. */
export interface Compared {
  /** Undefined on systems that have none. */
  readonly yardstick?: Yardstick;
  /** Such as "64 bytes, pipelined:16x10". */
  readonly title: string;
  readonly measure: Measure;
  readonly lines: readonly Line[];
}

/** Compares the servers in each case, the first one with all others. */
export function compareServers(rows: readonly Row[]): Compared[] {
  return groups(rows, (row) => `${row.testset} ${row.case}`).map((rows) => {
    const servers = groups(rows, ({ server }) => server).sort(([a], [b]) => a!.server - b!.server);
    const first = servers[0]!;
    const yardstick = yardstickOf(rows);
    return {
      title: titleOf(first[0]!),
      measure: measureOf(first[0]!),
      ...(yardstick && { yardstick }),
      lines: servers.map((own, i) => lineOf(own, i === 0 ? "bare loop" : first)),
    };
  });
}

function yardstickOf(rows: readonly Row[]): Yardstick | undefined {
  const rounds = groups(rows, ({ round }) => round).flatMap(([row]) => row!.yardstickUs ?? []);
  if (rounds.length === 0) return undefined;
  const half = Math.floor(rounds.length / 2);
  const drift = half === 0 ? 0 : median(rounds.slice(-half)) / median(rounds.slice(0, half)) - 1;
  return { us: median(rounds), drift };
}

function groups(rows: readonly Row[], key: (row: Row) => unknown): Row[][] {
  const groups = new Map<unknown, Row[]>();
  for (const row of rows) {
    const group = groups.get(key(row));
    if (group) group.push(row);
    else groups.set(key(row), [row]);
  }
  return [...groups.values()];
}

/** Rows in which something did not pass. */
export const failures = (compared: readonly Compared[]): number =>
  compared.flatMap(({ lines }) => lines).filter(({ state }) => state === "failed").length;

function titleOf({ size, mode, depth, rate, connections }: Row): string {
  const load = rate !== undefined ? `@${rate}` : depth !== undefined && depth > 1 ? `:${depth}` : "";
  const words = `${mode}${load}${connections > 1 ? `x${connections}` : ""}`;
  return mode === "handshake" ? words : `${size} bytes, ${words}`;
}

/** A pipelined load keeps its messages in queues: what counts is how many echoes come in a time. */
const measureOf = ({ mode }: Row): Measure => (mode === "pipelined" ? "time per echo" : "median latency");

const timeOf = (row: Row): number =>
  measureOf(row) === "time per echo" ? 1e6 / row.echoesPerSecond : row.medianUs!;

const isPassed = ({ outcome, medianUs }: Row): boolean => outcome === "PASSED" && medianUs !== null;

function lineOf(own: readonly Row[], to: "bare loop" | readonly Row[]): Line {
  const passed = own.filter(isPassed);
  const against = middleOf(to === "bare loop" ? againstLoop(passed) : againstFirst(passed, to));
  const isKnown = Number.isFinite(against.half);
  const mayDiffer = differenceOf(isKnown ? against : middleOf(passed.map((row) => Math.log(timeOf(row)))));
  return {
    server: own[0]!.name,
    ...stateOf(own, passed, mayDiffer),
    rounds: passed.length,
    us: median(passed.map(timeOf)),
    echoesPerSecond: median(passed.map(({ echoesPerSecond }) => echoesPerSecond)),
    ...(Number.isFinite(mayDiffer) && { mayDiffer }),
    ...(isKnown && { against: ratioOf(against, to === "bare loop" ? to : "first") }),
  };
}

function stateOf(
  own: readonly Row[],
  passed: readonly Row[],
  mayDiffer: number,
): Pick<Line, "state" | "why"> {
  const failed = own.filter((row) => !isPassed(row));
  if (failed.length > 0) {
    const rounds = own.length > 1 ? ` in ${failed.length} of ${own.length} rounds` : "";
    return { state: "failed", why: `${failed[0]!.outcome}${rounds}: ${failed[0]!.why ?? "no echo came"}` };
  }
  const bound = passed.filter(({ generator }) => generator === "bound");
  if (bound.length >= passed.length * MOSTLY) {
    return {
      state: "generator-bound",
      why: `${bound[0]!.because} (${bound.length} of ${own.length} rounds)`,
    };
  }
  if (mayDiffer > AGREE) {
    const share = Number.isFinite(mayDiffer) ? `${(mayDiffer * 100).toFixed(1)} %` : "any amount";
    return {
      state: "restless",
      why: `the rounds differ: a second comparison may come to ${share} more or less`,
    };
  }
  return { state: "ok" };
}

/** By how much two comparisons of this one's kind may differ, as a share: from the differences between its rounds. */
const differenceOf = ({ half }: Middle): number => Math.expm1(Math.SQRT2 * half);

/** Both servers met the same conditions in a round, so the ratio is taken within each round. */
const againstFirst = (own: readonly Row[], first: readonly Row[]): number[] =>
  own.flatMap((row) => {
    const same = first.filter(isPassed).find(({ round }) => round === row.round);
    return same ? [Math.log(timeOf(row) / timeOf(same))] : [];
  });

const againstLoop = (own: readonly Row[]): number[] =>
  own.flatMap((row) => (row.yardstickUs === undefined ? [] : [Math.log(timeOf(row) / row.yardstickUs)]));

function ratioOf(middle: Middle, to: Ratio["to"]): Ratio {
  const { ratio, low, high } = differsBy(middle);
  return { to, ratio, low, high, word: low > 1 ? "slower" : high < 1 ? "faster" : "alike" };
}

/** A middle of logarithms as a ratio, with its interval. */
export const differsBy = ({ middle, half }: Middle) => ({
  ratio: Math.exp(middle),
  low: Math.exp(middle - half),
  high: Math.exp(middle + half),
});
