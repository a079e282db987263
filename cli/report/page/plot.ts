/** A chart's data in uPlot's terms. */
import uPlot from "uplot";
import { type Axis, type Chart, clock, type Line } from "../chart.ts";
import { hasFigure, logTicks, percentileTicks } from "./ticks.ts";

const HEIGHT = 260;
const COLORS = 8;

/** Charts over time show the same moment together. */
const moment = uPlot.sync("time");

export function optionsOf(chart: Chart, width: number, styles: CSSStyleDeclaration): uPlot.Options {
  const color = (name: string) => styles.getPropertyValue(name).trim();
  const axis = (one: Axis, side: number): uPlot.Axis => ({
    side,
    stroke: color("--quiet"),
    grid: { stroke: color("--grid"), width: 1, show: side !== RIGHT },
    ticks: { stroke: color("--grid"), width: 1 },
    values: (_, splits) =>
      splits.map((value) =>
        value === null || (one.scale === "log" && !hasFigure(value, splits)) ? "" : tick(one, value),
      ),
    ...(side !== BOTTOM && { size: 58 }),
    ...(side === RIGHT && { scale: "right" }),
    ...(one.scale === "names" && { splits: (one.names ?? []).map((_, i) => i) as never }),
    // uPlot's own begin wherever the axis does, on no round figure.
    ...(one.scale === "log" && { splits: (_, __, min, max) => logTicks(min, max), filter: all }),
    ...(one.scale === "percentile" && { splits: (_, __, ___, max) => percentileTicks(max), filter: all }),
    ...(one.scale === "time" && {
      incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600],
    }),
  });
  const isTime = chart.x.scale === "time";
  const isLog = (one: Axis) => one.scale === "log" || one.scale === "percentile";
  return {
    width,
    height: HEIGHT,
    padding: [10, chart.right ? 0 : 26, 0, 0], // room for the last figure of the axis below
    scales: {
      x: {
        time: false,
        distr: isLog(chart.x) ? 3 : 1,
        ...(chart.x.scale === "names" && { range: padded }),
        ...(chart.x.scale === "percentile" && { range: fromOne }),
      },
      y: { distr: isLog(chart.y) ? 3 : 1, range: rangeOf(chart) },
      ...(chart.right && { right: { range: fromZero } }),
    },
    axes: [axis(chart.x, BOTTOM), axis(chart.y, LEFT), ...(chart.right ? [axis(chart.right, RIGHT)] : [])],
    cursor: {
      ...(isTime && { sync: { key: moment.key } }),
      drag: { x: chart.x.scale !== "names", y: false },
    },
    legend: { live: true },
    series: [
      { label: chart.x.label || " ", value: (_, value) => (value === null ? "" : tick(chart.x, value)) },
      ...chart.lines.map((line) => {
        const own = line.axis === "right" && chart.right ? chart.right : chart.y;
        const stroke = color(line.color === "quiet" ? "--quiet" : `--color-${line.color % COLORS}`);
        return seriesOf(line, own, stroke, color("--load"));
      }),
    ],
    hooks: { drawAxes: [(plot) => drawMarks(plot, chart, color)] },
  };
}

const [RIGHT, BOTTOM, LEFT] = [1, 2, 3];

const all: uPlot.Axis.Filter = (_, splits) => splits;

const padded: uPlot.Range.Function = (_, min, max) => [min - 0.5, max + 0.5];

const fromOne: uPlot.Range.Function = (_, __, max) => [1, Math.max(2, max ?? 2)];
const fromZero: uPlot.Range.Function = (_, __, max) => [0, (max ?? 0) * 1.08 || 1];

/** A limit that held is shown where it is no further off than so many times the highest value. */
const NEAR = 10;

/** All values, the limits that are near enough to be seen with them, and each that was broken. */
function rangeOf({ y, limits }: Chart): uPlot.Range.Function {
  return (_, min, max) => {
    if (min === null || max === null) return [0, 1];
    const bounds = limits
      .filter(({ axis, at, broken }) => axis === "y" && (broken || (at < max * NEAR && at > min / NEAR)))
      .map(({ at }) => at);
    const [lowest, highest] = [Math.min(min, ...bounds), Math.max(max, ...bounds)];
    // No decade beyond the values: at most half of one below and above.
    if (y.scale === "log") return [lowest / 1.5, highest * 1.5];
    return [Math.min(0, lowest), highest * 1.08 || 1];
  };
}

function seriesOf(line: Line, y: Axis, stroke: string, area: string): uPlot.Series {
  const base: uPlot.Series = {
    label: line.label,
    stroke,
    width: line.isStrong ? 2.5 : 1.5,
    ...(line.axis === "right" && { scale: "right" }),
    points: { size: 4, fill: stroke },
    // When the pointer is elsewhere, the legend shows the range of the line.
    value: (plot, value, index) => {
      if (value !== null && value !== undefined) return tick(y, value);
      return plot.cursor.idx === null || plot.cursor.idx === undefined ? spanOf(plot.data[index], y) : "–";
    },
  };
  switch (line.style) {
    case "line":
      return base;
    case "dashed":
      return { ...base, dash: [5, 4], points: { show: false } };
    case "area":
      return { ...base, stroke: area, fill: area, width: 0, points: { show: false } };
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

function spanOf(column: uPlot.AlignedData[number] | undefined, y: Axis): string {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of column ?? []) {
    if (value === null || value === undefined) continue;
    [low, high] = [Math.min(low, value), Math.max(high, value)];
  }
  if (low > high) return "–";
  return low === high ? tick(y, low) : `${tick(y, low)} to ${tick(y, high)}`;
}

function tick({ scale, names }: Axis, value: number): string {
  if (scale === "names") return names?.[value] ?? "";
  if (scale === "percentile") return `${Number((100 * (1 - 1 / value)).toPrecision(8))} %`;
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
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  const gap = 4 * devicePixelRatio;
  const height = 12 * devicePixelRatio;
  // Labels of limits that lie close together stand beside each other.
  let right = bbox.left + bbox.width - gap;
  let row = 0;
  for (const { at, axis, label, broken } of limits) {
    const position = plot.valToPos(at, axis, true);
    const [low, size] = axis === "y" ? [bbox.top, bbox.height] : [bbox.left, bbox.width];
    if (position < low || position > low + size) continue;
    ctx.strokeStyle = ctx.fillStyle = color(broken ? "--limit" : "--quiet");
    ctx.beginPath();
    if (axis === "y") {
      ctx.moveTo(bbox.left, position);
      ctx.lineTo(bbox.left + bbox.width, position);
      ctx.textAlign = "right";
      const baseline = position - gap - height > bbox.top ? position - gap : position + height;
      const { width } = ctx.measureText(label);
      // Free of the lines that run there.
      ctx.fillStyle = color("--card");
      ctx.fillRect(right - width - gap / 2, baseline - height + gap, width + gap, height);
      ctx.fillStyle = ctx.strokeStyle;
      ctx.fillText(label, right, baseline);
      right -= width + 2 * gap;
    } else {
      ctx.moveTo(position, bbox.top);
      ctx.lineTo(position, bbox.top + bbox.height);
      ctx.textAlign = position > bbox.left + bbox.width / 2 ? "right" : "left";
      const side = ctx.textAlign === "right" ? -gap : gap;
      ctx.fillText(label, position + side, bbox.top + height + 14 * devicePixelRatio * row++);
    }
    ctx.stroke();
  }
  ctx.restore();
}
