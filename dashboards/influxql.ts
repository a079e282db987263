/**
 * The queries of a metric's panels, for both ways in:
 *
 * - stock k6 (`--out influxdb=…`) stores one point for each sample, in the field `value`;
 * - our output (`--out realtime-influxdb=…`) stores one point for each second, in fields by the metric's kind, and one
 *   with the result of the run (results.ts).
 */
import { METRICS, type MetricKind, type MetricName, type MetricSpec } from "../lib/metrics.ts";
import { PROFILES } from "../lib/profile.ts";
import { STEP_TAG, STEPS_OF_TAG, type StepsOf } from "../lib/steps.ts";
import { parseLimit } from "../lib/summary/threshold.ts";

/** The ways in: what k6 is told. */
export const SOURCES = {
  aggregates: "k6-realtime (--out realtime-influxdb)",
  value: "stock k6 (--out influxdb)",
} as const;
export type Source = keyof typeof SOURCES;

/** One query and the name of its lines, in which Grafana replaces `$col` and `$tag_…`. */
export interface Query {
  readonly influxql: string;
  readonly alias: string;
}

/** Columns of a query: an expression for each name. */
type Columns = { readonly [name: string]: string };

const PERCENTILES = { p50: 50, p90: 90, p95: 95, p99: 99, p999: 99.9 } as const;
type Line = keyof typeof PERCENTILES | "max";
const LINES: readonly Line[] = ["p50", "p95", "p99", "p999", "max"];
/** Of a time that is broken down by a tag and has no limits: five lines for each value would hide each other. */
const FEW_LINES: readonly string[] = ["p50", "p99", "max"] satisfies readonly Line[];

/** One value for each part of the load or reader, seldom two in a second: five lines would be one. */
const SINGLE_VALUES: readonly MetricName[] = [
  "ws_time_to_reach_ms",
  "ws_slow_reader_held_ms",
  "ws_slow_reader_catch_up_ms",
];
export const isSingle = (metric: MetricName): boolean => SINGLE_VALUES.includes(metric);

/** Counts of something that happens once or twice in a run: no rate, but how many so far. */
export const isCumulative = (metric: MetricName): boolean =>
  metric === "ws_shards_started" || metric === "ws_shards_completed";

const perSecond = "/ ($__interval_ms / 1000)";

/** The values that show each kind, by source. Percentiles of seconds are never averaged: the worst second stands. */
const COLUMNS: { readonly [K in MetricKind]: { readonly [S in Source]: Columns } } = {
  trend: {
    aggregates: columns(LINES, (line) => `max("${line}")`),
    value: columns(LINES, (line) =>
      line === "max" ? 'max("value")' : `percentile("value", ${PERCENTILES[line]})`,
    ),
  },
  counter: {
    aggregates: { "per second": `sum("sum") ${perSecond}` },
    value: { "per second": `sum("value") ${perSecond}` },
  },
  rate: { aggregates: { share: 'sum("passes") / sum("total")' }, value: { share: 'mean("value")' } },
  gauge: { aggregates: { most: 'max("max")' }, value: { most: 'max("value")' } },
};

/** The figures of a whole run of stock k6. For our own output, its result holds them. */
const RUN_COLUMNS: { readonly [K in MetricKind]: Columns } = {
  trend: { p50: 'percentile("value", 50)', p99: 'percentile("value", 99)', max: 'max("value")' },
  counter: { count: 'sum("value")' },
  rate: { share: 'mean("value")' },
  gauge: { most: 'max("value")' },
};

/** How the lines of a panel are called: with what is before, where several metrics share one. */
interface Named {
  readonly columns?: readonly string[];
  readonly prefix?: string;
  /** Whether to draw a line for each value of the tags that the metric is broken down by. */
  readonly apart?: boolean;
}

/**
 * Over time, all instances of a run together: counts are added up, and of times the slowest instance stands. A metric
 * that is broken down by tags has a line for each of their values.
 */
export function overTime(metric: MetricName, source: Source, named: Named = {}): Query {
  const { prefix = "", apart = true } = named;
  const { kind } = METRICS[metric];
  const tags = apart ? tagsOf(metric) : [];
  const all = columnsOf(metric, source);
  const wanted = named.columns ?? Object.keys(all);
  const columns = Object.fromEntries(wanted.map((column) => [column, all[column]!]));
  // One column needs no name beside those of the metric or of the tags' values.
  const parts = [
    prefix,
    ...(wanted.length > 1 || (prefix === "" && tags.length === 0) ? ["$col"] : []),
    ...tags.map((tag) => `$tag_${tag}`),
  ];
  const fill = kind === "counter" ? "0" : "null";
  const alias = parts.filter(Boolean).join(" ");
  if (kind === "gauge") {
    const byInstance = groupBy([...tags, ...INSTANCE_TAG[source]], "null");
    const inner = select(metric, source, columns, byInstance);
    // Each process has connections of its own.
    return {
      influxql: `SELECT sum("most") AS "most" FROM (${inner}) WHERE $timeFilter GROUP BY ${groupBy(tags, "null")}`,
      alias,
    };
  }
  const where = kind === "counter" ? STORED : "";
  return { influxql: select(metric, source, columns, groupBy(tags, fill), where), alias };
}

