/** What a proxy's time may have done to limits on connecting: a slow proxy is not the server's fault. Pure. */
import type { MetricFigures, Summary, ThresholdSummary } from "./summary.ts";
import { holds, parseLimit } from "./threshold.ts";
import { describeLimit, number } from "./words.ts";

/** A run, and the proxies that its connections went by, in words. */
interface Run {
  readonly metrics: Summary["metrics"];
  readonly proxies?: readonly string[] | undefined;
}

/** Times that a connection's way to its 101 response is part of. */
const CONNECTING =
  /^(ws_(connect_latency|time_to_reach|reconnect_time|caught_up)|sse_first_(byte|event)|token_(connect|first_(byte|event|content)|stream))_ms(\{|$)/;

/** Phases of a connection that goes by a proxy, up to the open tunnel. */
const TO_THE_TUNNEL = ["resolve", "tcp", "proxy"] as const;
/** Phases that only the server can take long for. */
const IN_THE_TUNNEL = ["tls", "settings", "upgrade"] as const;

/**
 * Why a broken limit is not the server's: without the time that the proxy took it may have held. Undefined if it would
 * be broken all the same, or if there was no proxy.
 *
 * Percentiles of a difference are not known, so the proxy's own percentile is taken off. The limit counts as broken if
 * one of the server's own phases breaks it alone.
 */
export function whySlowProxy(broken: ThresholdSummary, { metrics, proxies = [] }: Run): string | undefined {
  const limit = parseLimit(broken.expression);
  const { metric, value } = broken;
  if (!limit?.operator.startsWith("<") || value === null || !CONNECTING.test(metric)) return undefined;
  const phases = metrics.ws_connect_phase_ms?.by?.phase ?? {};
  if (proxies.length === 0 && !phases.proxy) return undefined;
  const which = ["the proxy", ...(proxies.length > 0 ? [proxies.join(", ")] : [])].join(" ");
  const { aggregate } = limit;
  if (!phases.proxy) {
    // Of a connection's time nothing tells how much the proxy took: at most all of it.
    const most = atMost(
      metrics[metric.startsWith("token_") ? "token_connect_ms" : "ws_connect_latency_ms"],
      aggregate,
    );
    if (!holds(value - Math.min(most, value), limit)) return undefined;
    return `${describeLimit(broken)} includes the time of ${which}, which only massconnect and mass-soak measure apart (ws_connect_phase_ms{phase:proxy}): without it the limit may hold`;
  }
  if (IN_THE_TUNNEL.some((phase) => !holds(atLeast(phases[phase], aggregate), limit))) return undefined;
  const took = TO_THE_TUNNEL.reduce((sum, phase) => sum + atMost(phases[phase], aggregate), 0);
  if (!holds(Math.max(0, value - took), limit)) return undefined;
  return `${describeLimit(broken)} includes ${number(took)} ms of ${which} (ws_connect_phase_ms{phase:proxy}): without it the limit may hold`;
}

/** The figures of a Trend by their percentile, in order; none without values. */
function figuresOf(trend: MetricFigures | undefined): (readonly [percentile: number, value: number])[] {
  if (trend?.kind !== "trend") return [];
  const { min, p50, p90, p95, p99, max } = trend;
  return (
    [
      [0, min],
      [50, p50],
      [90, p90],
      [95, p95],
      [99, p99],
      [100, max],
    ] as const
  ).flatMap(([p, value]) => (value === null ? [] : [[p, value] as const]));
}

const FIXED: { readonly [aggregate: string]: number } = { min: 0, med: 50, max: 100 };
const percentileOf = (aggregate: string): number | undefined => {
  const [, percentile] = /^p\((.+)\)$/.exec(aggregate) ?? [];
  return percentile === undefined ? FIXED[aggregate] : Number(percentile);
};

/** What an aggregate of a Trend is at most, in ms, by the figures that are known; 0 without values. */
function atMost(trend: MetricFigures | undefined, aggregate: string): number {
  const figures = figuresOf(trend);
  const wanted = percentileOf(aggregate);
  if (wanted !== undefined) return figures.find(([percentile]) => percentile >= wanted)?.[1] ?? 0;
  // An average: nobody's share of the values is above the next figure.
  return figures.reduce((sum, [p, value], i) => sum + ((p - (figures[i - 1]?.[0] ?? 0)) / 100) * value, 0);
}

/** And at least; an average is at least the minimum. */
function atLeast(trend: MetricFigures | undefined, aggregate: string): number {
  const wanted = percentileOf(aggregate) ?? 0;
  return (
    figuresOf(trend)
      .filter(([percentile]) => percentile <= wanted)
      .at(-1)?.[1] ?? 0
  );
}
