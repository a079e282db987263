/** What all dashboards and panels have in common. */
import type { Builder, Dataquery } from "@grafana/grafana-foundation-sdk/cog";
import * as common from "@grafana/grafana-foundation-sdk/common";
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import * as stat from "@grafana/grafana-foundation-sdk/stat";
import * as table from "@grafana/grafana-foundation-sdk/table";
import * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";
import * as xychart from "@grafana/grafana-foundation-sdk/xychart";
import { METRICS, type MetricKind, type MetricName, type MetricSpec } from "../lib/metrics.ts";
import { STEP_TAG, type StepsOf } from "../lib/steps.ts";
import {
  BEGUN,
  begun,
  byRun,
  bySteps,
  generatorUsage,
  INSTANCE_TAG,
  inRange,
  isToBeLarge,
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
  /** Closed until someone opens it, and not asked for until then: what few scenarios record. */
  readonly collapsed?: boolean;
}
export const row = (title: string, metrics: Row["metrics"], more: Row["more"] = []): Row => ({
  title,
  metrics,
  more,
});
export const collapsed = (row: Row): Row => ({ ...row, collapsed: true });

/** The metrics that are in none of the rows. */
export const others = (rows: readonly Row[]): Row =>
  collapsed(
    row(
      "Others",
      NAMES.filter((name) => !rows.some(({ metrics }) => metrics.includes(name))),
    ),
  );

export const NAMES = Object.keys(METRICS) as MetricName[];

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

/** What Grafana calls it. */
const unitOf = (metric: MetricName): string =>
  metric.endsWith("_bytes")
    ? "bytes"
    : { ms: "ms", "1": "short", ratio: "percentunit" }[METRICS[metric].unit];

/** A count with all its digits, and a share of 0.9996 not as 100 %. */
function exactly(metric: MetricName): { readonly unit: string; readonly decimals?: number } {
  const { kind } = METRICS[metric];
  if (kind === "rate") return { unit: unitOf(metric), decimals: 3 };
  return { unit: kind === "counter" ? "locale" : unitOf(metric) };
}

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

/** What a metric came to in each run. */
export function runs(metric: MetricName) {
  const { help, kind }: MetricSpec = METRICS[metric];
  const made = runTable(metric, help)
    .span(kind === "trend" ? 24 : 12)
    // Not on texts: a run that is called 1234 is no 1.2 seconds.
    .overrideByFieldType(
      "number",
      Object.entries(exactly(metric)).map(([id, value]) => ({ id, value })),
    );
  return withQueries(made, byRun(metric), "table");
}

/** The processes of the runs that began, with what k6 said of their limits at the end. */
export function processes() {
  const made = runTable(
    "What ran",
    "The processes that began in this time range, with what k6 said of their limits (its exit code); stock k6 stores none of this. The verdict is the summary's: where the load generator was too slow, or the run incomplete, neither held nor broken limits say anything of the server.",
  )
    .span(24)
    .overrideByName(LIMITS_BY_K6, [
      { id: "mappings", value: EXIT_CODES },
      { id: "custom.cellOptions", value: { type: common.TableCellDisplayMode.ColorText } },
      { id: "custom.align", value: "left" },
    ]);
  return withQueries(made, [begun(LIMITS_BY_K6)], "table");
}

const LIMITS_BY_K6 = "limits";

const EXIT_CODES = [
  {
    type: dashboard.MappingType.ValueToText,
    // Not green: that a run passed takes more than that.
    options: { 0: { text: "held", color: "text" }, 99: { text: "broken", color: "red" } },
  },
  {
    type: dashboard.MappingType.RangeToText,
    options: { from: 1, to: 255, result: { text: "the run failed", color: "orange" } },
  },
  {
    type: dashboard.MappingType.SpecialValue,
    options: { match: dashboard.SpecialValueMatch.Null, result: { text: "not over", color: "text" } },
  },
];

/** A row for each run, the latest first as our output names them, with what it is called before what it came to. */
const runTable = (title: string, help: string) =>
  new table.PanelBuilder()
    .title(title)
    .description(help)
    .datasource(datasource)
    .height(8)
    .withTransformation({
      id: "organize",
      options: {
        // InfluxDB gives rows without a time that of the beginning of the range, which is no run's.
        excludeByName: { Time: true, [BEGUN]: true },
        indexByName: Object.fromEntries(["run", "testid", "scenario"].map((tag, index) => [tag, index])),
      },
    })
    .sortBy(
      ["run", "testid"].map((tag) => new common.TableSortByFieldStateBuilder().displayName(tag).desc(true)),
    );

/** One figure of the whole time range, large. */
export function figure(metric: MetricName, title: string, help = "") {
  const { kind, help: what }: MetricSpec = METRICS[metric];
  const made = new stat.PanelBuilder()
    .title(title)
    .description(
      [`${metric}: ${what}`, "Of all chosen runs together.", kind === "trend" && WORST_OF_RANGE, help]
        .filter(Boolean)
        .join(" "),
    )
    .datasource(datasource)
    .noValue(kind === "counter" ? "none counted" : "–")
    .span(3)
    .height(4)
    .graphMode(common.BigValueGraphMode.None)
    .colorMode(common.BigValueColorMode.None)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(["lastNotNull"]));
  const { unit, decimals } = exactly(metric);
  made.unit(unit);
  if (decimals !== undefined) made.decimals(decimals);
  return withQueries(made, inRange(metric), "time_series");
}

const WORST_OF_RANGE = "From aggregates, the p99 of the worst second.";

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

/** By which the dashboards find each other. */
const TAGS = ["k6", "websocket"];

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
    .tags(TAGS)
    .timezone("browser")
    .time({ from: "now-30m", to: "now" })
    .refresh("10s")
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .link(
      new dashboard.DashboardLinkBuilder("k6-realtime")
        .type(dashboard.DashboardLinkType.Dashboards)
        .tags(TAGS)
        .includeVars(true)
        .keepTime(true),
    )
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
  for (const { title, metrics, more = [], collapsed = false } of rows) {
    const panels = [...metrics.map(panelOf), ...more];
    if (panels.length === 0) continue;
    const row = new dashboard.RowBuilder(title).collapsed(collapsed);
    // A closed row holds its panels; an open one stands before them.
    const into = collapsed ? row : made;
    if (!collapsed) made.withRow(row);
    for (const panel of panels) into.withPanel(panel);
    if (collapsed) made.withRow(row);
  }
  return made.build();
}

const TAG_VARIABLES = [
  { name: "run", label: "Run", keys: ["run", "testid"] },
  { name: "scenario", label: "Scenario", keys: ["scenario"] },
  { name: "instance", label: "Instance", keys: ["instance"] },
] as const;
