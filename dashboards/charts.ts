/** Panels that draw over time. */
import * as common from "@grafana/grafana-foundation-sdk/common";
import * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";
import { METRICS, type MetricName, type MetricSpec } from "../lib/metrics.ts";
import { titleOf } from "../lib/titles.ts";
import { datasource, MS, unitOf, withQueries } from "./common.ts";
import {
  isCumulative,
  isSingle,
  isToBeLarge,
  limits,
  openConnections,
  overTime,
  type Query,
  type Source,
  usageOf,
} from "./influxql.ts";

/** A metric over time, with the limits on it. */
export function panel(metric: MetricName, source: Source) {
  const { kind, help }: MetricSpec = METRICS[metric];
  const unit = unitOf(metric);
  const [what, drawnIn] =
    kind !== "counter"
      ? [IN[unit] ?? "", unit]
      : isCumulative(metric)
        ? ["(so far)", unit]
        : ["(per second)", unit === "bytes" ? "Bps" : "suffix:/s"];
  const made = timeSeries(
    `${titleOf(metric)} ${what}`.trim(),
    `${metric}: ${help}${kind === "trend" && source === "aggregates" ? ` ${WORST}` : ""}`,
    drawnIn,
  ).noValue(
    metric === "ws_active_sessions" && source === "aggregates"
      ? "Not recorded by this scenario: Load above has the open connections"
      : `None ${kind === "counter" ? "counted" : "measured"} in this time range`,
  );
  coloured(made);
  if (kind === "rate") aroundLimit(metric, made);
  else if (kind === "trend" && metric !== "ws_generator_delay_ms" && !isSingle(metric))
    logarithmic(made, metric);
  else made.min(0).axisSoftMax(NOTHING_COUNTED);
  return withQueries(withLimits(made), [overTime(metric, source), ...limits(metric, source)], "time_series");
}

/** Of counts that are all 0, Grafana would draw an axis up to 100. */
const NOTHING_COUNTED = 1;

/** Titles of bytes name their unit themselves. */
const IN: { readonly [unit: string]: string } = { [MS]: "(ms)", percentunit: "(%)" };

/** Colours by meaning, none of them red: that is the limits'. */
const COLOURS = {
  p50: "blue",
  p95: "green",
  p99: "orange",
  p999: "purple",
  max: "#8e8e8e",
} as const;

function coloured(made: timeseries.PanelBuilder): void {
  for (const [line, fixedColor] of Object.entries(COLOURS)) {
    // What is broken down by a tag has a space and its value behind, which is empty in most runs.
    made.overrideByRegexp(`/^${line} ?$/`, [
      fixed(fixedColor),
      // Single values: a line would hide the percentiles below it.
      ...(line === "max" ? [{ id: "custom.drawStyle", value: common.GraphDrawStyle.Points }] : []),
    ]);
  }
  made.overrideByRegexp("/^max /", [{ id: "custom.drawStyle", value: common.GraphDrawStyle.Points }]);
}

/** Of each aggregate a dash of its own, so that limits are told apart. */
const DASHES: { readonly [aggregate: string]: readonly number[] } = {
  "p\\(50\\)|med": [2, 8],
  "p\\(95\\)": [10, 10],
  "p\\(99\\)": [24, 8],
  "rate|max|count|avg": [14, 4],
};

function withLimits(made: timeseries.PanelBuilder): timeseries.PanelBuilder {
  for (const [aggregate, dash] of Object.entries(DASHES)) {
    made.overrideByRegexp(`/: limit (${aggregate})/`, [
      fixed("dark-red"),
      { id: "custom.lineStyle", value: { fill: "dash", dash } },
      { id: "custom.lineWidth", value: 2 },
      { id: "custom.spanNulls", value: true },
      // Points would fill the gaps between the dashes.
      { id: "custom.showPoints", value: common.VisibilityMode.Never },
    ]);
  }
  return made;
}

/**
 * On an axis from 0, a share of 0.999 and its limit of 0.995 would be one line. Around a share that is always 0,
 * Grafana draws an axis up to 10,000 %.
 */
function aroundLimit(metric: MetricName, made: timeseries.PanelBuilder): void {
  // A little room above, or a line at 100 % is half clipped.
  if (isToBeLarge(metric)) made.max(1.002).axisSoftMin(0.95);
  else made.min(0).axisSoftMax(0.05);
}

/**
 * An axis on which a median of a millisecond and a limit of a second are both to be seen. It begins at the decade of
 * the lowest value. If values can be next to 0 it begins at 10 µs, or a single nanosecond would take most of the
 * axis.
 */
