/** What a run did from one stretch of time to the next. Pure. */
import type { MetricName } from "../../lib/metrics.ts";
import { figuresOf, ofKind, select } from "../recording/figures.ts";
import { type Histogram, largest, merge, quantile } from "../recording/histogram.ts";
import type { Kind, Series, SeriesOf } from "../recording/read.ts";
import { type Run, sumGauges } from "../recording/run.ts";
import type { Values } from "./chart.ts";

/** A distribution, stretch by stretch, in milliseconds. */
export interface Latency {
  readonly p50: Values;
  readonly p95: Values;
  readonly p99: Values;
  readonly max: Values;
  readonly count: Values;
}

export interface Timeline {
  /** Length of a stretch. */
  readonly cellSeconds: number;
  /** The start of each stretch, in seconds since the first instance started. */
  readonly seconds: readonly number[];
  /** When the load began: where the first connection was opened, or the first value was measured. */
  readonly loadStart: number;
  readonly latencies: { readonly [metric: string]: Latency };
  /** A publication's way to a page, by leg. */
  readonly pageLegs: { readonly [leg: string]: Latency };
  /** The generator's own delay, by side. */
  readonly generatorDelay: { readonly [side: string]: Latency };
  /** Connections open at the end of each stretch. */
  readonly connections: Values;
  /** How many a second, by Counter. */
  readonly rates: { readonly [metric: string]: Values };
  /** What went wrong in each stretch, by Counter. */
  readonly faults: { readonly [metric: string]: Values };
  /** How many connections dropped in each stretch, by close code. */
  readonly drops: { readonly [code: string]: Values };
  /** Processors that the generators kept busy, and memory that they occupied in bytes, over all instances. */
  readonly processors: Values;
  readonly memory: Values;
}

const LATENCIES = [
  "ws_msg_rtt_ms",
  "ws_msg_service_ms",
  "ws_fanout_lag_ms",
  "ws_fanout_spread_ms",
  "ws_page_lag_ms",
  "ws_connect_latency_ms",
  "ws_reconnect_time_ms",
  "token_first_content_ms",
  "token_content_gap_ms",
  "token_stream_ms",
  "sse_event_gap_ms",
] as const satisfies readonly MetricName[];

const RATES = [
  "ws_probes",
  "ws_replies",
  "ws_deliveries",
  "ws_sessions_opened",
  "token_requests",
  "token_output_tokens",
] as const satisfies readonly MetricName[];

const FAULTS = [
  "ws_messages_lost",
  "ws_messages_late",
  "ws_messages_duplicated",
  "ws_messages_reordered",
  "ws_message_errors",
  "ws_connect_failures",
  "ws_page_missed",
  "ws_contract_violations",
  "token_request_failures",
  "token_stalls",
  "token_buffered_streams",
] as const satisfies readonly MetricName[];

/** Lays a run out in time. Its stretches are the ones that it was read with. */
export function timelineOf(run: Run): Timeline {
  const start = Math.min(
    ...run.instances.map(({ header }) => Math.floor(Date.parse(header.startedAt) / 1000)),
  );
  const origin = start - (start % run.cellSeconds);
  const last = run.series
    .flatMap((series) => [...series.cells.keys()])
    .reduce((a, b) => Math.max(a, b), origin);
  const cells = Array.from(
    { length: (last - origin) / run.cellSeconds + 1 },
    (_, index) => origin + index * run.cellSeconds,
  );
  const of = (metric: MetricName, tags: readonly (readonly [string, string])[] = []) =>
    select(run, { metric, tags });
  const byTag = (metric: MetricName, tag: string) => valuesOf(tag, of(metric));
  const byValue = (metric: MetricName, tag: string) =>
    present(byTag(metric, tag).map((value) => [value, latency(of(metric, [[tag, value]]), cells)]));
  const timeline = {
    cellSeconds: run.cellSeconds,
    seconds: cells.map((cell) => cell - start),
    latencies: present(LATENCIES.map((name) => [name, latency(of(name), cells)])),
    pageLegs: byValue("ws_page_leg_ms", "leg"),
    generatorDelay: byValue("ws_generator_delay_ms", "side"),
    connections: connections(of, cells),
    rates: present(RATES.map((name) => [name, rate(of(name), cells, run.cellSeconds)])),
    faults: present(FAULTS.map((name) => [name, counts(of(name), cells)])),
    drops: present(
      byTag("ws_connection_drops", "code").map((code) => [
        code,
        counts(of("ws_connection_drops", [["code", code]]), cells),
      ]),
    ),
    ...usage(run, cells),
  };
  return { ...timeline, loadStart: loadStartOf(timeline) };
}

