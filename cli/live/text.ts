/** The live figures as text: a block for a terminal, a line for a log. Pure. */
import type { MetricName } from "../../lib/metrics.ts";
import { describeLimit, grouped, number } from "../../lib/summary/verdict.ts";
import { formatDuration, type Ms, ms } from "../../lib/units.ts";
import type { LiveFigures, LiveLatency, LiveLimits, Percentiles } from "./figures.ts";
import { RECENT_SECONDS } from "./figures.ts";

/** The facts about a run that its progress shows. */
export interface Plan {
  readonly scenario: string;
  /** How long the load is to take; 0 where the script does not say. */
  readonly planned: Ms;
  /** The longest that it may take. */
  readonly longest: Ms;
}

const BAR = 24;
const LABEL = 18;

/** A block to be drawn over and over in one place, of lines no wider than `columns`. */
export function blockOf(plan: Plan, figures: LiveFigures, columns: number): string {
  const { recorded } = figures;
  const lines = [`${plan.scenario}  ${progress(plan, figures.elapsed)}  ${bar(plan, figures.elapsed)}`];
  if (!recorded) lines.push(row("figures", NOT_RECORDED));
  else {
    const { connections, perSecond, latencies, generatorDelay, errors, limits } = recorded;
    const { open, opened, failed, dropped } = connections;
    lines.push(
      row(
        "connections",
        [
          `${grouped(open)} open`,
          `${grouped(opened)} opened`,
          `${grouped(failed)} failed`,
          `${grouped(dropped)} dropped`,
        ].join(", "),
      ),
      row("messages/s", `${rounded(perSecond.sent)} sent, ${rounded(perSecond.received)} received`),
      ...latencies.map((latency) => row(`${NAMES[latency.metric]}, ms`, percentilesOf(latency))),
      row(
        "generator, ms",
        generatorDelay === null
          ? "no values yet"
          : `p99 ${number(generatorDelay)} added by the generator itself`,
      ),
      row("errors", errors === 0 ? "none" : grouped(errors)),
      ...limitRows(limits),
    );
  }
  return lines.map((line) => (line.length > columns ? `${line.slice(0, columns - 1)}…` : line)).join("\n");
}

/** The same in one line. */
export function lineOf(plan: Plan, { elapsed, recorded }: LiveFigures): string {
  const parts = [progress(plan, elapsed)];
  if (recorded) {
    const { connections, perSecond, latencies, generatorDelay, errors, limits } = recorded;
    const [first] = latencies;
    parts.push(
      `${grouped(connections.open)} connections`,
      `${rounded(perSecond.sent + perSecond.received)} messages a second`,
      ...(first ? [`${NAMES[first.metric]} p50 ${shown(first.p50)} ms, p99 ${shown(first.p99)} ms`] : []),
      `${grouped(connections.dropped)} drops`,
      ...(connections.failed > 0 ? [`${grouped(connections.failed)} failed connections`] : []),
      `${errors === 0 ? "no" : grouped(errors)} errors`,
      ...(generatorDelay === null ? [] : [`generator p99 ${number(generatorDelay)} ms`]),
      limitsInWords(limits),
    );
  }
  return parts.join(", ");
}

/** Why a run shows no figures while it goes on. */
export const NOT_RECORDED = "at the end (bin/k6 records, and shows them during the run)";

const NAMES: Partial<Record<MetricName, string>> = {
  ws_msg_rtt_ms: "round trip",
  ws_fanout_lag_ms: "fan-out lag",
  ws_page_lag_ms: "page lag",
  ws_connect_latency_ms: "connecting",
  token_first_content_ms: "first content",
  token_content_gap_ms: "content gap",
};

const row = (label: string, text: string): string => `  ${label.padEnd(LABEL)}${text}`;

function progress({ planned, longest }: Plan, elapsed: Ms): string {
  const taken = seconds(elapsed);
  if (planned > 0 && elapsed <= planned) return `${taken} of ${seconds(planned)}`;
  if (elapsed > longest) return `${taken}, and ${seconds(longest)} was the most it should take`;
  return planned > 0 ? `${taken}, ending` : `${taken} of at most ${seconds(longest)}`;
}

/** Whole seconds. */
const seconds = (duration: Ms): string =>
  duration < 500 ? "0s" : formatDuration(ms(Math.round(duration / 1_000) * 1_000));

function bar({ planned, longest }: Plan, elapsed: Ms): string {
  const share = Math.min(1, elapsed / (planned || longest));
  const full = Math.floor(share * BAR);
  return "█".repeat(full) + "░".repeat(BAR - full);
}

function percentilesOf({ p50, p99, recent }: LiveLatency): string {
  const both = ({ p50: half, p99: tail }: Percentiles) => `p50 ${shown(half)}, p99 ${shown(tail)}`;
  return `${both({ p50, p99 })}; last ${RECENT_SECONDS} s: ${both(recent)}`;
}

const shown = (value: number | null): string => (value === null ? "–" : number(value));
const rounded = (perSecond: number): string => grouped(Math.round(perSecond));

/** More would push the block out of a small terminal. */
const MOST_LIMITS = 4;

function limitRows(limits: LiveLimits): string[] {
  const { broken } = limits;
  const more = broken.length - MOST_LIMITS;
  return [
    row("limits", limitsInWords(limits)),
    ...broken.slice(0, MOST_LIMITS).map((limit) => row("", `✗ ${describeLimit(limit)}`)),
    ...(more > 0 ? [row("", `and ${more} more`)] : []),
  ];
}

function limitsInWords({ held, toReach, broken }: LiveLimits): string {
  const all = held + toReach + broken.length;
  if (all === 0) return "no limits";
  const open = toReach > 0 ? `, ${toReach} still to be reached` : "";
  return broken.length === 0 && toReach === 0
    ? `all ${all} limits hold so far`
    : `${held} of ${all} limits hold so far${open}`;
}
