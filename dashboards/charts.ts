/** Panels that draw over time. */
import * as common from "@grafana/grafana-foundation-sdk/common";
import * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";
import { METRICS, type MetricKind, type MetricName, type MetricSpec } from "../lib/metrics.ts";
import { titleOf } from "../lib/titles.ts";
import { datasource, MS, unitOf, withQueries } from "./common.ts";
import {
  isToBeLarge,
  limits,
  openConnections,
  overTime,
  type Query,
  type Source,
  tagsOf,
  usageOf,
} from "./influxql.ts";

/** A metric over time, with the limits on it. */
export function panel(metric: MetricName, source: Source) {
  const { kind, help }: MetricSpec = METRICS[metric];
  const made = timeSeries(
    `${titleOf(metric)} ${IN[unitOf(metric)] ?? (kind === "counter" ? "(per second)" : "")}`.trim(),
    `${metric}: ${help}${kind === "trend" && source === "aggregates" ? ` ${WORST}` : ""}`,
    kind === "counter" ? "suffix:/s" : unitOf(metric),
  ).noValue(nothing(kind, source));
  if (tagsOf(metric).length === 0) coloured(made);
  if (kind === "rate") aroundLimit(metric, made);
  else if (kind === "trend" && metric !== "ws_generator_delay_ms") logarithmic(made);
  else made.min(0);
  return withQueries(withLimits(made), [overTime(metric, source), ...limits(metric, source)], "time_series");
}

const IN: { readonly [unit: string]: string } = { [MS]: "(ms)", bytes: "(bytes)", percentunit: "(%)" };

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
    made.overrideByRegexp(`/(^|, )${line}$/`, [
      { id: "color", value: { mode: "fixed", fixedColor } },
      // Single values: a line would hide the percentiles below it.
      ...(line === "max" ? [{ id: "custom.drawStyle", value: common.GraphDrawStyle.Points }] : []),
    ]);
  }
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
      { id: "color", value: { mode: "fixed", fixedColor: "dark-red" } },
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
 * On an axis from 0 a share of 0.999 and its limit of 0.995 would be one line; and around a share that is always 0
 * Grafana draws an axis up to 10,000 %.
 */
function aroundLimit(metric: MetricName, made: timeseries.PanelBuilder): void {
  // A little room above, or a line at 100 % is half clipped.
  if (isToBeLarge(metric)) made.max(1.002).axisSoftMin(0.95);
  else made.min(0).axisSoftMax(0.05);
}

/** A median of a millisecond and a limit of a second are both to be seen; less than 10 µs nobody needs to. */
function logarithmic(made: timeseries.PanelBuilder): void {
  made
    .min(0.01)
    .scaleDistribution(
      new common.ScaleDistributionConfigBuilder().type(common.ScaleDistribution.Log).log(10),
    );
}

/** How to find the time when a run ran. */
const ELSEWHEN: { readonly [S in Source]: string } = {
  aggregates: "The run's name above leads to the time when it ran.",
  value: "Choose the time range in which the run ran.",
};

/** What a panel without a line says. */
const nothing = (kind: MetricKind, source: Source): string =>
  `This run ${kind === "counter" ? "counted" : "measured"} none of it in this time range. ${ELSEWHEN[source]}`;

/** What is asked of the server: connections on the left, messages a second on the right. */
export function load(source: Source) {
  const made = timeSeries(
    "Load",
    "Open connections, by the second; and what is sent, received and opened per second. All instances together.",
    "none",
  )
    .noValue(`No load in this time range. ${ELSEWHEN[source]}`)
    .min(0)
    .span(24)
    .height(7)
    .axisLabel("per second")
    .overrideByName(CONNECTIONS, [
      { id: "custom.axisPlacement", value: common.AxisPlacement.Right },
      { id: "custom.axisLabel", value: "open connections" },
      { id: "custom.fillOpacity", value: 12 },
      { id: "custom.lineInterpolation", value: common.LineInterpolation.StepAfter },
      { id: "color", value: { mode: "fixed", fixedColor: "#8e8e8e" } },
    ]);
  const counts = {
    ws_probes: "Probes",
    ws_replies: "Replies",
    ws_publications: "Publications",
    ws_deliveries: "Deliveries",
    ws_sessions_opened: "Connections opened",
  } satisfies { [M in MetricName]?: string };
  const queries = Object.entries(counts).map(([metric, prefix]) => perSecond(metric, source, prefix));
  const open =
    source === "aggregates"
      ? openConnections(CONNECTIONS)
      : overTime("ws_active_sessions", source, { prefix: CONNECTIONS });
  return withQueries(made, [open, ...queries], "time_series");
}