/**
 * Of a run that goes on, the seconds that are not stored yet would count as nothing, and a healthy run would seem to end
 * at the right edge.
 */
const STORED = " AND time < now() - 3s";

const groupBy = (tags: readonly string[], fill: string): string =>
  `${["time($__interval)", ...tags.map((tag) => `"${tag}"`)].join(", ")} fill(${fill})`;

/** What the processes that generate the load take of their machines: the most within an interval, added up. */
export const usageOf = (field: "cpus" | "memoryBytes", alias: string): Query =>
  ofProcesses("realtime_generator", field, `max("${field}")`, alias);

/** Connections that were open at the end of each interval. Our output alone knows it of every scenario. */
export const openConnections = (alias: string): Query =>
  ofProcesses("realtime_open", "connections", 'last("connections")', alias);

function ofProcesses(measurement: string, field: string, expression: string, alias: string): Query {
  const byInstance = groupBy(INSTANCE_TAG.aggregates, "null");
  const inner = select(measurement, "aggregates", { [field]: expression }, byInstance);
  return {
    influxql: `SELECT sum("${field}") AS "${field}" FROM (${inner}) WHERE $timeFilter GROUP BY ${groupBy([], "null")}`,
    alias,
  };
}

/** What a metric of a stock k6's run came to in the time range. */
export const inRange = (metric: MetricName, column: string, alias: string): Query => ({
  influxql: select(metric, "value", { [column]: RUN_COLUMNS[METRICS[metric].kind][column]! }, ""),
  alias,
});

/** Whether profiles set lower bounds on it. */
export const isToBeLarge = (metric: MetricName): boolean =>
  Object.values(PROFILES).some(({ thresholds }) =>
    ((thresholds as Record<string, string[]>)[metric] ?? []).some((expression) =>
      parseLimit(expression)?.operator.startsWith(">"),
    ),
  );

/** What a time came to at each size of a load that grows, from stock k6's samples: a row for each step. */
export const bySteps = (metric: MetricName, of: StepsOf): Query => ({
  influxql: select(
    metric,
    "value",
    { count: 'count("value")', ...RUN_COLUMNS.trend },
    `"${STEP_TAG}"`,
    ` AND "${STEPS_OF_TAG}" = '${of}'`,
  ),
  alias: "",
});

/**
 * The limits that profiles set on a metric, as far as its panel can show them: they have the panel's unit. Each is a
 * line while a run is judged by it. A limit on a count is on the whole run's, which no chart of counts per second
 * shows.
 */
export function limits(metric: MetricName, source: Source): Query[] {
  const { kind } = METRICS[metric];
  return Object.entries(PROFILES).flatMap(([profile, { thresholds }]) => {
    const bounds = ((thresholds as Record<string, string[]>)[metric] ?? []).flatMap((expression) => {
      const limit = parseLimit(expression);
      return limit && limit.aggregate !== "count" ? [{ expression, bound: limit.bound }] : [];
    });
    if (bounds.length === 0) return [];
    const present = { trend: "max", rate: "total", gauge: "last", counter: "sum" }[kind];
    const field = source === "value" ? "value" : present;
    const lines = Object.fromEntries(
      bounds.map(({ expression, bound }) => [`limit ${expression}`, `0 * last("${field}") + ${bound}`]),
    );
    // Not beyond the run's end, as with the last value filled in.
    const during = "time($__interval) fill(none)";
    const where = ` AND "profile" = '${profile}'`;
    return [{ influxql: select(metric, source, lines, during, where), alias: `${profile}: $col` }];
  });
}

function select(measurement: string, source: Source, what: Columns, groupBy: string, where = ""): string {
  const selected = Object.entries(what).map(([name, expression]) => `${expression} AS "${name}"`);
  return `SELECT ${selected.join(", ")} FROM "${measurement}" WHERE ${WHERE[source]}${where} AND $timeFilter${groupBy && ` GROUP BY ${groupBy}`}`;
}

const WHERE: { readonly [S in Source]: string } = {
  aggregates:
    '"source" = \'aggregates\' AND "run" =~ /^${run:regex}$/ AND "instance" =~ /^${instance:regex}$/',
  value: '"testid" =~ /^${run:regex}$/',
};

/** What tells processes apart, which stock k6 does not. */
const INSTANCE_TAG: { readonly [S in Source]: readonly string[] } = { aggregates: ["instance"], value: [] };

function columnsOf(metric: MetricName, source: Source): Columns {
  const { kind } = METRICS[metric];
  const all = COLUMNS[kind][source];
  if (isSingle(metric)) return { max: all.max! };
  if (isCumulative(metric))
    return { "so far": `cumulative_sum(sum("${source === "value" ? "value" : "sum"}"))` };
  if (kind !== "trend" || tagsOf(metric).length === 0 || limits(metric, source).length > 0) return all;
  return Object.fromEntries(Object.entries(all).filter(([line]) => FEW_LINES.includes(line)));
}

/** The tags that break a metric down; the cases of a handshake are an open list. */
export function tagsOf(metric: MetricName): readonly string[] {
  const { by }: MetricSpec = METRICS[metric];
  return metric === "ws_handshake_status" ? ["case"] : Object.keys(by ?? {});
}

function columns(lines: readonly Line[], expression: (line: Line) => string): Columns {
  return Object.fromEntries(lines.map((line) => [line, expression(line)]));
}
