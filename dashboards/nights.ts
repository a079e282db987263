/** Runs over the nights: one point for each, coloured by its verdict, which leads to the run. */
import * as common from "@grafana/grafana-foundation-sdk/common";
import { METRICS, type MetricName } from "../lib/metrics.ts";
import { titleOf } from "../lib/titles.ts";
import { fixed, logarithmic, timeSeries } from "./charts.ts";
import { unitOf, withQueries } from "./common.ts";
import { kinds, linkTo, runs, VERDICT_COLOURS } from "./figures.ts";
import { collapsed, row } from "./page.ts";
import { overRuns, USUAL, usualRange } from "./results.ts";

/** A figure of each run, by its metric and what of it. */
type Of = readonly [metric: MetricName, of: string];

/** What the legend leaves out: it names figures and limits, not each run. */
const unnamed = { id: "custom.hideFrom", value: { legend: true, tooltip: false, viz: false } };

/** A line that is seen by the area below it alone. */
const band = [
  fixed("green"),
  unnamed,
  { id: "custom.drawStyle", value: common.GraphDrawStyle.Line },
  { id: "custom.lineWidth", value: 0 },
  { id: "custom.showPoints", value: common.VisibilityMode.Never },
  { id: "links", value: [] },
];

/** What tells the figures of one chart apart, which share the colours of verdicts. None is red: that is the limits'. */
const LINES = [
  { colour: "blue", dash: [24, 8] },
  { colour: "yellow", dash: [2, 8] },
  { colour: "purple", dash: [10, 10] },
  { colour: "#8e8e8e", dash: [14, 4] },
  { colour: "dark-purple", dash: [4, 4] },
  { colour: "dark-blue", dash: [24, 4, 4, 4] },
  { colour: "light-yellow", dash: [2, 3] },
  { colour: "light-blue", dash: [10, 3] },
] as const;

/** side_send_p99 as send p99. */
const inWords = (of: string): string => of.replace(/^[a-z]+_([a-z]+)_/, "$1 ");

/** Points of figures of one kind, a figure's limit beside it. */
function night(title: string, ...figures: readonly Of[]) {
  const { kind } = METRICS[figures[0]![0]];
  const names = figures.map(([metric, of]) => ({
    metric,
    of,
    title: kind === "trend" ? `${titleOf(metric)}, ${inWords(of)}` : titleOf(metric),
  }));
  const made = timeSeries(
    title,
    `${figures.map(([metric]) => `${metric}: ${METRICS[metric].help}`).join(" ")} One point for each run, as its summary has it, in the colour of its verdict. A line joins the points of a figure. The green area is the range of the passing runs. A point leads to its run.`,
    unitOf(figures[0]![0]),
  )
    .noValue("No run of this scenario and branch recorded it in this time range")
    .drawStyle(common.GraphDrawStyle.Points)
    .pointSize(8)
    .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Single))
    .overrideByRegexp("/./", [{ id: "links", value: [linkTo("__field.labels", "run")] }])
    .overrideByRegexp("/^limit on /", [
      fixed("dark-red"),
      { id: "custom.drawStyle", value: common.GraphDrawStyle.Line },
      { id: "custom.lineInterpolation", value: common.LineInterpolation.StepAfter },
      { id: "custom.lineWidth", value: 2 },
      { id: "custom.showPoints", value: common.VisibilityMode.Never },
      { id: "custom.spanNulls", value: true },
      { id: "links", value: [] },
    ]);
  for (const [verdict, fixedColor] of Object.entries(VERDICT_COLOURS)) {
    made.overrideByRegexp(`/^${verdict}: /`, [fixed(fixedColor), unnamed]);
  }
  // Smaller points below, so that two figures of one run are told apart.
  made.overrideByRegexp("/, p50 of /", [{ id: "custom.pointSize", value: 5 }]);
  if (kind === "trend" && !figures.every(([metric]) => metric === "ws_generator_delay_ms")) {
    logarithmic(made, ...figures.map(([metric]) => metric));
  } else if (kind === "trend") made.min(0);
  // Runs in which nothing went wrong would have an axis up to 100.
  else if (kind !== "rate") made.min(0).decimals(0).axisSoftMax(5);
  for (const [index, { title }] of names.entries()) {
    const { colour, dash } = LINES[index]!;
    made
      .overrideByName(title, [
        fixed(colour),
        { id: "custom.drawStyle", value: common.GraphDrawStyle.Line },
        { id: "custom.lineWidth", value: 1 },
        { id: "custom.showPoints", value: common.VisibilityMode.Never },
        { id: "custom.spanNulls", value: true },
        { id: "links", value: [] },
      ])
      .overrideByName(`limit on ${title}`, [{ id: "custom.lineStyle", value: { fill: "dash", dash } }])
      .overrideByName(`${USUAL.low}: ${title}`, band)
      .overrideByName(`${USUAL.high}: ${title}`, [
        ...band,
        { id: "custom.fillBelowTo", value: `${USUAL.low}: ${title}` },
        { id: "custom.fillOpacity", value: 12 },
      ]);
  }
  return withQueries(made, [...overRuns(names), ...names.flatMap(usualRange)], "time_series");
}

