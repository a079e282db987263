/** A run's headline figures in plain words. Pure. */
import type { MetricName } from "../../lib/metrics.ts";
import { countOf } from "../../lib/summary/counts.ts";
import type { Summary } from "../../lib/summary/summary.ts";
import { grouped, number } from "../../lib/summary/verdict.ts";
import { TITLES } from "../../lib/titles.ts";

/** One figure: what it is of, the figure, and what belongs beside it. */
export interface Tile {
  readonly name: string;
  readonly figure: string;
  readonly beside: string;
}

/** The figures that one wants first, of what the run recorded. */
export function tilesOf({ metrics }: Summary): Tile[] {
  return [
    ...latency("ws_msg_rtt_ms", metrics),
    ...latency("ws_fanout_lag_ms", metrics),
    ...latency("ws_page_lag_ms", metrics),
    ...latency("ws_connect_latency_ms", metrics),
    ...latency("token_first_content_ms", metrics),
    ...latency("token_per_token_ms", metrics),
    ...requests(metrics),
    ...connections(metrics),
    ...messages(metrics),
    ...generator(metrics),
  ];
}

type Metrics = Summary["metrics"];

function latency(metric: MetricName, metrics: Metrics): Tile[] {
  const trend = metrics[metric];
  if (trend?.kind !== "trend" || trend.p50 === null || trend.p99 === null) return [];
  const worst = trend.max === null ? "" : `, the slowest ${number(trend.max)} ms`;
  return [
    {
      name: TITLES[metric],
      figure: `${number(trend.p50)} ms`,
      beside: `by the median; 99 % within ${number(trend.p99)} ms${worst}`,
    },
  ];
}

function connections(metrics: Metrics): Tile[] {
  if (metrics.ws_sessions_opened?.kind !== "counter") return [];
  const [opened, dropped, failed] = (
    ["ws_sessions_opened", "ws_connection_drops", "ws_connect_failures"] as const
  ).map((metric) => countOf(metrics[metric])) as [number, number, number];
  const failures = failed === 0 ? "no attempt failed" : `${grouped(failed)} attempts failed`;
  return [
    {
      name: "Connections opened",
      figure: grouped(opened),
      beside: `${dropped === 0 ? "none" : grouped(dropped)} dropped, ${failures}`,
    },
  ];
}

function requests(metrics: Metrics): Tile[] {
  const asked = countOf(metrics.token_requests);
  if (asked === 0) return [];
  const failed = countOf(metrics.token_request_failures);
  const tokens = countOf(metrics.token_output_tokens);
  return [
    {
      name: TITLES.token_requests,
      figure: grouped(asked),
      beside: `${failed === 0 ? "none" : grouped(failed)} failed; ${grouped(tokens)} output tokens`,
    },
  ];
}

function messages(metrics: Metrics): Tile[] {
  const replies = countOf(metrics.ws_replies);
  const deliveries = countOf(metrics.ws_deliveries);
  if (replies + deliveries === 0) return [];
  const lost = countOf(metrics.ws_messages_lost);
  return [
    {
      name: [replies > 0 && "Replies", deliveries > 0 && "Deliveries"].filter(Boolean).join(" and "),
      figure: grouped(replies + deliveries),
      beside: lost === 0 ? "none lost" : `${grouped(lost)} lost`,
    },
  ];
}

function generator(metrics: Metrics): Tile[] {
  const sides = Object.values(metrics.ws_generator_delay_ms?.by?.side ?? {}).flatMap((side) =>
    side.kind === "trend" && side.p99 !== null ? [side.p99] : [],
  );
  if (sides.length === 0) return [];
  return [
    {
      name: "Added by the load generator",
      figure: `${number(Math.max(...sides))} ms`,
      beside: "at the 99th percentile, on its slower side",
    },
  ];
}
