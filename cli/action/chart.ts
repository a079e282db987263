/** A run's latency over time as a chart in Mermaid's notation, which GitHub draws as SVG. Pure. */
import { histogramOf, ofKind, parseSelector, select } from "../recording/figures.ts";
import { type Histogram, merge, quantile } from "../recording/histogram.ts";
import type { Run } from "../recording/run.ts";

/** The first of these that a run has values of is drawn. */
export const DRAWN = ["ws_msg_rtt_ms", "ws_fanout_lag_ms", "ws_connect_latency_ms"] as const;

/** As many as have room for the seconds below them. */
const MOST_POINTS = 20;
/** Of one point a line cannot be drawn. */
const LEAST_POINTS = 2;

/** A stretch of time that has values. */
export interface Point {
  /** From the run's first second, to the beginning of the stretch. */
  readonly second: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** The chart as a fenced block of Markdown; undefined where there is too little to draw. */
export function latencyChart(run: Run): string | undefined {
  const metric = DRAWN.find((name) => histogramOf(select(run, parseSelector(name))) !== undefined);
  const points = metric ? pointsOf(run, metric) : [];
  if (metric === undefined || points.length < LEAST_POINTS) return undefined;
  const highest = Math.max(...points.map(({ p99 }) => p99));
  const line = (values: readonly number[]) => `  line [${values.map(figure).join(", ")}]`;
  return [
    "```mermaid",
    "---",
    "config:",
    "  xyChart:",
    "    width: 720",
    "    height: 260",
    "    titleFontSize: 14",
    "    xAxis: {labelFontSize: 11, titleFontSize: 12}",
    "    yAxis: {labelFontSize: 11, titleFontSize: 12}",
    "  themeVariables:",
    "    xyChart:",
    '      backgroundColor: "transparent"', // the page's own, which may be dark
    '      plotColorPalette: "#e8590c, #3b8eea"', // told from either
    "---",
    "xychart-beta",
    `  title "${metric}: p99 (upper line) and p50"`,
    `  x-axis "seconds into the run" [${points.map(({ second }) => second).join(", ")}]`,
    `  y-axis "ms" 0 --> ${figure(highest * 1.1)}`,
    line(points.map(({ p99 }) => p99)),
    line(points.map(({ p50 }) => p50)),
    "```",
  ].join("\n");
}

/** The quantiles of a metric over stretches of equal length; those without values are left out. */
export function pointsOf(run: Run, metric: string): Point[] {
  const series = ofKind(select(run, parseSelector(metric)), "trend");
  const cells = series.flatMap((one) => [...one.cells]).filter(([, { total }]) => total > 0);
  if (cells.length === 0) return [];
  const times = cells.map(([second]) => second);
  const first = times.reduce((least, time) => Math.min(least, time));
  const last = times.reduce((most, time) => Math.max(most, time));
  const length = Math.ceil((last - first + 1) / MOST_POINTS);
  const parts = new Map<number, Histogram[]>();
  for (const [time, histogram] of cells) {
    const second = Math.floor((time - first) / length) * length;
    parts.set(second, [...(parts.get(second) ?? []), histogram]);
  }
  return [...parts]
    .sort(([a], [b]) => a - b)
    .map(([second, histograms]) => {
      const all = merge(histograms);
      return { second, p50: quantile(all, 0.5), p99: quantile(all, 0.99) };
    });
}

/** Never in a form such as 1e-7, which Mermaid does not read. */
const figure = (value: number): string => String(Number(value.toFixed(value < 1 ? 4 : 2)));
