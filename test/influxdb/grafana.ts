/** As much of Grafana as a dashboard goes through on its way from its file to the screen. */
import { files } from "../../dashboards/generate.ts";

export interface Target {
  readonly refId: string;
  readonly query: string;
  readonly resultFormat: "time_series" | "table";
  readonly alias?: string;
}

interface Override {
  readonly matcher: { readonly id: string; readonly options: string };
  readonly properties: readonly { readonly id: string; readonly value?: unknown }[];
}

/** A panel as its file has it; what tests look at. */
export interface Panel {
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly pluginVersion?: string;
  readonly options?: Readonly<Record<string, unknown>>;
  /** A text has none. */
  readonly fieldConfig: {
    readonly defaults: {
      readonly unit?: string;
      readonly noValue?: string;
      readonly min?: number;
      readonly custom?: { readonly scaleDistribution?: { readonly type: string } };
    };
    readonly overrides: readonly Override[];
  };
  readonly targets?: readonly Target[];
  readonly transformations?: readonly {
    readonly id: string;
    readonly options: { readonly indexByName?: Readonly<Record<string, number>> };
  }[];
}

export interface Dashboard {
  readonly panels: readonly (Panel & { readonly panels?: readonly Panel[] })[];
  readonly time: { readonly from: string };
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] };
  readonly annotations: { readonly list: readonly { readonly query?: string }[] };
}

export const dashboard = (file: string): Dashboard => JSON.parse(files().get(file)!);

/** The panels of a dashboard, those of closed rows too. */
export const panelsIn = ({ panels }: Dashboard): Panel[] =>
  panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]).filter(({ type }) => type !== "row");

/** The panel of this title. */
export function panelOf(file: string, title: string): Panel {
  const found = panelsIn(dashboard(file)).filter((panel) => panel.title === title);
  if (found.length !== 1) throw new Error(`${file} has ${found.length} panels called ${title}`);
  return found[0]!;
}

/**
 * What Grafana makes of a panel on loading. An xychart that does not say by which version it was made, or by one before
 * its options got their present form, is taken for one of the first form: what it says of its series is lost.
 */
export function loaded(panel: Panel): Panel {
  const [major = 0, minor = 0] = (panel.pluginVersion ?? "").split(".").map(Number);
  if (panel.type !== "xychart" || major > 11 || (major === 11 && minor >= 1)) return panel;
  const { seriesMapping, series = [], ...options } = panel.options ?? {};
  return {
    ...panel,
    options: {
      ...options,
      mapping: seriesMapping === "auto" ? "auto" : "manual",
      series: (series as { x?: unknown }[]).map(({ x }) => ({
        x: { matcher: { id: "byName", options: x } },
        y: { matcher: { id: "byType", options: "number" } },
      })),
    },
  };
}

/** What a dashboard's user chose. */
export interface Chosen {
  readonly run?: string;
  readonly scenario?: string;
  readonly from: number;
  readonly to: number;
  readonly intervalMs?: number;
}

/** Puts a dashboard's variables and macros in. */
export function interpolate(query: string, chosen: Chosen): string {
  const { run = ".*", scenario = ".*", from, to, intervalMs = 1_000 } = chosen;
  const values: Readonly<Record<string, string>> = {
    "{run:regex}": run,
    "{scenario:regex}": scenario,
    "{instance:regex}": ".*",
    "{branch:regex}": ".*",
    timeFilter: `time >= ${from}ms and time <= ${to}ms`,
    __interval_ms: String(intervalMs),
    __interval: `${intervalMs}ms`,
  };
  return query.replace(/\$(\{\w+:regex\}|timeFilter|__interval_ms|__interval)/g, (_, name) => values[name]!);
}
