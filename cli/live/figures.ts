/** What a run comes to while it goes on, in the few figures that one watches. Pure. */
import type { MetricName } from "../../lib/metrics.ts";
import { countOf } from "../../lib/summary/counts.ts";
import type { MetricSummary, Summary, ThresholdSummary } from "../../lib/summary/summary.ts";
import { parseLimit } from "../../lib/summary/threshold.ts";
import { type Ms, ms } from "../../lib/units.ts";
import { histogramOf, ofKind, select } from "../recording/figures.ts";
import { quantile } from "../recording/histogram.ts";
import type { Run } from "../recording/run.ts";
import { sumGauges } from "../recording/run.ts";

/** Percentiles in milliseconds; null without values. */
export interface Percentiles {
  readonly p50: number | null;
  readonly p99: number | null;
}

export interface LiveLatency extends Percentiles {
  readonly metric: MetricName;
  /** Of the last seconds alone. */
  readonly recent: Percentiles;
}

export interface LiveFigures {
  readonly elapsed: Ms;
  /** Undefined where nothing is recorded, as on a k6 without the extension. */
  readonly recorded?: {
    readonly connections: {
      readonly open: number;
      readonly opened: number;
      readonly failed: number;
      readonly dropped: number;
    };
    /** Messages in a second, over the last seconds. */
    readonly perSecond: { readonly sent: number; readonly received: number };
    /** The latencies that the scenario records, the ones that users wait for first. */
    readonly latencies: readonly LiveLatency[];
    /** The 99th percentile, in milliseconds, of what the generator added by itself; null without values. */
    readonly generatorDelay: number | null;
    /** Messages that were lost, in error, repeated or out of order. */
    readonly errors: number;
    readonly limits: LiveLimits;
  };
}

/** How the limits stand. A floor that traffic still has to reach is neither held nor broken. */
export interface LiveLimits {
  readonly held: number;
  readonly toReach: number;
  readonly broken: readonly ThresholdSummary[];
}

/** How many of the last seconds count as recent. */
export const RECENT_SECONDS = 10;

const LATENCIES = [
  "ws_msg_rtt_ms",
  "ws_fanout_lag_ms",
  "ws_page_lag_ms",
  "ws_connect_latency_ms",
  "token_first_content_ms",
  "token_content_gap_ms",
] as const satisfies readonly MetricName[];
const SENT = ["ws_probes", "ws_publications", "token_requests"] as const satisfies readonly MetricName[];
const RECEIVED = ["ws_replies", "ws_deliveries", "token_chunks"] as const satisfies readonly MetricName[];
const ERRORS = [
  "ws_messages_lost",
  "ws_message_errors",
  "ws_messages_duplicated",
  "ws_messages_reordered",
  "token_request_failures",
] as const satisfies readonly MetricName[];

/** The engine's gauges of open connections: a scenario has one of them. */
const OPEN = ["ws_active_sessions", "token_active_streams"] as const satisfies readonly MetricName[];

/**
 * @param summary of the run so far
 * @param recent the run's last {@link RECENT_SECONDS}, second by second
 */
export function figuresSoFar(elapsed: Ms, summary: Summary, recent: Run): LiveFigures {
  const { metrics } = summary;
  const count = (metric: MetricName) => countOf(metrics[metric]);
  const sum = (names: readonly MetricName[]) => names.reduce((all, name) => all + count(name), 0);
  const recently = (names: readonly MetricName[]) =>
    names.flatMap((metric) => ofKind(select(recent, { metric, tags: [] }), "counter"));
  const seconds = Math.max(1, new Set(recent.series.flatMap(({ cells }) => [...cells.keys()])).size);
  const perSecond = (names: readonly MetricName[]) =>
    recently(names).reduce((all, { cells }) => all + [...cells.values()].reduce((a, b) => a + b, 0), 0) /
    seconds;
  return {
    elapsed: ms(elapsed),
    recorded: {
      connections: {
        open: openConnections(metrics, recent),
        opened: count("ws_sessions_opened"),
        failed: count("ws_connect_failures"),
        dropped: count("ws_connection_drops"),
      },
      perSecond: { sent: perSecond(SENT), received: perSecond(RECEIVED) },
      latencies: LATENCIES.flatMap((metric) => latency(metric, metrics[metric], recent)),
      generatorDelay: p99Of(metrics.ws_generator_delay_ms),
      errors: sum(ERRORS),
      limits: limitsSoFar(summary.thresholds),
    },
  };
}

/** As the engine counts them; otherwise the opened ones minus the closed ones. */
function openConnections(metrics: Summary["metrics"], recent: Run): number {
  const gauges = OPEN.flatMap((metric) => ofKind(select(recent, { metric, tags: [] }), "gauge"));
  if (gauges.length > 0) {
    const sums = gauges.map(({ cells }) => cells).reduce(sumGauges, new Map());
    return [...sums.values()].at(-1)?.last ?? 0;
  }
  return countOf(metrics.ws_sessions_opened) - countOf(metrics.ws_sessions_closed);
}

function latency(metric: MetricName, whole: MetricSummary | undefined, recent: Run): LiveLatency[] {
  if (whole?.kind !== "trend" || whole.count === 0) return [];
  const histogram = histogramOf(select(recent, { metric, tags: [] }));
  const at = (share: number) => (histogram && histogram.total > 0 ? quantile(histogram, share) : null);
  return [{ metric, p50: whole.p50, p99: whole.p99, recent: { p50: at(0.5), p99: at(0.99) } }];
}

/** Of the side that is slower. */
function p99Of(metric: MetricSummary | undefined): number | null {
  const parts = Object.values(metric?.by?.side ?? {}).flatMap((part) =>
    part.kind === "trend" && part.p99 !== null ? [part.p99] : [],
  );
  return parts.length > 0 ? Math.max(...parts) : null;
}

function limitsSoFar(thresholds: readonly ThresholdSummary[]): LiveLimits {
  const missed = thresholds.filter(({ ok }) => !ok);
  const broken = missed.filter((limit) => !mayStillHold(limit));
  return { held: thresholds.length - missed.length, toReach: missed.length - broken.length, broken };
}

/** Whether more of the same traffic may yet reach it: a count that must grow, or one of which there is no value yet. */
function mayStillHold({ expression, value }: ThresholdSummary): boolean {
  const limit = parseLimit(expression);
  if (value === null || !limit) return true;
  return limit.aggregate === "count" && !limit.operator.startsWith("<") && value < limit.bound;
}