const CONNECTIONS = "Open connections";

const perSecond = (metric: string, source: Source, prefix: string): Query =>
  overTime(metric as MetricName, source, { prefix, apart: false });

/** The latencies that people wait for, below the load. */
export function latencies(source: Source) {
  const made = timeSeries(
    "Latency (ms)",
    `Response time: ${METRICS.ws_msg_rtt_ms.help} Fan-out lag: ${METRICS.ws_fanout_lag_ms.help} Time to connect: ${METRICS.ws_connect_latency_ms.help} ${source === "aggregates" ? WORST : ""}`,
    MS,
  )
    .noValue(`No latency was measured in this time range. ${ELSEWHEN[source]}`)
    .span(24)
    .height(9);
  logarithmic(made);
  const lines = {
    ws_msg_rtt_ms: "blue",
    ws_fanout_lag_ms: "green",
    ws_connect_latency_ms: "purple",
  } as const;
  const queries = Object.entries(lines).map(([metric, colour]) => {
    const prefix = `${titleOf(metric)},`;
    made
      .overrideByName(`${prefix} p50`, [
        { id: "color", value: { mode: "fixed", fixedColor: `light-${colour}` } },
      ])
      .overrideByName(`${prefix} p99`, [
        { id: "color", value: { mode: "fixed", fixedColor: `dark-${colour}` } },
        { id: "custom.lineWidth", value: 2 },
      ]);
    return overTime(metric as MetricName, source, { columns: ["p50", "p99"], prefix, apart: false });
  });
  return withQueries(made, queries, "time_series");
}

/** What nobody wants to see. */
export function wrongs(source: Source) {
  const counted = [
    "ws_connect_failures",
    "ws_connection_drops",
    "ws_messages_lost",
    "ws_messages_late",
    "ws_message_errors",
    "ws_messages_duplicated",
    "ws_messages_reordered",
  ] as const satisfies readonly MetricName[];
  const made = timeSeries(
    "What went wrong (per second)",
    `${counted.map((metric) => `${titleOf(metric)}: ${METRICS[metric].help}`).join(" ")} By reason and code: below.`,
    "suffix:/s",
  )
    .min(0)
    .drawStyle(common.GraphDrawStyle.Bars)
    .fillOpacity(60)
    .noValue(`Nothing was counted in this time range. ${ELSEWHEN[source]}`);
  return withQueries(
    made,
    counted.map((metric) => perSecond(metric, source, titleOf(metric))),
    "time_series",
  );
}

/** Whether the load generator was fast enough to be believed. */
export function generatorDelay(source: Source) {
  const made = timeSeries(
    "Generator delay, p99 (ms)",
    `ws_generator_delay_ms: ${METRICS.ws_generator_delay_ms.help} Where the p99 of the whole run is more than a tenth of the highest latency limit, the run says nothing of the server, and its verdict is generator-bound.`,
    MS,
  )
    .min(0)
    .noValue(`The generator's delay was not measured in this time range. ${ELSEWHEN[source]}`);
  const query = overTime("ws_generator_delay_ms", source, { columns: ["p99"] });
  return withQueries(made, [query], "time_series");
}

/** What the processes that generate the load take of their machines, which our output alone stores. */
export const usage = (title: string, field: "cpus" | "memoryBytes", unit: string, help: string) =>
  withQueries(
    timeSeries(title, help, unit)
      .min(0)
      .noValue(`Nothing is known of this time range. ${ELSEWHEN.aggregates}`),
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
