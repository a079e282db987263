/** Limits and what came of them, as people say it. Pure. */
import { counted } from "../counted.ts";
import { METRICS, type MetricName } from "../metrics.ts";
import { TITLES } from "../titles.ts";
import type { ThresholdSummary } from "./summary.ts";
import { holds, type Limit, parseLimit } from "./threshold.ts";

/** Nouns for titles that do not fit into a sentence. */
const NOUNS: { readonly [M in MetricName]?: string } = {
  ws_msg_rtt_ms: "round trip",
  ws_connect_failures: "failed attempts to connect",
  ws_connections_given_up: "connections that never opened",
  ws_connection_drop_rate: "share of connections that dropped",
  ws_gap_messages: "messages sent while away",
  ws_fanout_server_lag_ms: "fan-out lag since the server's stamp",
};

/** `ws_msg_rtt_ms{role:slow}` → round trip with role slow. */
function nounOf(series: string): string {
  const [, metric = series, tags = ""] = /^([^{]*)(?:\{(.*)\})?$/s.exec(series) ?? [];
  const title = Object.hasOwn(TITLES, metric) ? TITLES[metric as MetricName] : undefined;
  const noun = NOUNS[metric as MetricName] ?? (title && title[0]!.toLowerCase() + title.slice(1)) ?? metric;
  const shown = tags.split(",").filter((tag) => tag !== "" && !/^step:/.test(tag));
  return shown.length === 0
    ? noun
    : `${noun} with ${shown.map((tag) => tag.replace(":", " ")).join(" and ")}`;
}

/** How a value of a series is written: `303 ms`, `97.6 %`, `20`. */
interface Unit {
  /** What values are multiplied by. */
  readonly factor: number;
  readonly sign: string;
}

function unitOf(series: string, aggregate: string): Unit {
  const name = series.replace(/\{.*/s, "");
  const { unit, kind } = Object.hasOwn(METRICS, name)
    ? METRICS[name as MetricName]
    : { unit: /_ms$/.test(name) ? "ms" : "1", kind: undefined };
  if (kind === "rate") return { factor: 100, sign: " %" };
  if (kind === "trend" && unit === "ms" && aggregate !== "count") return { factor: 1, sign: " ms" };
  return { factor: 1, sign: kind === "counter" && aggregate === "rate" ? " a second" : "" };
}

/** What came of a limit: `median round trip 303 ms (limit 100 ms)`, `20 lost messages (limit 0)`. */
export function describeLimit({ metric, expression, value }: ThresholdSummary): string {
  const limit = parseLimit(expression);
  if (!limit) return `${metric} ${expression}`;
  const unit = unitOf(metric, limit.aggregate);
  const bound = `(${boundOf(limit, value, unit)})`;
  if (value === null) return `no value for ${quantity(metric, limit.aggregate)} ${bound}`;
  const shown = valueBeside(metric, expression, value);
  return limit.aggregate === "count"
    ? `${shown} ${nounOf(metric)} ${bound}`
    : `${quantity(metric, limit.aggregate)} ${shown} ${bound}`;
}

/** What a limit speaks of: `median round trip`, `round trip p95`. */
function quantity(metric: string, aggregate: string): string {
  const noun = nounOf(metric);
  const [, percentile] = /^p\((.+)\)$/.exec(aggregate) ?? [];
  if (percentile !== undefined) return percentile === "50" ? `median ${noun}` : `${noun} p${percentile}`;
  const words: { readonly [aggregate: string]: string } = {
    med: "median",
    avg: "average",
    max: "longest",
    min: "shortest",
  };
  return aggregate in words ? `${words[aggregate]} ${noun}` : noun;
}

function boundOf(
  { operator, bound, aggregate }: Limit,
  value: number | null,
  { factor, sign }: Unit,
): string {
  const shown = `${Number((bound * factor).toPrecision(12))}${sign}`;
  switch (operator) {
    case "<":
      // Of a number of things the limit itself is one too many; a time is told without such care.
      if (aggregate === "count") return `limit: fewer than ${shown}`;
      return value === bound ? `limit: less than ${shown}` : `limit ${shown}`;
    case "<=":
      return `limit ${shown}`;
    case ">":
      return `expected more than ${shown}`;
    case ">=":
      return `expected at least ${shown}`;
    case "==":
    case "===":
      return value !== null && value > bound ? `limit ${shown}` : `expected ${shown}`;
    case "!=":
      return `expected anything but ${shown}`;
  }
}

/** What a limit's value was, with its unit: on the side of the limit where it is. */
export function valueBeside(metric: string, expression: string, value: number): string {
  const limit = parseLimit(expression);
  const { factor, sign } = unitOf(metric, limit?.aggregate ?? "");
  const scaled = limit && { ...limit, bound: Number((limit.bound * factor).toPrecision(12)) };
  const exact = Number((value * factor).toPrecision(15));
  return `${beside(scaled, exact, factor)}${sign}`;
}

/**
 * A figure as people read it. It has enough digits to stand on its own side of the limit, and for 0.9998 not to read
 * as all.
 *
 * @param all the value that means all of something
 */
function beside(limit: Limit | undefined, value: number, all: number): string {
  const tells = (shown: number): boolean =>
    (value >= all || shown < all) &&
    (!limit ||
      (holds(shown, limit) === holds(value, limit) &&
        Math.sign(shown - limit.bound) === Math.sign(value - limit.bound)));
  for (let digits = 3; digits < 17; digits++) {
    const usual = all === 100 ? percentage(value) : number(value);
    const shown = digits === 3 ? usual : String(Number(value.toPrecision(digits)));
    if (tells(Number(shown))) return shown;
  }
  return String(value);
}

/** What limits that broke come to, in one sentence: the first of them, and how many more. */
export function describeBroken(broken: readonly ThresholdSummary[]): string {
  const [first, ...more] = broken;
  if (!first) return "";
  const others = counted(more.length, "more limit broken", "more limits broken");
  return more.length === 0 ? describeLimit(first) : `${describeLimit(first)}; ${others}`;
}

/** A figure as people read it: three significant digits, whole above a hundred. */
export function number(value: number): string {
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

/** A ratio in percent, with up to six digits near all: never rounded up to a whole 100 %, for 0.99999 is not all. */
export const percent = (ratio: number): string => `${percentage(ratio * 100)} %`;

function percentage(value: number): string {
  const shown = Math.floor(Number((value * 10_000).toPrecision(15))) / 10_000;
  return String(shown >= 110 ? Math.round(shown) : Number(shown.toPrecision(shown >= 99 ? 6 : 3)));
}

/** 15,000. */
export const grouped = (size: number): string => String(size).replace(/\B(?=(\d{3})+$)/g, ",");
