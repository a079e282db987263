/** As much of Grafana as a query goes through on its way to InfluxDB. */
import { readFile } from "node:fs/promises";
import { directory } from "../../dashboards/generate.ts";
import type { Source } from "../../dashboards/influxql.ts";

export interface Target {
  readonly query: string;
  readonly alias?: string;
}

/** The queries of each panel of a dashboard file, by the panel's title. */
export async function panelsOf(file: string): Promise<Map<string, Target[]>> {
  const { panels } = JSON.parse(await readFile(directory + file, "utf8"));
  return new Map(
    panels
      .filter(({ targets }: { targets?: Target[] }) => targets)
      .map(({ title, targets }: { title: string; targets: Target[] }) => [title, targets]),
  );
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
