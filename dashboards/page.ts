/** A dashboard of rows of panels, with its variables. */
import type { Builder } from "@grafana/grafana-foundation-sdk/cog";
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import type { MetricName } from "../lib/metrics.ts";
import { datasource, NAMES } from "./common.ts";
import { SOURCES } from "./influxql.ts";

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
