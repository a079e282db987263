/**
 * The queries of a metric's panel, for both ways in:
 *
 * - stock k6 (`--out influxdb=…`) stores one point for each sample, in the field `value`;
 * - our output (`--out realtime-influxdb=…`) stores one point for each second, in fields by the metric's kind.
 *
 * Every panel asks for both, and the dashboard's variable `source` decides which of them answers: it is the name of the
 * field for the one, and what all points of the other have in their tag `source`.
 */
import { METRICS, type MetricKind, type MetricName, type MetricSpec } from "../lib/metrics.ts";
import { PROFILES } from "../lib/profile.ts";
import { STEP_TAG, STEPS_OF_TAG, type StepsOf } from "../lib/steps.ts";
import { parseLimit } from "../lib/summary/threshold.ts";

/** The values of the variable `source`, with what they stand for. */
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

const perSecond = "/ ($__interval_ms / 1000)";

/** What is shown of each kind, by source. Percentiles of seconds are never averaged: the worst second stands. */
const COLUMNS: { readonly [K in MetricKind]: { readonly [S in Source]: Columns } } = {
  trend: {
    aggregates: columns(LINES, (line) => `max("${line}")`),
    value: columns(LINES, (line) =>
      line === "max" ? 'max("$source")' : `percentile("$source", ${PERCENTILES[line]})`,
    ),
  },
  counter: {
    aggregates: { "per second": `sum("sum") ${perSecond}` },
    value: { "per second": `sum("$source") ${perSecond}` },
  },
  rate: { aggregates: { share: 'sum("passes") / sum("total")' }, value: { share: 'mean("$source")' } },
  gauge: {
    aggregates: { most: 'max("max")', now: 'last("last")' },
    value: { most: 'max("$source")', now: 'last("$source")' },
  },
};

/** What a whole run came to, by source: first what to look at first, of times a p99. */
const RUN_COLUMNS: typeof COLUMNS = {
  trend: {
    aggregates: {
      "worst second's p99": 'max("p99")',
      "worst second's p50": 'max("p50")',
      max: 'max("max")',
      mean: 'sum("sum") / sum("count")',
    },
    value: {
      p99: 'percentile("$source", 99)',
      p50: 'percentile("$source", 50)',
      max: 'max("$source")',
      mean: 'mean("$source")',
    },
  },
  counter: { aggregates: { count: 'sum("sum")' }, value: { count: 'sum("$source")' } },
  rate: COLUMNS.rate,
  gauge: { aggregates: { most: 'max("max")' }, value: { most: 'max("$source")' } },
};

/** Over time: a line for each instance and for each value of the tags that the metric is broken down by. */
export function overTime(metric: MetricName): Query[] {
  const { kind } = METRICS[metric];
  const fill = kind === "counter" ? "0" : "null";
  return sources((source) => {
    const tags = [INSTANCE_TAG[source], ...tagsOf(metric)];
    const groupBy = `time($__interval), ${quoted(tags)} fill(${fill})`;
    return {
      influxql: select(metric, source, columnsOf(metric, source), groupBy),
      alias: ["$col", ...tags.map((tag) => `$tag_${tag}`)].join(" "),
    };
  });
}

/** What each process that generates the load takes of its machine: the most within an interval. */
export const generatorUsage = (field: "cpus" | "memoryBytes"): Query => ({
  influxql: select(
    "realtime_generator",
    "aggregates",
    { [field]: `max("${field}")` },
    'time($__interval), "instance" fill(null)',
  ),
  alias: "$tag_instance",
});

/** The column that makes a row of a run which is not over and so has no exit code. */
export const BEGUN = "begun";

/** A row for each process that began, with k6's exit code once it has ended, which our output alone stores. */
export const begun = (exitCode: string): Query => ({
  influxql: select(
    "realtime_run",
    "aggregates",
    { [exitCode]: 'last("exitCode")', [BEGUN]: 'count("header")' },
    quoted(["run", "scenario", "profile", "commit", "instance"]),
  ),
  alias: "",
});

/** The figure to look at first, over the time range: all chosen runs together. */
export function inRange(metric: MetricName): Query[] {
  const { kind } = METRICS[metric];
  const apart = kind === "trend" ? tagsOf(metric) : [];
  return sources((source) => {
    const [first] = Object.values(RUN_COLUMNS[kind][source]) as [string];
    return {
      influxql: select(metric, source, { [kind === "trend" ? "p99" : kind]: first }, quoted(apart)),
      alias: ["$col", ...apart.map((tag) => `$tag_${tag}`)].join(" "),
    };
  });
}

/** Whether profiles set lower bounds on it. */
export const isToBeLarge = (metric: MetricName): boolean =>
  Object.values(PROFILES).some(({ thresholds }) =>
    ((thresholds as Record<string, string[]>)[metric] ?? []).some((expression) =>
      parseLimit(expression)?.operator.startsWith(">"),
    ),
  );

