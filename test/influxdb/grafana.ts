/** As much of Grafana as a query goes through on its way to InfluxDB. */
import { readFile } from "node:fs/promises";
import { directory } from "../../dashboards/generate.ts";
import type { Source } from "../../dashboards/influxql.ts";

export interface Target {
  readonly query: string;
  readonly alias?: string;
}

/** A panel as its file has it; what tests look at. */
export interface Panel {
  readonly type: string;
  readonly title: string;
  readonly description: string;
  readonly fieldConfig: { readonly defaults: { readonly unit?: string } };
  readonly targets: readonly (Target & { readonly refId: string })[];
  readonly transformations: readonly {
    readonly id: string;
    readonly filter?: { readonly options: string };
  }[];
}

/** The panels of a dashboard file, those of closed rows too. */
export const panelsIn = (text: string): Panel[] =>
  JSON.parse(text)
    .panels.flatMap((panel: { panels?: Panel[] }) => [panel, ...(panel.panels ?? [])])
    .filter(({ type }: Panel) => type !== "row");

/** The queries of each panel of a dashboard file, by the panel's title. */
export async function panelsOf(file: string): Promise<Map<string, readonly Target[]>> {
  const text = await readFile(directory + file, "utf8");
  return new Map(panelsIn(text).map(({ title, targets }) => [title, targets]));
}

/** What a dashboard's user chose. */
export interface Chosen {
  readonly source: Source;
  readonly run: string;
  readonly from: number;
  readonly to: number;
  readonly intervalMs: number;
}

/** Puts a dashboard's variables and macros in. */
export function interpolate(query: string, { source, run, from, to, intervalMs }: Chosen): string {
  const values: Readonly<Record<string, string>> = {
    source,
    "{run:regex}": run,
    "{scenario:regex}": ".*",
    "{instance:regex}": ".*",
    timeFilter: `time >= ${from}ms AND time <= ${to}ms`,
    __interval_ms: String(intervalMs),
    __interval: `${intervalMs}ms`,
  };
  return query.replace(
    /\$(source|\{\w+:regex\}|timeFilter|__interval_ms|__interval)/g,
    (_, name) => values[name]!,
  );
}