export function logarithmic(made: timeseries.PanelBuilder, ...metrics: readonly MetricName[]): void {
  made.scaleDistribution(
    new common.ScaleDistributionConfigBuilder().type(common.ScaleDistribution.Log).log(10),
  );
  if (!metrics.every((metric) => ROUND_TRIPS.includes(metric))) made.min(0.01);
}

/** Times that hold at least one way between two processes, or the making of a token. */
const ROUND_TRIPS: readonly MetricName[] = [
  "ws_msg_rtt_ms",
  "ws_msg_service_ms",
  "ws_fanout_lag_ms",
  "ws_page_lag_ms",
  "ws_connect_latency_ms",
  "ws_login_ms",
  "ws_reconnect_time_ms",
  "token_first_content_ms",
  "token_per_token_ms",
  "token_stream_ms",
];

/** How to find the time when a run ran. */
const ELSEWHEN: { readonly [S in Source]: string } = {
  aggregates: "click the run's name above for the time when it ran.",
  value: "choose the time range in which the run ran.",
};

/** The load on the server: connections on the left, messages a second on the right. */
export function load(source: Source) {
  const made = timeSeries(
    "Load",
    "Open connections, or requests under way, by the second. Messages sent and received, and connections opened, per second. All instances together.",
    "none",
  )
    .noValue(`No load was counted in this time range. For that of another time, ${ELSEWHEN[source]}`)
    .min(0)
    .span(24)
    .height(7)
    .axisLabel("per second");
  const queries = Object.entries(COUNTS).map(([metric, [prefix, fixedColor]]) => {
    made.overrideByName(prefix, [fixed(fixedColor)]);
    return perSecond(metric, source, prefix);
  });
  return withQueries(made, [...openBehind(made, source), ...queries], "time_series");
}

const CONNECTIONS = "Open connections";
const REQUESTS = titleOf("token_active_streams");

/** What is open, of which a scenario has one. */
const OPEN = [CONNECTIONS, REQUESTS] as const;

/** An area behind the lines, with an axis on the right: charts one above the other then have the same axis of time. */
function openBehind(made: timeseries.PanelBuilder, source: Source): Query[] {
  made.axisWidth(70);
  for (const name of OPEN) {
    made.overrideByName(name, [
      { id: "unit", value: "none" },
      { id: "min", value: 0 },
      { id: "custom.scaleDistribution", value: { type: common.ScaleDistribution.Linear } },
      { id: "custom.axisPlacement", value: common.AxisPlacement.Right },
      { id: "custom.axisLabel", value: name.toLowerCase() },
      { id: "custom.axisWidth", value: 50 },
      { id: "custom.fillOpacity", value: 12 },
      { id: "custom.lineInterpolation", value: common.LineInterpolation.StepAfter },
      { id: "custom.showPoints", value: common.VisibilityMode.Never },
      fixed("#8e8e8e"),
    ]);
  }
  return [
    source === "aggregates"
      ? openConnections(CONNECTIONS)
      : overTime("ws_active_sessions", source, { prefix: CONNECTIONS }),
    overTime("token_active_streams", source, { prefix: REQUESTS }),
  ];
}

/** The counts of the load: the name of each and its colour, which its latency has, too. */
const COUNTS = {
  ws_probes: ["Probes", "light-blue"],
  ws_replies: ["Replies", "blue"],
  ws_publications: ["Publications", "light-green"],
  ws_deliveries: ["Deliveries", "green"],
  ws_sessions_opened: ["Connections opened", "purple"],
  ws_page_shown: ["Shown by pages", "orange"],
  ws_outcomes: [titleOf("ws_outcomes"), "yellow"],
  token_requests: ["Requests", "light-blue"],
  token_output_tokens: [titleOf("token_output_tokens"), "blue"],
} as const satisfies { [M in MetricName]?: readonly [name: string, colour: string] };

/** A colour that no palette changes. */
export const fixed = (fixedColor: string) => ({ id: "color", value: { mode: "fixed", fixedColor } });

const perSecond = (metric: string, source: Source, prefix: string): Query =>
  overTime(metric as MetricName, source, { prefix, apart: false });

/** The latencies that people wait for, each in its colour. */
const WAITS = {
  ws_msg_rtt_ms: "blue",
  ws_fanout_lag_ms: "green",
  ws_page_lag_ms: "orange",
  ws_connect_latency_ms: "purple",
  ws_reconnect_time_ms: "yellow",
  token_first_content_ms: "blue",
  token_per_token_ms: "green",
  token_stream_ms: "purple",
} as const satisfies { [M in MetricName]?: string };