const of = (metric: MetricName, ...figures: readonly string[]): Of[] =>
  figures.map((figure) => [metric, figure] as const);

/** A metric alone. */
const alone = (metric: MetricName, ...figures: readonly string[]) => {
  const { kind } = METRICS[metric];
  const names = figures
    .map(inWords)
    .join(", ")
    .replace(/, ([^,]+)$/, " and $1");
  const what = kind === "trend" ? `, ${names} (ms)` : kind === "rate" ? " (%)" : "";
  return night(titleOf(metric) + what, ...of(metric, ...figures));
};

export const nights = [
  row("", [
    runs(),
    // Each scenario records some of them.
    night(
      "Latency of each run (ms)",
      ...of("ws_msg_rtt_ms", "p99"),
      ...of("ws_fanout_lag_ms", "p99"),
      ...of("ws_connect_latency_ms", "p95"),
      ...of("ws_page_lag_ms", "p99"),
      ...of("token_first_content_ms", "p99"),
    ).span(24),
    night(
      "What went wrong in each run",
      ...of("ws_connect_failures", "count"),
      ...of("ws_connection_drops", "count"),
      ...of("ws_messages_lost", "count"),
      ...of("ws_message_errors", "count"),
      ...of("ws_contract_violations", "count"),
      ...of("ws_page_missed", "count"),
      ...of("token_request_failures", "count"),
      ...of("token_stalls", "count"),
    ).span(24),
  ]),
  collapsed(
    row("Each latency", [
      alone("ws_msg_rtt_ms", "p50", "p99"),
      alone("ws_fanout_lag_ms", "p50", "p99"),
      alone("ws_fanout_spread_ms", "p50", "p99"),
      alone("ws_connect_latency_ms", "p50", "p95", "p99"),
      alone("ws_reconnect_time_ms", "p50", "p99"),
      alone("ws_page_lag_ms", "p50", "p99"),
      alone("token_first_content_ms", "p50", "p99"),
      alone("token_per_token_ms", "p50", "p99"),
      alone("ws_generator_delay_ms", "side_send_p99", "side_receive_p99"),
    ]),
  ),
  collapsed(
    row("Each failure", [
      alone("ws_reply_success_rate", "rate"),
      alone("ws_delivery_success_rate", "rate"),
      alone("token_success_rate", "rate"),
      alone("token_good_rate", "rate"),
      alone("ws_messages_lost", "count"),
      alone("ws_connection_drops", "count"),
      alone("ws_connect_failures", "count"),
      alone("ws_message_errors", "count"),
    ]),
  ),
  collapsed(row("By reason, code and outcome", [kinds()])),
];
