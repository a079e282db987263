/** Queries of results (lib/result.ts): one point for each run, with its verdict and the figures of its summary. */

import type { MetricName } from "../lib/metrics.ts";
import { VERDICTS } from "../lib/summary/summary.ts";
import { unitOf } from "./common.ts";
import type { Query } from "./influxql.ts";

/** A figure of a whole run. */
export interface Figure {
  readonly title: string;
  readonly metric: MetricName;
  /** As in its field: p99, count, rate, or of one value of a tag, side_send_p99. */
  readonly of: string;
  readonly unit: string;
}

const figure = (metric: MetricName, of: string, title: string): Figure => ({
  title,
  metric,
  of,
  unit: of === "count" ? "none" : unitOf(metric),
});

/** The figures to look at first. Each run has the ones that its scenario records. */
export const FIGURES: readonly Figure[] = [
  figure("ws_msg_rtt_ms", "p50", "Response, p50"),
  figure("ws_msg_rtt_ms", "p99", "Response, p99"),
  figure("ws_fanout_lag_ms", "p50", "Fan-out lag, p50"),
  figure("ws_fanout_lag_ms", "p99", "Fan-out lag, p99"),
  figure("ws_page_lag_ms", "p50", "Page lag, p50"),
  figure("ws_page_lag_ms", "p99", "Page lag, p99"),
  figure("token_first_content_ms", "p50", "First content, p50"),
  figure("token_first_content_ms", "p99", "First content, p99"),
  figure("token_per_token_ms", "p99", "Per token, p99"),
  figure("ws_reconnect_time_ms", "p99", "Whole again, p99"),
  figure("ws_connect_latency_ms", "p99", "Connect, p99"),
  figure("sse_longest_stall_ms", "max", "Longest stall"),
  figure("token_success_rate", "rate", "Finished"),
  figure("token_good_rate", "rate", "Good requests"),
  figure("ws_reply_success_rate", "rate", "Replies in time"),
  figure("ws_delivery_success_rate", "rate", "Deliveries in time"),
  figure("ws_messages_lost", "count", "Lost"),
  figure("ws_page_missed", "count", "Not shown"),
  figure("ws_readers_harmed", "count", "Readers harmed"),
  figure("ws_contract_violations", "count", "Contract broken"),
  figure("token_stalls", "count", "Stalls"),
  figure("token_buffered_streams", "count", "Buffered"),
  figure("ws_connect_failures", "count", "Not connected"),
  figure("ws_connection_drops", "count", "Dropped"),
  figure("ws_generator_delay_ms", "side_send_p99", "Generator send, p99"),
  figure("ws_generator_delay_ms", "side_receive_p99", "Generator receive, p99"),
];

export const fieldOf = ({ metric, of }: Pick<Figure, "metric" | "of">): string => `${metric}_${of}`;

const OF_RUN = '"part" = \'run\' AND "run" =~ /^${run:regex}$/';
const OF_RUNS =
  '"part" = \'run\' AND "scenario" =~ /^${scenario:regex}$/ AND "branch" =~ /^${branch:regex}$/ AND $timeFilter';

/** The figure of the chosen run, whatever time range is shown. */
export const ofRun = (one: Figure): Query => ({
  influxql: `SELECT last("${fieldOf(one)}") AS "${fieldOf(one)}" FROM "realtime_result" WHERE ${OF_RUN}`,
  alias: one.title,
});

/** How many of the chosen run's connections under test had which outcome, whatever time range is shown. */
export const outcomesOfRun = (): Query => ({
  influxql: `SELECT sum("sum") FROM "ws_outcomes" WHERE "source" = 'aggregates' AND "run" =~ /^\${run:regex}$/ GROUP BY "outcome"`,
  alias: "Outcome: $tag_outcome",
});

/** Columns by the name that people read, each with the field or tag that it comes from, or an expression of them. */
export type Columns = { readonly [name: string]: string };

const table = (columns: Columns, from: string): string =>
  `SELECT ${Object.entries(columns)
    .map(([name, of]) => `${/^\w+$/.test(of) ? `"${of}"` : of} AS "${name}"`)
    .join(", ")} FROM "${from}"`;

