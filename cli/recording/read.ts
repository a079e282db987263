/** Reads the recording of one process. */
import * as v from "valibot";
import { UserError } from "../command.ts";
import { cut, printable } from "../try/safe-text.ts";
import {
  AnyHeader,
  type End,
  EndLine,
  FORMAT_VERSION,
  Header,
  ProcessLine,
  type ProcessUsage,
  SecondLine,
  SeriesLine,
  Values,
} from "./format.ts";
import { decode, type Histogram, merge } from "./histogram.ts";
import { type Line, linesOf } from "./lines.ts";

export interface Rate {
  readonly passes: number;
  readonly total: number;
}

export interface Gauge {
  readonly last: number;
  readonly min: number;
  readonly max: number;
}

/** What each kind of series comes to in a stretch of time. */
export interface CellOf {
  readonly trend: Histogram;
  readonly counter: number;
  readonly rate: Rate;
  readonly gauge: Gauge;
}
export type Kind = keyof CellOf;

/** A metric with its tags; what it came to by the Unix second in which a stretch of time begins. */
export type SeriesOf<K extends Kind> = {
  readonly kind: K;
  readonly metric: string;
  readonly unit: string;
  readonly tags: { readonly [tag: string]: string };
  readonly cells: Map<number, CellOf[K]>;
};
export type Series = { [K in Kind]: SeriesOf<K> }[Kind];

/** One process's part of a run. */
export interface Recording {
  readonly path: string;
  readonly header: Header;
  readonly series: readonly Series[];
  readonly usage: readonly ProcessUsage[];
  /** How the run ended; undefined where the process was killed, or could not write any more. */
  readonly end: End | undefined;
}

const DAY_S = 86_400;

/**
 * Reads a recording. A last line that was cut short, as a killed process leaves it, is passed over.
 *
 * @param path
 * @param cellSeconds Seconds that count as one: a long run's are too many to keep.
 * @throws {@link UserError} naming the file, the line and the problem
 */
export async function readRecording(path: string, cellSeconds = 1): Promise<Recording> {
  const reader = new RecordingReader(path, cellSeconds);
  try {
    for await (const line of linesOf(path)) {
      if (!line.isWhole && line.number > 1) break;
      reader.take(line);
    }
  } catch (error) {
    if (error instanceof RangeError) throw new UserError(`${path}: ${error.message}`);
    throw error;
  }
  return reader.done();
}

/**
 * Reads only the first line of a recording.
 *
 * @throws {@link UserError} if the file is not a recording, or cannot be read
 */
export async function readHeader(path: string): Promise<Header> {
  for await (const line of linesOf(path)) return parseHeader(path, line.text);
  throw notARecording(path, "it is empty");
}

/** Whether a file is a recording of some version, whole or not. */
export async function isRecording(path: string): Promise<boolean> {
  try {
    for await (const line of linesOf(path)) return v.is(AnyHeader, JSON.parse(line.text));
    return false;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return false;
    throw error;
  }
}

/**
 * Reads the text of a first line.
 *
 * @param path The name of its source, for errors.
 * @throws {@link UserError} if it is not a header, or has another version of the format
 */
export function parseHeader(path: string, text: string): Header {
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch {
    throw notARecording(path, "its first line is not JSON");
  }
  const any = v.safeParse(AnyHeader, line);
  if (!any.success) throw notARecording(path, "its first line is not the header of one");
  if (any.output.version !== FORMAT_VERSION) {
    throw new UserError(
      `${path}: expected version ${FORMAT_VERSION} of the recording format, got ${any.output.version}: use the k6-realtime that made it`,
    );
  }
  return checked(Header, line, `${path}: line 1`);
}

const notARecording = (path: string, why: string) =>
  new UserError(`${path}: expected a recording, as k6 run --out realtime=FILE makes it, but ${why}`);

function checked<S extends v.GenericSchema>(schema: S, value: unknown, where: string): v.InferOutput<S> {
  const { success, output, issues } = v.safeParse(schema, value);
  if (success) return output;
  const [issue] = issues;
  const field = v.getDotPath(issue) ?? "";
  const message = `${field && `"${field}": `}expected ${/^Invalid /.test(issue.message) ? issue.expected : issue.message}, got ${issue.received}`;
  throw new UserError(`${where}: ${printable(cut(message, 200))}`);
}

/** Takes the lines of one file in their order, the whole file at once or as it grows. */
export class RecordingReader {
  readonly #path: string;
  #header: Header | undefined;
  #end: End | undefined;
  readonly #views: readonly { readonly cellSeconds: number; readonly series: Series[] }[];
  readonly #usage: ProcessUsage[] = [];

