/** A chart's values as the table that uPlot takes. Pure. */
import type { Chart, Line } from "../chart.ts";

/** A column of x, then one for each line. */
export type Table = [x: number[], ...lines: (number | null | undefined)[][]];

/** uPlot takes one column of x for all lines of a chart: a missing value of a line is null. */
export function tableOf({ lines }: Chart): Table {
  const points = lines.some(({ style, x }) => style === "points" && new Set(x).size < x.length);
  if (points) return scattered(lines);
  const x = [...new Set(lines.flatMap((line) => line.x))].sort((a, b) => a - b);
  return [
    x,
    ...lines.map((line) => {
      const values = new Map(line.x.map((value, i) => [value, line.y[i]!]));
      // Null is a gap; undefined, where another line alone has this x, is passed over.
      return x.map((value) => values.get(value));
    }),
  ];
}

/** Points of which several have the same x: a row for each. */
function scattered(lines: readonly Line[]): Table {
  const rows = lines
    .flatMap((line, index) => line.x.map((x, i) => ({ x, index, y: line.y[i]! })))
    .sort((a, b) => a.x - b.x);
  return [
    rows.map(({ x }) => x),
    ...lines.map((_, index) => rows.map((row) => (row.index === index ? row.y : null))),
  ];
}
