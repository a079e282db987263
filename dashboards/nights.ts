/** Runs over the nights: one point for each, coloured by its verdict, which leads to the run. */
import * as common from "@grafana/grafana-foundation-sdk/common";
import { METRICS, type MetricName } from "../lib/metrics.ts";
import { titleOf } from "../lib/titles.ts";
import { timeSeries } from "./charts.ts";
import { unitOf, withQueries } from "./common.ts";
import { linkTo, runs, VERDICT_COLOURS } from "./figures.ts";
import { row } from "./page.ts";
import { overRuns } from "./results.ts";

/** Points of one or more figures of a metric. */
function night(metric: MetricName, ...of: readonly string[]) {
  const { kind, help } = METRICS[metric];
  const made = timeSeries(
    `${titleOf(metric)}${kind === "trend" ? `, ${of.join(" and ")} (ms)` : kind === "rate" ? " (%)" : ""}`,
    `${metric}: ${help} One point for each run, as its summary has it, in the colour of its verdict. A point leads to its run.`,
    unitOf(metric),
  )
    .noValue("No run of this scenario and branch recorded it in this time range")
    .span(kind === "trend" ? 12 : 6)
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
  made.overrideByRegexp("/: p50 of /", [{ id: "custom.pointSize", value: 5 }]);
  if (kind === "trend") {
    made.scaleDistribution(
      new common.ScaleDistributionConfigBuilder().type(common.ScaleDistribution.Log).log(10),
    );
    made.min(0.01);
  } else if (kind !== "rate") made.min(0).decimals(0);
  return withQueries(made, overRuns(metric, of), "time_series");
}

export const nights = [
  row("Runs", [runs()]),
  row("Latency, one point for each run", [
    night("ws_msg_rtt_ms", "p50", "p99"),
    night("ws_fanout_lag_ms", "p50", "p99"),
    night("ws_connect_latency_ms", "p50", "p99"),
    night("ws_generator_delay_ms", "p99"),
  ]),
  row("What went wrong, one point for each run", [
    night("ws_delivery_success_rate", "rate"),
    night("ws_messages_lost", "count"),
    night("ws_connection_drops", "count"),
    night("ws_connect_failures", "count"),
  ]),
];