  /** @param cellSeconds one or several: how many seconds count as one. Each line is read once for all of them. */
  constructor(path: string, ...cellSeconds: readonly [number, ...number[]]) {
    this.#path = path;
    this.#views = cellSeconds.map((seconds) => ({ cellSeconds: seconds, series: [] }));
  }

  /** @throws {@link UserError} naming the file, the line and the problem */
  take({ number, text }: Pick<Line, "number" | "text">): void {
    if (!this.#header) {
      this.#header = parseHeader(this.#path, text);
      return;
    }
    const where = `${this.#path}: line ${number}`;
    if (this.#end && text.trim() === "") return; // as an editor leaves it
    if (this.#end) throw new UserError(`${where}: expected nothing behind the line that ends a recording`);
    let line: unknown;
    try {
      line = JSON.parse(text);
    } catch {
      throw new UserError(`${where}: expected JSON`);
    }
    const has = (field: string) => typeof line === "object" && line !== null && Object.hasOwn(line, field);
    if (has("t")) this.#takeSecond(line, where);
    else if (has("series")) this.#takeSeries(line, where);
    else if (has("process")) this.#usage.push(checked(ProcessLine, line, where).process);
    else this.#end = checked(EndLine, line, where).end;
  }

  /**
   * The recording until now, in stretches of the nth of `cellSeconds`.
   *
   * @throws {@link UserError} where not even the header came
   */
  done(nth = 0): Recording {
    if (!this.#header) throw notARecording(this.#path, "it is empty");
    return {
      path: this.#path,
      header: this.#header,
      series: this.#views[nth]!.series,
      usage: this.#usage,
      end: this.#end,
    };
  }

  #takeSeries(line: unknown, where: string): void {
    const { series, metric, kind, unit, tags = {} } = checked(SeriesLine, line, where);
    const next = this.#views[0]!.series.length;
    if (series !== next) {
      throw new UserError(`${where}: "series": expected ${next}, the next one, got ${series}`);
    }
    for (const view of this.#views) view.series.push({ kind, metric, unit, tags, cells: new Map() });
  }

  #takeSecond(line: unknown, where: string): void {
    const { t, d } = checked(SecondLine, line, where);
    const { startedAt, longestMs } = this.#header!;
    const start = Math.floor(Date.parse(startedAt) / 1000);
    // A setup comes before the load, and a clock may be set.
    if (t < start - DAY_S || t > start + longestMs / 1000 + DAY_S) {
      throw new UserError(`${where}: "t": expected a second of the run that began at ${start}, got ${t}`);
    }
    for (const [index, value] of d) {
      const one = this.#views[0]!.series[index];
      if (!one) throw new UserError(`${where}: expected a series that was described before, got ${index}`);
      const came = cellOf(one.kind, value, `${where}: ${printable(cut(one.metric, 100))}`);
      for (const { cellSeconds, series } of this.#views) add(series[index]!, t - (t % cellSeconds), came);
    }
  }
}

/** What a line says of a series, as {@link CellOf} has it of that kind. */
function cellOf(kind: Kind, value: unknown, where: string): CellOf[Kind] {
  switch (kind) {
    case "trend":
      return decoded(checked(Values.trend, value, where), where);
    case "counter":
      return checked(Values.counter, value, where);
    case "rate": {
      const [passes, total] = checked(Values.rate, value, where);
      return { passes, total };
    }
    case "gauge": {
      const [last, min, max] = checked(Values.gauge, value, where);
      return { last, min, max };
    }
  }
}

/** Adds it to what the lines before said of the same stretch of time. */
function add(series: Series, cell: number, value: CellOf[Kind]): void {
  const cells = series.cells as Map<number, CellOf[Kind]>;
  const before = cells.get(cell);
  cells.set(cell, before === undefined ? value : SUMS[series.kind](before as never, value as never));
}

const SUMS: { readonly [K in Kind]: (before: CellOf[K], value: CellOf[K]) => CellOf[K] } = {
  trend: (before, histogram) => merge([before, histogram]),
  counter: (before, count) => before + count,
  rate: (before, { passes, total }) => ({ passes: before.passes + passes, total: before.total + total }),
  gauge: (before, { last, min, max }) => ({
    last,
    min: Math.min(before.min, min),
    max: Math.max(before.max, max),
  }),
};

function decoded(text: string, where: string): Histogram {
  try {
    return decode(text);
  } catch (error) {
    throw new UserError(`${where}: expected a histogram, got one that is ${(error as Error).message}`);
  }
}