/** They are below the load. */
export function latencies(source: Source) {
  const waits = Object.entries(WAITS) as [MetricName, string][];
  const made = timeSeries(
    "Latency (ms)",
    `With the load behind. ${waits.map(([metric]) => `${titleOf(metric)}: ${METRICS[metric].help}`).join(" ")} ${source === "aggregates" ? WORST : ""}`,
    MS,
  )
    .noValue(`No latency was measured in this time range. If Load is empty too, ${ELSEWHEN[source]}`)
    .span(24)
    .height(9)
    .axisLabel("latency");
  // The axis names them; on a second line the legend would take from the chart.
  for (const name of OPEN) {
    made.overrideByName(name, [
      { id: "custom.hideFrom", value: { legend: true, tooltip: false, viz: false } },
    ]);
  }
  logarithmic(made, ...waits.map(([metric]) => metric));
  const queries = waits.map(([metric, colour]) => {
    const prefix = `${titleOf(metric)},`;
    made
      .overrideByName(`${prefix} p50`, [fixed(`light-${colour}`)])
      .overrideByName(`${prefix} p99`, [fixed(`dark-${colour}`), { id: "custom.lineWidth", value: 2 }]);
    return overTime(metric, source, { columns: ["p50", "p99"], prefix, apart: false });
  });
  return withQueries(made, [...openBehind(made, source), ...queries], "time_series");
}

/** Colours of what nobody wants to see. Red is the limits'. */
const WRONG = {
  ws_connect_failures: "purple",
  ws_connection_drops: "orange",
  ws_messages_lost: "yellow",
  ws_messages_late: "blue",
  ws_message_errors: "dark-orange",
  ws_messages_duplicated: "light-green",
  ws_messages_reordered: "#8e8e8e",
  ws_login_failures: "dark-purple",
  ws_readers_harmed: "dark-yellow",
  ws_contract_violations: "light-orange",
  ws_page_missed: "dark-blue",
  token_request_failures: "light-purple",
  token_stalls: "light-blue",
  token_buffered_streams: "dark-green",
} as const satisfies { [M in MetricName]?: string };

/** What nobody wants to see. */
export function wrongs(source: Source) {
  const counted = Object.keys(WRONG) as (keyof typeof WRONG)[];
  const made = timeSeries(
    "What went wrong (per second)",
    `${counted.map((metric) => `${titleOf(metric)}: ${METRICS[metric].help}`).join(" ")} By reason and code: below.`,
    "suffix:/s",
  )
    .min(0)
    .axisSoftMax(NOTHING_COUNTED)
    .drawStyle(common.GraphDrawStyle.Bars)
    .fillOpacity(60)
    .noValue(
      `No failures, drops, losses or errors in this time range. If Load is empty too, ${ELSEWHEN[source]}`,
    );
  const queries = Object.entries(WRONG).map(([metric, fixedColor]) => {
    made.overrideByName(titleOf(metric), [fixed(fixedColor)]);
    return perSecond(metric, source, titleOf(metric));
  });
  return withQueries(made, queries, "time_series");
}

/** Whether the load generator was fast enough to be believed. */
export function generatorDelay(source: Source) {
  const made = timeSeries(
    "Generator delay, p99 (ms)",
    `ws_generator_delay_ms: ${METRICS.ws_generator_delay_ms.help} If the p99 of the whole run exceeds a tenth of the highest latency limit, the verdict is generator-bound: the run says nothing about the server.`,
    MS,
  )
    .min(0)
    .noValue(`No generator delay was measured in this time range. If Load is empty too, ${ELSEWHEN[source]}`);
  const query = overTime("ws_generator_delay_ms", source, { columns: ["p99"] });
  return withQueries(made, [query], "time_series");
}

/** What the processes that generate the load take of their machines, which our output alone stores. */
export const usage = (title: string, field: "cpus" | "memoryBytes", unit: string, help: string) =>
  withQueries(
    timeSeries(title, help, unit)
      .min(0)
      .noValue(`Nothing is stored of this time range: ${ELSEWHEN.aggregates}`),
    [usageOf(field, "all instances")],
    "time_series",
  );

export const timeSeries = (title: string, help: string, unit: string) =>
  new timeseries.PanelBuilder()
    .title(title)
    .description(help)
    .datasource(datasource)
    .unit(unit)
    .interval("1s")
    .span(12)
    .height(8)
    .spanNulls(false)
    .showPoints(common.VisibilityMode.Auto)
    .legend(
      new common.VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(common.LegendDisplayMode.List)
        .placement(common.LegendPlacement.Bottom),
    )
    .tooltip(
      new common.VizTooltipOptionsBuilder()
        .mode(common.TooltipDisplayMode.Multi)
        .sort(common.SortOrder.Descending),
    );

const WORST = "An interval longer than a second shows its worst second: percentiles are not averaged.";