/**
 * A row for each run, instance and commit. What does not add up, times and gauges, is apart by the tags that the metric
 * is broken down by, too: a percentile over all phases of a connection would be none of anything.
 */
export function byRun(metric: MetricName): Query[] {
  const { kind } = METRICS[metric];
  const apart = kind === "trend" || kind === "gauge" ? tagsOf(metric) : [];
  return sources((source) => ({
    influxql: select(
      metric,
      source,
      RUN_COLUMNS[kind][source],
      quoted([RUN_TAG[source], "scenario", "instance", "commit", ...apart]),
    ),
    alias: "",
  }));
}

/**
 * What a time came to at each size of a load that grows: a row for each step and instance, and one for each limit of
 * the profiles that judge it.
 */
export function bySteps(metric: MetricName, of: StepsOf): Query[] {
  const where = ` AND "${STEPS_OF_TAG}" = '${of}'`;
  const rows = sources((source) => {
    const groupBy = quoted([STEP_TAG, INSTANCE_TAG[source]]);
    return { influxql: select(metric, source, RUN_COLUMNS.trend[source], groupBy, where), alias: "" };
  });
  return [...rows, ...limits(metric, quoted([STEP_TAG]), where)];
}

/**
 * The limits that profiles set on a metric and that its panel can show, each as a line while a run is judged by it: those
 * in the unit of what is drawn. A limit on a count is on the whole run's, which no chart of counts per second shows.
 */
export function limits(
  metric: MetricName,
  groupBy = "time($__interval) fill(previous)",
  among = "",
): Query[] {
  const { kind } = METRICS[metric];
  return Object.entries(PROFILES).flatMap(([profile, { thresholds }]) => {
    const bounds = ((thresholds as Record<string, string[]>)[metric] ?? []).flatMap((expression) => {
      const limit = parseLimit(expression);
      return limit && limit.aggregate !== "count" ? [{ expression, bound: limit.bound }] : [];
    });
    if (bounds.length === 0) return [];
    return sources((source) => {
      const present = { trend: "max", rate: "total", gauge: "last", counter: "sum" }[kind];
      const field = source === "value" ? "$source" : present;
      const lines = Object.fromEntries(
        bounds.map(({ expression, bound }) => [`limit ${expression}`, `0 * last("${field}") + ${bound}`]),
      );
      const where = `${among} AND "profile" = '${profile}'`;
      return { influxql: select(metric, source, lines, groupBy, where), alias: `${profile}: $col` };
    });
  });
}

function select(measurement: string, source: Source, what: Columns, groupBy: string, where = ""): string {
  const selected = Object.entries(what).map(([name, expression]) => `${expression} AS "${name}"`);
  return `SELECT ${selected.join(", ")} FROM "${measurement}" WHERE ${WHERE[source]}${where} AND $timeFilter${groupBy && ` GROUP BY ${groupBy}`}`;
}

const WHERE: { readonly [S in Source]: string } = {
  aggregates:
    '"source" = \'$source\' AND "run" =~ /^${run:regex}$/ AND "scenario" =~ /^${scenario:regex}$/ AND "instance" =~ /^${instance:regex}$/',
  value: '"testid" =~ /^${run:regex}$/ AND "scenario" =~ /^${scenario:regex}$/',
};

/** The tag that names a run. */
const RUN_TAG: { readonly [S in Source]: string } = { aggregates: "run", value: "testid" };

/** What tells lines apart that must not be one: processes where they are known, runs where only those are. */
export const INSTANCE_TAG: typeof RUN_TAG = { aggregates: "instance", value: RUN_TAG.value };

function columnsOf(metric: MetricName, source: Source): Columns {
  const { kind } = METRICS[metric];
  const all = COLUMNS[kind][source];
  if (kind !== "trend" || tagsOf(metric).length === 0 || limits(metric).length > 0) return all;
  return Object.fromEntries(Object.entries(all).filter(([line]) => FEW_LINES.includes(line)));
}

/** What a metric is broken down by; the cases of a handshake are no closed list. */
function tagsOf(metric: MetricName): readonly string[] {
  const { by }: MetricSpec = METRICS[metric];
  return metric === "ws_handshake_status" ? ["case"] : Object.keys(by ?? {});
}

const sources = <T>(make: (source: Source) => T): T[] => (Object.keys(SOURCES) as Source[]).map(make);

const quoted = (tags: readonly string[]): string => tags.map((tag) => `"${tag}"`).join(", ");

function columns(lines: readonly Line[], expression: (line: Line) => string): Columns {
  return Object.fromEntries(lines.map((line) => [line, expression(line)]));
}
