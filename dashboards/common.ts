/** What all panels have in common. */
import type { Builder, Dataquery } from "@grafana/grafana-foundation-sdk/cog";
import { METRICS, type MetricName } from "../lib/metrics.ts";
import type { Query } from "./influxql.ts";

export const datasource = { type: "influxdb", uid: "${datasource}" };

export const NAMES = Object.keys(METRICS) as MetricName[];

/** Always in ms: Grafana's own unit makes minutes of many. */
export const MS = "suffix:ms";

/** What Grafana calls it: 1000, not 1 K. */
export const unitOf = (metric: MetricName): string =>
  metric.endsWith("_bytes") ? "bytes" : { ms: MS, "1": "none", ratio: "percentunit" }[METRICS[metric].unit];

export function withQueries<P extends { withTarget(target: Builder<Dataquery>): P }>(
  panel: P,
  queries: readonly Query[],
  resultFormat: "time_series" | "table",
): P {
  return queries.reduce(
    (made, { influxql, alias }, index) =>
      made.withTarget({
        build: () =>
          ({
            refId: refId(index),
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

/** A to Z, then A1 to Z1. */
const refId = (index: number): string =>
  String.fromCharCode("A".charCodeAt(0) + (index % 26)) + (index < 26 ? "" : Math.floor(index / 26));
