/** Panels that draw: over time, and by the size of a load. */
import * as common from "@grafana/grafana-foundation-sdk/common";
import * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";
import * as xychart from "@grafana/grafana-foundation-sdk/xychart";
import { METRICS, type MetricKind, type MetricName, type MetricSpec } from "../lib/metrics.ts";
import { STEP_TAG, type StepsOf } from "../lib/steps.ts";
import { datasource, unitOf, withQueries } from "./common.ts";
import { bySteps, generatorUsage, INSTANCE_TAG, isToBeLarge, limits, overTime } from "./influxql.ts";

/** A metric over time, with the limits on it. */
export function panel(metric: MetricName) {
  const { kind, help }: MetricSpec = METRICS[metric];
  const made = timeSeries(
    metric,
    kind === "trend" ? `${help} ${WORST}` : help,
    kind === "counter" ? "suffix:/s" : unitOf(metric),
  )
    .noValue(NOTHING[kind])
    // Single values: a line would hide the percentiles below it.
    .overrideByRegexp("/^max /", [
      ...LARGEST,
      { id: "custom.drawStyle", value: common.GraphDrawStyle.Points },
    ])
    .overrideByRegexp("/: limit /", [
      ...LIMIT_LINE,
      // Points would fill the gaps between the dashes.
      { id: "custom.showPoints", value: common.VisibilityMode.Never },
    ]);
  if (kind === "rate") aroundLimit(metric, made);
  // A median of a millisecond and a limit of a second are both to be seen.
  else if (kind === "trend") made.scaleDistribution(LOGARITHMIC);
  else made.min(0);
  return withQueries(made, [...overTime(metric), ...limits(metric)], "time_series");
}

/**
 * On an axis from 0 a share of 0.999 and its limit of 0.995 would be one line; and around a share that is always 0
 * Grafana draws an axis up to 10,000 %.
 */
function aroundLimit(metric: MetricName, made: timeseries.PanelBuilder): void {
  if (isToBeLarge(metric)) made.max(1).axisSoftMin(0.95);
  else made.min(0).axisSoftMax(0.05);
}

const LOGARITHMIC = new common.ScaleDistributionConfigBuilder().type(common.ScaleDistribution.Log).log(10);

/** What a panel without a line says. */
const NOTHING: { readonly [K in MetricKind]: string } = {
  trend: "Not measured in this time range",
  counter: "None counted in this time range",
  rate: "Not measured in this time range",
  gauge: "Not measured in this time range",
};

const coloured = (fixedColor: string) => [{ id: "color", value: { mode: "fixed", fixedColor } }];

/** Not red, as the palette has them: that is the limits'. */
const LARGEST = coloured("#8e8e8e");

const MEAN = coloured("purple");

const LIMIT_LINE = [...coloured("red"), { id: "custom.lineStyle", value: { fill: "dash", dash: [10, 10] } }];

/** A time by the size of a load that grows, with the limits on it. */
export function byLoad(metric: MetricName, of: StepsOf) {
  const { help }: MetricSpec = METRICS[metric];
  const made = new xychart.PanelBuilder()
    .title(`${metric} by ${of}`)
    .description(`${help} At each of STEPS. ${WORST_OF_STEP}`)
    .datasource(datasource)
    .unit("ms")
    .noValue(`The chosen runs had no STEPS of ${of}`)
    .span(12)
    .height(8)
    .scaleDistribution(LOGARITHMIC)
    .mapping(xychart.SeriesMapping.Auto)
    .series([new xychart.XYSeriesConfigBuilder().x({ matcher: { id: "byName", options: STEP_TAG } })])
    .show(xychart.XYShowMode.PointsAndLines)
    .lineWidth(1)
    .legend(legend())
    // Tags are texts, in the order of the alphabet.
    .withTransformation({
      id: "convertFieldType",
      options: { conversions: [{ targetField: STEP_TAG, destinationType: "number" }] },
    })
    .withTransformation({ id: "sortBy", options: { sort: [{ field: STEP_TAG }] } })
    .withTransformation({
      id: "partitionByValues",
      // It takes one table, that of the way in, and would drop those of the limits.
      filter: { id: "byRefId", options: "/^[AB]$/" },
      options: { fields: Object.values(INSTANCE_TAG), keepFields: false, naming: { asLabels: true } },
    })
    .overrideByName(STEP_TAG, [
      { id: "displayName", value: of },
      { id: "unit", value: "none" },
      { id: "custom.axisLabel", value: of },
      { id: "custom.scaleDistribution", value: { type: common.ScaleDistribution.Linear } },
    ])
    .overrideByRegexp("/^max /", LARGEST)
    .overrideByRegexp("/^mean /", MEAN)
    .overrideByRegexp("/^limit /", [...LIMIT_LINE, { id: "custom.show", value: xychart.XYShowMode.Lines }]);
  return withQueries(made, bySteps(metric, of), "table");
}

const timeSeries = (title: string, help: string, unit: string) =>
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
    .legend(legend())
    .tooltip(
      new common.VizTooltipOptionsBuilder()
        .mode(common.TooltipDisplayMode.Multi)
        .sort(common.SortOrder.Descending),
    );

const legend = () =>
  new common.VizLegendOptionsBuilder()
    .showLegend(true)
    .displayMode(common.LegendDisplayMode.List)
    .placement(common.LegendPlacement.Bottom);

/** What the processes that generate the load take of their machine, which our output alone stores. */
export const usage = (title: string, field: "cpus" | "memoryBytes", unit: string, help: string) =>
  withQueries(timeSeries(title, help, unit).min(0), [generatorUsage(field)], "time_series");

const WORST =
  "From aggregates an interval longer than a second shows its worst second: percentiles are not averaged.";

const WORST_OF_STEP =
  "From aggregates a step's percentile is its worst second's: rather too high than too low.";
