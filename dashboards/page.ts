/** A dashboard of rows of panels, with its variables. */
import type { Builder } from "@grafana/grafana-foundation-sdk/cog";
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import { datasource } from "./common.ts";

/** Panels of a subject. */
export interface Row {
  readonly title: string;
  readonly panels: readonly Builder<dashboard.Panel>[];
  /** Closed until someone opens it, and not asked for until then: what not every scenario records. */
  readonly collapsed?: boolean;
}

export const row = (title: string, panels: Row["panels"]): Row => ({ title, panels });

export const collapsed = (row: Row): Row => ({ ...row, collapsed: true });

/** The properties of a dashboard, beside its panels. */
export interface Page {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** The time range that it opens with. */
  readonly from: string;
  readonly refresh: string;
  readonly variables: readonly Variable[];
  /** Texts and times to mark on the axis of time. */
  readonly events?: string;
}

export interface Variable {
  readonly name: string;
  readonly label: string;
  readonly influxql: string;
  /** Several at once or all, where that makes sense; else the first that is found. */
  readonly several?: boolean;
}

/** By which the dashboards find each other. */
const TAGS = ["k6", "websocket"];

/**
 * The version of Grafana whose options the panels have. Without one Grafana takes them for those of its oldest version
 * and rewrites them on loading.
 */
export const PLUGIN_VERSION = "12.0.0";

/** The panels before any row stand first. */
export function page(
  { uid, title, description, from, refresh, variables, events }: Page,
  rows: readonly Row[],
) {
  const made = new dashboard.DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(TAGS)
    .timezone("browser")
    .time({ from, to: "now" })
    .refresh(refresh)
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .link(
      new dashboard.DashboardLinkBuilder("k6-realtime")
        .type(dashboard.DashboardLinkType.Dashboards)
        .tags(TAGS)
        // Not the time range: one holds a run, the other a month of them.
        .includeVars(false)
        .keepTime(false),
    )
    .withVariable(
      new dashboard.DatasourceVariableBuilder("datasource").label("Data source").type("influxdb"),
    );
  for (const { name, label, influxql, several = false } of variables) {
    const variable = new dashboard.QueryVariableBuilder(name)
      .label(label)
      .datasource(datasource)
      .query(influxql)
      .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
      // As the query has them: the latest first.
      .sort(dashboard.VariableSort.Disabled);
    if (several) {
      variable
        .multi(true)
        .includeAll(true)
        .allValue(".*")
        .current({ text: "All", value: "$__all", selected: true });
    }
    made.withVariable(variable);
  }
  if (events) made.annotation(marks(events));
  for (const { title, panels, collapsed = false } of rows) {
    const row = new dashboard.RowBuilder(title).collapsed(collapsed);
    // A closed row holds its panels; an open one stands before them.
    const into = collapsed ? row : made;
    if (!collapsed && title !== "") made.withRow(row);
    for (const panel of panels) into.withPanel(versioned(panel));
    if (collapsed) made.withRow(row);
  }
  return made.build();
}

const versioned = (panel: Builder<dashboard.Panel>): Builder<dashboard.Panel> => ({
  build: () => ({ ...panel.build(), pluginVersion: PLUGIN_VERSION }),
});

/** Grafana reads an annotation's query from the target, older ones from the annotation itself. */
const marks = (query: string): Builder<dashboard.AnnotationQuery> => ({
  build: () => {
    const how = { query, textColumn: "text", fromAnnotations: true };
    return {
      name: "Start, end, steps and faults",
      datasource,
      enable: true,
      iconColor: "blue",
      ...how,
      target: { refId: "Anno", limit: 100, matchAny: false, tags: [], type: "tags", ...how },
    } as unknown as dashboard.AnnotationQuery;
  },
});
