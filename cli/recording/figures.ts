/** What a metric, or the part of it with certain tags, came to over a whole run. */
import type { MetricName } from "../../lib/metrics.ts";
import type { MetricFigures } from "../../lib/summary/summary.ts";
import type { Limit } from "../../lib/summary/threshold.ts";
import { type Histogram, largest, mean, merge, quantile, smallest } from "./histogram.ts";
import type { Gauge, Kind, Series, SeriesOf } from "./read.ts";
import { type Run, sumGauges } from "./run.ts";

/** A metric, or a submetric as k6 writes it in thresholds: `name{tag:value,other:value}`. */
export interface Selector {
  readonly metric: string;
  readonly tags: readonly (readonly [tag: string, value: string])[];
}

/** Takes a submetric's name apart. */
export function parseSelector(text: string): Selector {
  const [, metric = text, tags] = /^([^{]*)\{(.*)\}$/.exec(text) ?? [];
  const pairs = (tags ?? "")
    .split(",")
    .filter((pair) => pair.trim() !== "")
    .map((pair) => {
      const [tag = "", ...value] = pair.split(":");
      return [unquoted(tag), unquoted(value.join(":"))] as const;
    });
  return { metric, tags: pairs };
}

const unquoted = (text: string): string => text.trim().replace(/^(["'])(.*)\1$/, "$2");

/** The series of a run that a selector names. */
export const select = ({ series }: Run, { metric, tags }: Selector): Series[] =>
  series.filter((one) => one.metric === metric && tags.every(([tag, value]) => one.tags[tag] === value));

/** The histogram of all values; undefined if there are none, or the series are not of a Trend. */
export function histogramOf(series: readonly Series[]): Histogram | undefined {
  const parts = ofKind(series, "trend").flatMap(({ cells }) => [...cells.values()]);
  return parts.length > 0 ? merge(parts) : undefined;
}

export function ofKind<K extends Kind>(series: readonly Series[], kind: K): SeriesOf<K>[] {
  return series.filter((one) => one.kind === kind) as SeriesOf<K>[];
}

/** The figures of series, all of one metric; undefined where there are none. */
export function figuresOf(series: readonly Series[]): MetricFigures | undefined {
  const [first] = series;
  switch (first?.kind) {
    case undefined:
      return undefined;
    case "trend": {
      const { kind, unit } = first;
      const histogram = histogramOf(series);
      if (!histogram || histogram.total === 0) {
        return { kind, unit, count: 0, min: null, p50: null, p90: null, p95: null, p99: null, max: null };
      }
      const [p50, p90, p95, p99] = [0.5, 0.9, 0.95, 0.99].map((share) => quantile(histogram, share));
      return {
        kind,
        unit,
        count: histogram.total,
        min: smallest(histogram),
        p50: p50!,
        p90: p90!,
        p95: p95!,
        p99: p99!,
        max: largest(histogram),
      };
    }
    case "counter":
      return { kind: first.kind, unit: first.unit, count: countOf(series) };
    case "rate": {
      const cells = ofKind(series, "rate").flatMap(({ cells }) => [...cells.values()]);
      const passes = cells.reduce((sum, cell) => sum + cell.passes, 0);
      const total = cells.reduce((sum, cell) => sum + cell.total, 0);
      const rate = total > 0 ? passes / total : null;
      return { kind: first.kind, unit: "ratio", rate, passes, fails: total - passes };
    }
    case "gauge": {
      const parts = ofKind(series, "gauge").map(({ cells }) => cells);
      const cells = [...parts.reduce(ADD_UP.includes(first.metric) ? sumGauges : latest).values()];
      return {
        kind: first.kind,
        unit: first.unit,
        value: cells.at(-1)?.last ?? 0,
        min: cells.reduce((least, { min }) => Math.min(least, min), Number.POSITIVE_INFINITY),
        max: cells.reduce((most, { max }) => Math.max(most, max), Number.NEGATIVE_INFINITY),
      };
    }
  }
}

/** Instances differ in tags, and what is open is that of all. Of another Gauge the last value counts, as in k6. */
const ADD_UP: readonly string[] = [
  "ws_active_sessions",
  "sse_active_streams",
  "token_active_streams",
] satisfies MetricName[];

/** Two series of one Gauge as one: what was set last, and the extremes of both. */
function latest(a: ReadonlyMap<number, Gauge>, b: ReadonlyMap<number, Gauge>): Map<number, Gauge> {
  const cells = [...a, ...b].sort(([m], [n]) => m - n);
  const all = new Map<number, Gauge>();
  for (const [cell, gauge] of cells) {
    const before = all.get(cell) ?? gauge;
    all.set(cell, {
      last: gauge.last,
      min: Math.min(before.min, gauge.min),
      max: Math.max(before.max, gauge.max),
    });
  }
  return all;
}

const countOf = (series: readonly Series[]): number =>
  ofKind(series, "counter").reduce(
    (sum, { cells }) => [...cells.values()].reduce((part, count) => part + count, sum),
    0,
  );

/**
 * What the left side of a limit came to; null where there was nothing to take it from. A Counter that nothing was
 * added to is 0: it has no series.
 */
export function aggregateOf(
  series: readonly Series[],
  aggregate: Limit["aggregate"],
  durationMs: number,
): number | null {
  const [first] = series;
  switch (first?.kind ?? (aggregate === "count" ? "counter" : undefined)) {
    case undefined:
      return null;
    case "counter": {
      const count = countOf(series);
      return aggregate === "rate" ? count / (durationMs / 1000) : count;
    }
    case "trend": {
      const histogram = histogramOf(series);
      return histogram && histogram.total > 0 ? trendValue(histogram, aggregate) : null;
    }
    default: {
      const figures = figuresOf(series)!;
      return figures.kind === "rate" ? figures.rate : figures.kind === "gauge" ? figures.value : null;
    }
  }
}

function trendValue(histogram: Histogram, aggregate: Limit["aggregate"]): number | null {
  switch (aggregate) {
    case "min":
      return smallest(histogram);
    case "max":
      return largest(histogram);
    case "avg":
      return mean(histogram);
    case "med":
      return quantile(histogram, 0.5);
    default: {
      const percent = Number(/^p\((.+)\)$/.exec(aggregate)?.[1]);
      return Number.isNaN(percent) ? null : quantile(histogram, percent / 100);
    }
  }
}
