import type { Summary } from "../../lib/summary/summary.ts";

/** A Counter's count: `ws_replies`, or that of one value by tag, `ws_connection_drops{code:4001}`. 0 where there is none. */
export function count(summary: Summary, series: string): number {
  const [, name = "", tag, value] = /^(\w+)(?:\{(\w+):(\w+)\})?$/.exec(series) ?? [];
  const metric = tag === undefined ? summary.metrics[name] : summary.metrics[name]?.by?.[tag]?.[value!];
  return metric?.kind === "counter" ? metric.count : 0;
}

/** How many of a Rate's samples were true, and how many were not. */
export function rate(summary: Summary, name: string): { passes: number; fails: number } {
  const metric = summary.metrics[name];
  if (metric?.kind !== "rate") throw new Error(`no rate ${name} in the summary`);
  return { passes: metric.passes, fails: metric.fails };
}
