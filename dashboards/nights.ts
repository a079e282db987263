/** Runs over the nights: one point for each, coloured by its verdict, which leads to the run. */
import * as common from "@grafana/grafana-foundation-sdk/common";
import { METRICS, type MetricName } from "../lib/metrics.ts";
import { titleOf } from "../lib/titles.ts";
import { timeSeries } from "./charts.ts";
import { unitOf, withQueries } from "./common.ts";
import { kinds, linkTo, runs, VERDICT_COLOURS } from "./figures.ts";
import { collapsed, row } from "./page.ts";
import { overRuns, USUAL, usualRange } from "./results.ts";

/** A figure of each run, by its metric and what of it. */
type Of = readonly [metric: MetricName, of: string];

/** A line that is seen by the area below it alone. */
const band = [
  { id: "color", value: { mode: "fixed", fixedColor: "green" } },
  { id: "custom.drawStyle", value: common.GraphDrawStyle.Line },
  { id: "custom.lineWidth", value: 0 },
  { id: "custom.showPoints", value: common.VisibilityMode.Never },
  { id: "links", value: [] },
];

/** Points of figures of one kind, a figure's limit beside it. */
function night(title: string, ...figures: readonly Of[]) {
  const { kind } = METRICS[figures[0]![0]];
  const names = figures.map(([metric, of]) => ({
    metric,
    of,
    title: kind === "trend" ? `${titleOf(metric)}, ${of}` : titleOf(metric),
  }));
  const made = timeSeries(
    title,
    `${figures.map(([metric]) => `${metric}: ${METRICS[metric].help}`).join(" ")} One point for each run, as its summary has it, in the colour of its verdict. The green area is the range of the passing runs. A point leads to its run.`,
    unitOf(figures[0]![0]),
  )
    .noValue("No run of this scenario and branch recorded it in this time range")
    .drawStyle(common.GraphDrawStyle.Points)
    .pointSize(8)
    .legend(new common.VizLegendOptionsBuilder().showLegend(false))
    .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Single))
    .overrideByRegexp("/./", [{ id: "links", value: [linkTo("__field.labels", "run")] }])
    .overrideByRegexp("/^limit on /", [
      { id: "color", value: { mode: "fixed", fixedColor: "dark-red" } },
      { id: "custom.drawStyle", value: common.GraphDrawStyle.Line },
      { id: "custom.lineStyle", value: { fill: "dash", dash: [10, 10] } },
      { id: "custom.lineInterpolation", value: common.LineInterpolation.StepAfter },
      { id: "custom.spanNulls", value: true },
      { id: "links", value: [] },
    ]);
  for (const [verdict, fixedColor] of Object.entries(VERDICT_COLOURS)) {
    made.overrideByRegexp(`/^${verdict}: /`, [{ id: "color", value: { mode: "fixed", fixedColor } }]);
  }
  // Smaller points below, so that two figures of one run are told apart.
  made.overrideByRegexp("/, p50 of /", [{ id: "custom.pointSize", value: 5 }]);
  if (kind === "trend") {
    made.scaleDistribution(
      new common.ScaleDistributionConfigBuilder().type(common.ScaleDistribution.Log).log(10),
    );
    made.min(0.01);
  } else if (kind !== "rate") made.min(0).decimals(0);
  for (const { title } of names) {
    made
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
  const what = kind === "trend" ? `, ${figures.join(" and ")} (ms)` : kind === "rate" ? " (%)" : "";
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
    ).span(24),
    night(
      "What went wrong in each run",
      ...of("ws_connect_failures", "count"),
      ...of("ws_connection_drops", "count"),
      ...of("ws_messages_lost", "count"),
      ...of("ws_message_errors", "count"),
    ).span(24),
  ]),
  collapsed(
    row("Each latency", [
      alone("ws_msg_rtt_ms", "p50", "p99"),
      alone("ws_fanout_lag_ms", "p50", "p99"),
      alone("ws_fanout_spread_ms", "p50", "p99"),
      alone("ws_connect_latency_ms", "p50", "p95", "p99"),
      alone("ws_reconnect_time_ms", "p50", "p99"),
      alone("ws_generator_delay_ms", "side_send_p99", "side_receive_p99"),
    ]),
  ),
  collapsed(
    row("Each failure", [
      alone("ws_reply_success_rate", "rate"),
      alone("ws_delivery_success_rate", "rate"),
      alone("ws_messages_lost", "count"),
      alone("ws_connection_drops", "count"),
      alone("ws_connect_failures", "count"),
      alone("ws_message_errors", "count"),
    ]),
  ),
  collapsed(row("By reason, code and outcome", [kinds()])),
];