/** The chosen run's results, the latest first, whatever time range is shown. */
export const resultsOfRun = (columns: Columns): Query => ({
  influxql: `${table(columns, "realtime_result")} WHERE ${OF_RUN} ORDER BY time DESC LIMIT 10`,
  alias: "",
});

/** The results of a time range, the latest first. */
export const resultsInRange = (columns: Columns): Query => ({
  influxql: `${table(columns, "realtime_result")} WHERE ${OF_RUNS} ORDER BY time DESC LIMIT 500`,
  alias: "",
});

/** Each figure of the runs of a time range, a query each: a figure that no run has then takes no column. */
export const figuresInRange = (figures: readonly Figure[]): Query[] =>
  figures.map((one) => ({
    influxql: `${table({ [one.title]: fieldOf(one), Run: "run" }, "realtime_result")} WHERE ${OF_RUNS} ORDER BY time DESC LIMIT 500`,
    alias: "",
  }));

/** The labels of a run's point that links read. */
const LINK_TAGS = ["run", "from", "until"];

/** Figures of the runs of a time range, a series for each run and figure. */
export const byRun = (columns: Columns): Query => ({
  influxql: `${table(columns, "realtime_result")} WHERE ${OF_RUNS} GROUP BY ${LINK_TAGS.map((tag) => `"${tag}"`).join(", ")}`,
  alias: `${LINK_TAGS.map((tag) => `$tag_${tag}`).join(" ")} $col`,
});

/** The steps of the chosen run, in their order. */
export const stepsOfRun = (columns: Columns): Query => ({
  influxql: `${table(columns, "realtime_step")} WHERE ${OF_RUN}`,
  alias: "",
});

/** The chosen run's processes, the latest first. */
export const processesOfRun = (columns: Columns): Query => ({
  influxql: `${table(columns, "realtime_run")} WHERE "source" = 'aggregates' AND "run" =~ /^\${run:regex}$/ ORDER BY time DESC LIMIT 100`,
  alias: "",
});

/** What the lines of {@link usualRange} are called, before the figure's title. */
export const USUAL = { low: "passing runs, lowest", high: "passing runs, highest" } as const;

/**
 * The lowest and the highest of a figure among the passing runs of a time range, across all of it. Without an interval
 * of its own, longer than any range, the inner query would take the outer one's.
 */
export function usualRange({ title, ...one }: Pick<Figure, "metric" | "of" | "title">): Query[] {
  return (["low", "high"] as const).map((end) => {
    const extreme = end === "low" ? "min" : "max";
    const inner = `SELECT ${extreme}("${fieldOf(one)}") AS "${end}" FROM "realtime_result" WHERE "verdict" = 'pass' AND ${OF_RUNS} GROUP BY time(36500d)`;
    return {
      influxql: `SELECT ${extreme}("${end}") AS "${end}" FROM (${inner}) WHERE $timeFilter GROUP BY time($__interval) fill(previous)`,
      alias: `${USUAL[end]}: ${title}`,
    };
  });
}

/**
 * Figures of each run of a time range, with a query for each verdict. Each figure also has a line through all runs,
 * and the limit that the runs were judged by, from the first run on. Each has its own query: of a query with several
 * columns, Grafana's legend also names the ones without a value.
 */
export function overRuns(figures: readonly Pick<Figure, "metric" | "of" | "title">[]): Query[] {
  const columns = figures.map((one) => `"${fieldOf(one)}" AS "${one.title}"`).join(", ");
  const points = VERDICTS.map((verdict) => ({
    influxql: `SELECT ${columns} FROM "realtime_result" WHERE "verdict" = '${verdict}' AND ${OF_RUNS} GROUP BY ${LINK_TAGS.map((tag) => `"${tag}"`).join(", ")}`,
    alias: `${verdict}: $col of $tag_run`,
  }));
  const lines = figures.flatMap(({ title, ...one }) => [
    {
      influxql: `SELECT "${fieldOf(one)}" AS "${title}" FROM "realtime_result" WHERE ${OF_RUNS}`,
      alias: title,
    },
    {
      influxql: `SELECT last("${fieldOf(one)}_limit") AS "${title}" FROM "realtime_result" WHERE ${OF_RUNS} GROUP BY time($__interval) fill(previous)`,
      alias: `limit on ${title}`,
    },
  ]);
  return [...points, ...lines];
}
