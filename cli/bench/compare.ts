/** Servers side by side, from rounds in which each was measured in turn. docs/guides/echo-performance.md says how. Pure. */
import jstat from "jstat";
import * as v from "valibot";
import { average, FALSE_ALARMS, median, squares } from "../gate/prediction.ts";

const { studentt } = jstat.jStat;

/** Fewer rounds do not show how far they differ. */
export const LEAST_ROUNDS = 3;
export const ROUNDS = 7;

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
});

/** One case, measured once of one server: an element of what `k6 x echo-bench --format json` prints. */
export type Row = v.InferOutput<typeof Row>;

/** Reads what `k6 x echo-bench --format json` prints. */
export const parseRows = (text: string): Row[] => v.parse(v.array(Row), JSON.parse(text));

/** The compared measure: the time that one echo takes, in microseconds. */
export type Measure = "median latency" | "time per echo";

/** Whether a server's figures of a case can be relied on. */
export type State = "ok" | "restless" | "generator-bound" | "failed";

/** A server's time as a share of the first server's, in the same rounds. */
export interface Ratio {
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
  /** How far a second comparison's figure may lie from this one, as a share; Infinity with too few rounds. */
  readonly mayDiffer: number;
  /** Undefined for the first server, and where one of the two failed. */
  readonly against?: Ratio;
}

/** One case of all servers. */
export interface Compared {
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
    return {
      title: titleOf(first[0]!),
      measure: measureOf(first[0]!),
      lines: servers.map((own, i) => lineOf(own, i === 0 ? undefined : first)),
    };
  });
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

function lineOf(own: readonly Row[], first: readonly Row[] | undefined): Line {
  const passed = own.filter(isPassed);
  const mayDiffer = differenceOf(passed.map(timeOf));
  return {
    server: own[0]!.name,
    ...stateOf(own, passed, mayDiffer),
    rounds: passed.length,
    us: median(passed.map(timeOf)),
    echoesPerSecond: median(passed.map(({ echoesPerSecond }) => echoesPerSecond)),
    mayDiffer,
    ...(first === undefined ? {} : ratioOf(passed, first.filter(isPassed))),
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
function differenceOf(times: readonly number[]): number {
  if (times.length < LEAST_ROUNDS) return Number.POSITIVE_INFINITY;
  return Math.expm1(Math.SQRT2 * halfWidth(times.map(Math.log)));
}

/** Both servers met the same conditions in a round, so the ratio is taken within each round. */
function ratioOf(own: readonly Row[], first: readonly Row[]): { against?: Ratio } {
  const logs = own.flatMap((row) => {
    const same = first.find(({ round }) => round === row.round);
    return same ? [Math.log(timeOf(row) / timeOf(same))] : [];
  });
  if (logs.length < LEAST_ROUNDS) return {};
  const middle = average(logs);
  const half = halfWidth(logs);
  const [ratio, low, high] = [Math.exp(middle), Math.exp(middle - half), Math.exp(middle + half)];
  return { against: { ratio, low, high, word: low > 1 ? "slower" : high < 1 ? "faster" : "alike" } };
}

/** Half of the interval about the mean, by Student's t. */
function halfWidth(values: readonly number[]): number {
  const error = Math.sqrt(squares(values) / (values.length - 1) / values.length);
  return studentt.inv(1 - FALSE_ALARMS / 2, values.length - 1) * error;
}