function loadStartOf({ seconds, connections, rates, latencies }: Omit<Timeline, "loadStart">): number {
  const columns = [
    connections,
    ...Object.values(rates),
    ...Object.values(latencies).map(({ count }) => count),
  ];
  return seconds.find((_, i) => columns.some((column) => (column[i] ?? 0) > 0)) ?? seconds[0] ?? 0;
}

/** Only the entries that have a value. */
const present = <T>(entries: readonly (readonly [string, T | undefined])[]): { [name: string]: T } =>
  Object.fromEntries(entries.filter((entry): entry is [string, T] => entry[1] !== undefined));

const valuesOf = (tag: string, series: readonly Series[]): string[] =>
  [...new Set(series.map(({ tags }) => tags[tag]))].filter((value) => value !== undefined).sort();

/** What all series of a kind came to in each stretch, put together. */
function column<K extends Kind, T>(
  series: readonly Series[],
  kind: K,
  cells: readonly number[],
  together: (values: NonNullable<ReturnType<SeriesOf<K>["cells"]["get"]>>[]) => T,
): T[] {
  const own = ofKind(series, kind);
  return cells.map((cell) => {
    const values = own.map((one) => one.cells.get(cell)).filter((value) => value !== undefined);
    return together(values as NonNullable<ReturnType<SeriesOf<K>["cells"]["get"]>>[]);
  });
}

function latency(series: readonly Series[], cells: readonly number[]): Latency | undefined {
  if (!figuresOf(series)) return undefined;
  const histograms = column(series, "trend", cells, (values) => merge(values as Histogram[]));
  const each = (figure: (histogram: Histogram) => number) =>
    histograms.map((histogram) => (histogram.total > 0 ? figure(histogram) : null));
  return {
    p50: each((histogram) => quantile(histogram, 0.5)),
    p95: each((histogram) => quantile(histogram, 0.95)),
    p99: each((histogram) => quantile(histogram, 0.99)),
    max: each(largest),
    count: histograms.map(({ total }) => total),
  };
}

function counts(series: readonly Series[], cells: readonly number[]): number[] | undefined {
  if (ofKind(series, "counter").length === 0) return undefined;
  return column(series, "counter", cells, (values) => values.reduce((sum, count) => sum + count, 0));
}

const rate = (series: readonly Series[], cells: readonly number[], cellSeconds: number) =>
  counts(series, cells)?.map((count) => count / cellSeconds);

/** As the engine counts them. Stock k6 cannot, so there it is the opened ones minus the closed ones. */
function connections(of: (metric: MetricName) => Series[], cells: readonly number[]): Values {
  // A scenario has one of them.
  const gauges = ofKind([...of("ws_active_sessions"), ...of("token_active_streams")], "gauge");
  if (gauges.length > 0) {
    const sum = gauges.map((gauge) => gauge.cells).reduce(sumGauges, new Map());
    let open: number | null = null;
    return cells.map((cell) => {
      open = sum.get(cell)?.last ?? open;
      return open;
    });
  }
  const opened = counts(of("ws_sessions_opened"), cells);
  if (!opened) return cells.map(() => null);
  const closed = counts(of("ws_sessions_closed"), cells) ?? [];
  let open = 0;
  return opened.map((count, i) => {
    open += count - (closed[i] ?? 0);
    return open;
  });
}

function usage({ instances, cellSeconds }: Run, cells: readonly number[]) {
  const processors = new Map<number, number>();
  const memory = new Map<number, number>();
  for (const { usage } of instances) {
    const own = new Map<number, { cpus: number; bytes: number }>();
    for (const { at, cpus, memoryBytes = 0 } of usage) {
      // Told a moment after the second that it is about.
      const second = Math.floor(Date.parse(at) / 1000) - 1;
      const cell = second - (second % cellSeconds);
      const before = own.get(cell) ?? { cpus: 0, bytes: 0 };
      own.set(cell, { cpus: Math.max(before.cpus, cpus), bytes: Math.max(before.bytes, memoryBytes) });
    }
    for (const [cell, { cpus, bytes }] of own) {
      processors.set(cell, (processors.get(cell) ?? 0) + cpus);
      memory.set(cell, (memory.get(cell) ?? 0) + bytes);
    }
  }
  const values = (all: ReadonlyMap<number, number>) => cells.map((cell) => all.get(cell) || null);
  return { processors: values(processors), memory: values(memory) };
}
