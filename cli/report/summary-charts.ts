/** The charts of summaries alone, which know no time. Pure. */
import type { Summary, TrendSummary } from "../../lib/summary/summary.ts";
import { titleOf } from "../../lib/titles.ts";
import { type Chart, linear, MILLISECONDS } from "./chart.ts";
import type { RunView } from "./view.ts";

const PERCENTILES = ["p50", "p90", "p95", "p99", "max"] as const;

/** Of summaries alone: no time, but the percentiles are there. */
export function percentiles(views: readonly RunView[]): Chart {
  const isAlone = views.length === 1;
  return {
    title: "Latencies",
    help: "How slow the slowest half, tenth, twentieth, hundredth were, and the slowest one.",
    x: { label: "", scale: "names", names: PERCENTILES },
    y: MILLISECONDS,
    lines: views.flatMap(({ label, summary }, run) =>
      trendsOf(summary).map(([metric, trend], i) => ({
        label: isAlone ? titleOf(metric) : `${label} ${titleOf(metric)}`,
        color: isAlone ? i : run,
        style: "line" as const,
        x: PERCENTILES.map((_, index) => index),
        y: PERCENTILES.map((name) => trend[name] || null),
      })),
    ),
    limits: [],
    events: [],
  };
}

const trendsOf = (summary: Summary): [string, TrendSummary][] =>
  Object.entries(summary.metrics).filter(
    (entry): entry is [string, TrendSummary] => entry[1].kind === "trend" && entry[1].count > 0,
  );

/** The counts by kind, for summaries without a recording. */
export function closes(views: readonly RunView[]): Chart {
  const counted = views.map(({ summary }) => kindsOf(summary));
  const names = [...new Set(counted.flatMap((kinds) => [...kinds.keys()]))];
  return {
    title: "Errors and closes by kind",
    help: "Connections that failed or dropped, and messages in error, by reason or close code.",
    x: { label: "", scale: "names", names },
    y: linear("count"),
    lines: views.map(({ label }, run) => ({
      label: views.length === 1 ? "count" : label,
      color: run,
      style: "bars" as const,
      x: names.map((_, index) => index),
      y: names.map((name) => counted[run]!.get(name) ?? null),
    })),
    limits: [],
    events: [],
  };
}

const KINDS = [
  ["ws_connect_failures", "reason"],
  ["ws_connection_drops", "code"],
  ["ws_message_errors", "reason"],
  ["token_request_failures", "reason"],
] as const;

function kindsOf(summary: Summary): Map<string, number> {
  const kinds = new Map<string, number>();
  for (const [metric, tag] of KINDS) {
    for (const [value, part] of Object.entries(summary.metrics[metric]?.by?.[tag] ?? {})) {
      if (part.kind === "counter") kinds.set(`${metric.split("_").at(-1)}: ${value}`, part.count);
    }
  }
  return kinds;
}
