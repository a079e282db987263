/** Panels of figures: tables with a row for each run, and single large ones. */
import * as common from "@grafana/grafana-foundation-sdk/common";
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import * as stat from "@grafana/grafana-foundation-sdk/stat";
import * as table from "@grafana/grafana-foundation-sdk/table";
import { METRICS, type MetricName, type MetricSpec } from "../lib/metrics.ts";
import { datasource, unitOf, withQueries } from "./common.ts";
import { BEGUN, begun, byRun, inRange } from "./influxql.ts";

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

/** A count with all its digits, and a share of 0.9996 not as 100 %. */
function exactly(metric: MetricName): { readonly unit: string; readonly decimals?: number } {
  const { kind } = METRICS[metric];
  if (kind === "rate") return { unit: unitOf(metric), decimals: 3 };
  return { unit: kind === "counter" ? "locale" : unitOf(metric) };
}
