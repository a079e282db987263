/** A chart's data in uPlot's terms. */
import uPlot from "uplot";
import { type Axis, type Chart, clock, type Line } from "../chart.ts";

const HEIGHT = 260;
const COLORS = 8;

/** Charts over time show the same moment together. */
const moment = uPlot.sync("time");

/** uPlot takes one column of x for all lines of a chart: what a line has no value at is null. */
export function tableOf({ lines }: Chart): uPlot.AlignedData {
  const points = lines.some(({ style, x }) => style === "points" && new Set(x).size < x.length);
  if (points) return scattered(lines);
  const x = [...new Set(lines.flatMap((line) => line.x))].sort((a, b) => a - b);
  return [
    x,
    ...lines.map((line) => {
      const values = new Map(line.x.map((value, i) => [value, line.y[i]!]));
      return x.map((value) => values.get(value) ?? null);
    }),
  ];
}

/** Points of which several have the same x: a row for each. */
function scattered(lines: readonly Line[]): uPlot.AlignedData {
  const rows = lines
    .flatMap((line, index) => line.x.map((x, i) => ({ x, index, y: line.y[i]! })))
    .sort((a, b) => a.x - b.x);
  return [
    rows.map(({ x }) => x),
    ...lines.map((_, index) => rows.map((row) => (row.index === index ? row.y : null))),
  ];
}

export function optionsOf(chart: Chart, width: number, styles: CSSStyleDeclaration): uPlot.Options {
  const color = (name: string) => styles.getPropertyValue(name).trim();
  const axis = (one: Axis, side: number): uPlot.Axis => ({
    side,
    stroke: color("--quiet"),
    grid: { stroke: color("--grid"), width: 1 },
    ticks: { stroke: color("--grid"), width: 1 },
    values: (_, splits) => splits.map((value) => (value === null ? "" : tick(one, value))),
    ...(side === 3 && { size: 58 }),
    ...(one.scale === "names" && { splits: (one.names ?? []).map((_, i) => i) as never }),
    ...(one.scale === "time" && {
      incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600],
    }),
  });
  const isTime = chart.x.scale === "time";
  return {
    width,
    height: HEIGHT,
    scales: {
      x: {
        time: false,
        distr: chart.x.scale === "log" ? 3 : 1,
        ...(chart.x.scale === "names" && { range: padded }),
      },
      y: { distr: chart.y.scale === "log" ? 3 : 1, range: rangeOf(chart) },
    },
    axes: [axis(chart.x, 2), axis(chart.y, 3)],
    cursor: {
      ...(isTime && { sync: { key: moment.key } }),
      drag: { x: chart.x.scale !== "names", y: false },
    },
    legend: { live: true },
    series: [
      { label: chart.x.label || " ", value: (_, value) => (value === null ? "" : tick(chart.x, value)) },
      ...chart.lines.map((line) => {
        const series = seriesOf(line, chart.y, color(`--color-${line.color % COLORS}`));
        // A distribution has gaps where nothing lay: what stands alone there is a point.
        return chart.x.scale === "log" ? { ...series, points: { ...series.points, show: true } } : series;
      }),
    ],
    hooks: { drawAxes: [(plot) => drawMarks(plot, chart, color)] },
  };
}

const padded: uPlot.Range.Function = (_, min, max) => [min - 0.5, max + 0.5];

/** All values, and the limits that are near enough to be seen with them. */
function rangeOf({ y, limits }: Chart): uPlot.Range.Function {
  const bounds = limits.filter(({ axis }) => axis === "y").map(({ at }) => at);
  return (_, min, max) => {
    if (min === null || max === null) return [0, 1];
    const highest = Math.max(max, ...bounds.filter((bound) => bound < max * 20));
    if (y.scale === "log") return uPlot.rangeLog(min, highest * 1.1, 10, false);
    return [Math.min(0, min), highest * 1.08 || 1];
  };
}

function seriesOf(line: Line, y: Axis, stroke: string): uPlot.Series {
  const base: uPlot.Series = {
    label: line.label,
    stroke,
    width: 1.5,
    points: { size: 4, fill: stroke },
    value: (_, value) => (value === null ? "–" : tick(y, value)),
  };
  switch (line.style) {
    case "line":
      return base;
    case "dashed":
      return { ...base, dash: [5, 4] };
    case "points":
      return { ...base, paths: () => null, points: { show: true, size: 5, fill: stroke, stroke } };
    case "bars":
      return {
        ...base,
        fill: stroke,
        paths: uPlot.paths.bars!({ size: [0.6, 60] }),
        points: { show: false },
      };
  }
}

function tick({ scale, names }: Axis, value: number): string {
  if (scale === "names") return names?.[value] ?? "";
  return scale === "time" ? clock(value) : precise(value);
}

const precise = (value: number): string =>
  Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));

/** Limits as lines with their names, and behind them events as bands. */
function drawMarks(plot: uPlot, { limits, events }: Chart, color: (name: string) => string): void {
  const { ctx, bbox } = plot;
  const clamp = (at: number, low: number, size: number) => Math.min(Math.max(at, low), low + size);
  ctx.save();
  ctx.fillStyle = color("--event");
  for (const { from, to } of events) {
    const left = clamp(plot.valToPos(from, "x", true), bbox.left, bbox.width);
    const right = clamp(plot.valToPos(to, "x", true), bbox.left, bbox.width);
    ctx.fillRect(left, bbox.top, Math.max(right - left, 2), bbox.height);
  }
  ctx.strokeStyle = color("--limit");
  ctx.fillStyle = color("--limit");
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  let row = 0;
  for (const { at, axis, label } of limits) {
    const position = plot.valToPos(at, axis, true);
    const [low, size] = axis === "y" ? [bbox.top, bbox.height] : [bbox.left, bbox.width];
    if (position < low || position > low + size) continue;
    ctx.beginPath();
    if (axis === "y") {
      ctx.moveTo(bbox.left, position);
      ctx.lineTo(bbox.left + bbox.width, position);
      ctx.textAlign = "right";
      ctx.fillText(label, bbox.left + bbox.width - 4, position - 4 * devicePixelRatio);
    } else {
      ctx.moveTo(position, bbox.top);
      ctx.lineTo(position, bbox.top + bbox.height);
      ctx.textAlign = position > bbox.left + bbox.width / 2 ? "right" : "left";
      const side = ctx.textAlign === "right" ? -4 : 4;
      ctx.fillText(
        label,
        position + side * devicePixelRatio,
        bbox.top + (12 + 14 * row++) * devicePixelRatio,
      );
    }
    ctx.stroke();
  }
  ctx.restore();
}
