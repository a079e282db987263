/** Puts the recordings of a run's instances together. */
import { UserError } from "../command.ts";
import type { Header } from "./format.ts";
import { merge } from "./histogram.ts";
import type { Gauge, Kind, Recording, Series, SeriesOf } from "./read.ts";
import { covered, isWhole, overlap, parseSegment, type Segment, WHOLE } from "./segment.ts";

/** A recording's header and where it was read. */
export interface Source {
  readonly path: string;
  readonly header: Header;
}

/** One run: what one process recorded, or several that shared its load. */
export interface Run {
  readonly label: string;
  /** By their share of the load. */
  readonly instances: readonly Recording[];
  /** The share of the load that they make up: below 1 where a recording is missing. */
  readonly covered: number;
  /** Every series, over all instances. */
  readonly series: readonly Series[];
  readonly cellSeconds: number;
}

/** Instances of one run start together; more apart than this, they are two runs. */
const START_TOGETHER_MS = 60_000;

/**
 * Finds the recordings that belong together. They have the same test id (`k6 run --tag testid=…`), or they ran
 * different parts (`--execution-segment`) of the same scenario and began together. Any other is a run of its own.
 *
 * @throws {@link UserError} if one recording is given twice, or two ran the same part of one run
 */
export function groupRuns<S extends Source>(sources: readonly S[]): S[][] {
  const groups: S[][] = [];
  for (const source of sources) {
    const twin = sources.find((other) => other !== source && other.header.id === source.header.id);
    if (twin) throw new UserError(`${source.path} and ${twin.path} are the same recording`);
    const own = groups.filter(([first]) => belongTogether(first!, source));
    const clashIn = (group: S[]) => group.find((other) => overlap(segmentOf(other), segmentOf(source)));
    const free = own.find((group) => !clashIn(group));
    if (free) free.push(source);
    else if (own[0] && source.header.run) {
      throw new UserError(
        `${clashIn(own[0])?.path} and ${source.path} have the test id ${JSON.stringify(source.header.run)} and both ran ` +
          `${source.header.segment ?? "the whole load"}: give each run a test id of its own, and each instance its ` +
          "part of the load (--execution-segment)",
      );
    } else groups.push([source]);
  }
  return groups.map((group) => group.sort((a, b) => segmentOf(a).from - segmentOf(b).from));
}

function belongTogether(a: Source, b: Source): boolean {
  if (a.header.run || b.header.run) return a.header.run === b.header.run;
  const apart = Math.abs(Date.parse(a.header.startedAt) - Date.parse(b.header.startedAt));
  return (
    a.header.scenario === b.header.scenario &&
    !isWhole(segmentOf(a)) &&
    !isWhole(segmentOf(b)) &&
    apart <= START_TOGETHER_MS
  );
}

function segmentOf({ path, header: { segment } }: Source): Segment {
  if (!segment) return WHOLE;
  const parsed = parseSegment(segment);
  if (!parsed) throw new UserError(`${path}: line 1: "segment": expected one such as 1/4:1/2`);
  return parsed;
}

/** How long a stretch of time counts as one, so that the longest of these runs has no more than `most` of them. */
export function cellSecondsFor(sources: readonly Source[], most: number): number {
  const longestMs = Math.max(...sources.map(({ header }) => header.longestMs));
  return Math.max(1, Math.ceil(longestMs / 1000 / most));
}

/** Merges the instances of one run. Histograms, counts and rates add up. Gauges add up, too, one moment at a time. */
export function mergeRun(instances: readonly Recording[], cellSeconds: number): Run {
  const [first] = instances;
  const merged = new Map<string, Series>();
  for (const instance of instances) {
    for (const series of instance.series) {
      const identity = JSON.stringify([series.metric, series.kind, Object.entries(series.tags).sort()]);
      const before = merged.get(identity);
      merged.set(identity, before ? addSeries(before, series) : series);
    }
  }
  return {
    label: first!.header.run ?? first!.header.scenario,
    instances,
    covered: covered(instances.map(segmentOf)),
    series: [...merged.values()],
    cellSeconds,
  };
}

/** Two series with the same identity, hence of the same kind. */
function addSeries(a: Series, b: Series): Series {
  switch (a.kind) {
    case "trend":
      return both(a, b as typeof a, (x, y) => merge([x, y]));
    case "counter":
      return both(a, b as typeof a, (x, y) => x + y);
    case "rate":
      return both(a, b as typeof a, (x, y) => ({
        passes: x.passes + y.passes,
        total: x.total + y.total,
      }));
    case "gauge":
      return { ...a, cells: sumGauges(a.cells, (b as typeof a).cells) };
  }
}

function both<K extends Kind>(
  a: SeriesOf<K>,
  b: SeriesOf<K>,
  add: (x: NonNullable<Value<K>>, y: NonNullable<Value<K>>) => Value<K>,
): SeriesOf<K> {
  const cells = new Map(a.cells);
  for (const [cell, value] of b.cells) {
    const before = cells.get(cell);
    cells.set(cell, before === undefined ? value : add(before!, value!));
  }
  return { ...a, cells };
}

type Value<K extends Kind> = SeriesOf<K>["cells"] extends Map<number, infer V> ? V : never;

/** A gauge keeps its value until it is set again, so each one's last value stands where it says nothing. */
export function sumGauges(a: ReadonlyMap<number, Gauge>, b: ReadonlyMap<number, Gauge>): Map<number, Gauge> {
  const sums = new Map<number, Gauge>();
  const nothing: Gauge = { last: 0, min: 0, max: 0 };
  let [x, y] = [nothing, nothing];
  for (const cell of [...new Set([...a.keys(), ...b.keys()])].sort((m, n) => m - n)) {
    x = a.get(cell) ?? still(x);
    y = b.get(cell) ?? still(y);
    sums.set(cell, { last: x.last + y.last, min: x.min + y.min, max: x.max + y.max });
  }
  return sums;
}

const still = ({ last }: Gauge): Gauge => ({ last, min: last, max: last });
