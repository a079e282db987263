/** What all dashboards and panels have in common. */
import type { Builder, Dataquery } from "@grafana/grafana-foundation-sdk/cog";
import * as common from "@grafana/grafana-foundation-sdk/common";
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import * as table from "@grafana/grafana-foundation-sdk/table";
import * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";
import * as xychart from "@grafana/grafana-foundation-sdk/xychart";
import { METRICS, type MetricName, type MetricSpec } from "../lib/metrics.ts";
import { STEP_TAG, type StepsOf } from "../lib/steps.ts";
import {
  byRun,
  bySteps,
  generatorUsage,
  INSTANCE_TAG,
  limits,
  overTime,
  type Query,
  SOURCES,
} from "./influxql.ts";

const datasource = { type: "influxdb", uid: "${datasource}" };

/** The metrics of a subject, each a panel under its title. */
export interface Row {
  readonly title: string;
  readonly metrics: readonly MetricName[];
  /** Panels of what is no metric, after those of the metrics. */
  readonly more?: readonly Builder<dashboard.Panel>[];
}
export const row = (title: string, metrics: Row["metrics"], more: Row["more"] = []): Row => ({
  title,
  metrics,
  more,
});

/** The metrics that are in none of the rows. */
export const others = (rows: readonly Row[]): Row =>
  row(
    "Others",
    NAMES.filter((name) => !rows.some(({ metrics }) => metrics.includes(name))),
  );

export const NAMES = Object.keys(METRICS) as MetricName[];

/** A metric over time, with the limits on it. */
export function panel(metric: MetricName) {
  const { kind, help }: MetricSpec = METRICS[metric];
  const made = timeSeries(
    metric,
    kind === "trend" ? `${help} ${WORST}` : help,
    kind === "counter" ? "cps" : unitOf(metric),
  ).overrideByRegexp("/: limit /", LIMIT_LINE);
  // On an axis from 0 a share of 0.999 and its limit of 0.995 would be one line.
  if (kind !== "rate") made.min(0);
  return withQueries(made, [...overTime(metric), ...limits(metric)], "time_series");
}

/** What Grafana calls it. */
const unitOf = (metric: MetricName): string =>
  metric.endsWith("_bytes")
    ? "bytes"
    : { ms: "ms", "1": "short", ratio: "percentunit" }[METRICS[metric].unit];

const LIMIT_LINE = [
  { id: "color", value: { mode: "fixed", fixedColor: "red" } },
  { id: "custom.lineStyle", value: { fill: "dash", dash: [10, 10] } },
];

/** A time by the size of a load that grows, with the limits on it. */
export function byLoad(metric: MetricName, of: StepsOf) {
  const { help }: MetricSpec = METRICS[metric];
  const made = new xychart.PanelBuilder()
    .title(`${metric} by ${of}`)
    .description(`${help} At each of STEPS. ${WORST_OF_STEP}`)
    .datasource(datasource)
    .unit("ms")
    .span(12)
    .height(8)
    .min(0)
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
    ])
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
    .legend(legend());

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

/** What a metric came to in each run. */
export function runs(metric: MetricName) {
  const { help }: MetricSpec = METRICS[metric];
  const made = new table.PanelBuilder()
    .title(metric)
    .description(help)
    .datasource(datasource)
    .unit(unitOf(metric))
    .span(12)
    .height(8)
    // InfluxDB gives rows without a time that of the beginning of the range, which is no run's.
    .withTransformation({ id: "organize", options: { excludeByName: { Time: true } } });
  return withQueries(made, byRun(metric), "table");
}

function withQueries<P extends { withTarget(target: Builder<Dataquery>): P }>(
  panel: P,
  queries: readonly Query[],
  resultFormat: "time_series" | "table",
): P {
  return queries.reduce(
    (made, { influxql, alias }, index) =>
      made.withTarget({
        build: () =>
          ({
            refId: String.fromCharCode("A".charCodeAt(0) + index),
            datasource,
            rawQuery: true,
            query: influxql,
            resultFormat,
            ...(alias && { alias }),
          }) as unknown as Dataquery,
      }),
    panel,
  );
}

/** A dashboard of rows, made of panels of one sort, with the variables that their queries use. */
export function page(
  uid: string,
  title: string,
  description: string,
  panelOf: (metric: MetricName) => Builder<dashboard.Panel>,
  rows: readonly Row[],
) {
  const made = new dashboard.DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(["k6", "websocket"])
    .timezone("browser")
    .time({ from: "now-30m", to: "now" })
    .refresh("10s")
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .withVariable(new dashboard.DatasourceVariableBuilder("datasource").label("Data source").type("influxdb"))
    .withVariable(
      new dashboard.CustomVariableBuilder("source")
        .label("Written by")
        .values(
          Object.entries(SOURCES)
            .map(([value, text]) => `${text} : ${value}`)
            .join(", "),
        )
        .current({ text: SOURCES.aggregates, value: "aggregates", selected: true }),
    );
  for (const { name, label, keys } of TAG_VARIABLES) {
    made.withVariable(
      new dashboard.QueryVariableBuilder(name)
        .label(label)
        .datasource(datasource)
        .query(`SHOW TAG VALUES WITH KEY IN (${keys.map((key) => `"${key}"`).join(", ")})`)
        .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
        .sort(dashboard.VariableSort.AlphabeticalDesc)
        .multi(true)
        .includeAll(true)
        .allValue(".*")
        .current({ text: "All", value: "$__all", selected: true }),
    );
  }
  for (const { title, metrics, more = [] } of rows) {
    if (metrics.length + more.length === 0) continue;
    made.withRow(new dashboard.RowBuilder(title));
    for (const panel of [...metrics.map(panelOf), ...more]) made.withPanel(panel);
  }
  return made.build();
}

const TAG_VARIABLES = [
  { name: "run", label: "Run", keys: ["run", "testid"] },
  { name: "scenario", label: "Scenario", keys: ["scenario"] },
  { name: "instance", label: "Instance", keys: ["instance"] },
] as const;
