/**
 * What stands out in a run, in sentences made from its data: what happened when, and whose doing it was where the data
 * tell. A clean run has none. Pure.
 */
import { pageNotes } from "../../lib/page-legs.ts";
import type { MetricSummary, Summary } from "../../lib/summary/summary.ts";
import { grouped, number } from "../../lib/summary/verdict.ts";
import { formatDuration, ms } from "../../lib/units.ts";
import type { Values } from "./chart.ts";
import { type Incident, incidentsOf } from "./events.ts";
import type { Latency, Timeline } from "./timeline.ts";

/** Something that stands out; with a time where it has one, in seconds since the run started. */
export interface Finding {
  readonly from?: number;
  readonly to?: number;
  readonly text: string;
}

/** All findings: those with a time in its order, then those of the whole run. */
export function findingsOf(summary: Summary, timeline: Timeline): Finding[] {
  const incidents = incidentsOf(timeline);
  const timed = incidents.map((incident) => describe(incident, incidents, timeline));
  const whole = [
    ...faults(summary, timeline, incidents),
    ...generatorBound(summary, timeline),
    ...stalledStreams(summary, timeline),
    ...slowPages(summary),
    ...harmedReaders(summary),
    ...growth(timeline),
  ];
  const all = [...timed, ...whole];
  // A tail by itself: with anything else, that is what made it.
  return all.length > 0 ? all : slowTail(timeline, summary);
}

/** What is lost or refused so soon after an incident is a part of it. */
const AFTERMATH_S = 10;

/** Stretches that lie in an incident or in what comes of it. */
function cellsOf({ from, to }: Incident, { seconds }: Timeline): number[] {
  return [...seconds.keys()].filter((i) => seconds[i]! >= from - 1 && seconds[i]! <= to + AFTERMATH_S);
}

const sumAt = (values: Values | undefined, cells: readonly number[]): number =>
  cells.reduce((sum, i) => sum + (values?.[i] ?? 0), 0);

function describe(incident: Incident, all: readonly Incident[], timeline: Timeline): Finding {
  const { from, to } = incident;
  // The effects belong to the first of several incidents that overlap.
  const others = all.filter((other) => other !== incident && other.from < from);
  const taken = new Set(others.flatMap((other) => cellsOf(other, timeline)));
  const cells = cellsOf(incident, timeline).filter((i) => !taken.has(i));
  const lost = sumAt(timeline.faults.ws_messages_lost, cells);
  const refused = sumAt(timeline.faults.ws_connect_failures, cells);
  const text = incident.kind === "silence" ? silence(incident, timeline) : drop(incident, timeline, refused);
  const more =
    lost > 0 ? `; ${grouped(lost)} ${lost === 1 ? "message was" : "messages were"} lost with it` : "";
  return { from, to, text: text + more };
}

function silence({ from, to, before }: Incident & { kind: "silence" }, timeline: Timeline): string {
  const { seconds, connections, cellSeconds } = timeline;
  const duration = formatDuration(ms((to - from) * 1_000));
  const at = seconds.findIndex((second) => second >= to);
  const burst = arrivalsAt(timeline, at) / cellSeconds;
  const on = `no message on ${grouped(connections[before] ?? 0)} connections for ${duration}`;
  const longest = (of: { readonly [name: string]: Latency }) =>
    Math.max(0, ...Object.values(of).flatMap(({ max }) => [max[at] ?? 0, max[at + 1] ?? 0]));
  // Half of it: the burst is spread over two stretches, and not everything was due at once.
  const explains = (latency: number) => latency >= ((to - from) * 1_000) / 2;
  if (explains(longest(timeline.generatorDelay)))
    return `${on}: the load generator itself stood still for that time`;
  if (explains(longest(timeline.latencies)))
    return `${on}, then ${grouped(Math.round(burst * cellSeconds))} at once: the server stalled`;
  return `${on}`;
}

const arrivalsAt = ({ rates, cellSeconds }: Timeline, i: number): number =>
  ((rates.ws_replies?.[i] ?? 0) + (rates.ws_deliveries?.[i] ?? 0)) * cellSeconds;

function drop(
  incident: Incident & { kind: "drops" },
  { connections, seconds }: Timeline,
  refused: number,
): string {
  const { count, codes, before, to } = incident;
  const open = Math.max(connections[before] ?? 0, count);
  const kinds = codes.map(([code, n]) => (codes.length > 1 ? `${code}: ${grouped(n)}` : code)).join(", ");
  const what = `${grouped(count)} of ${grouped(open)} connections dropped (${kinds})`;
  const attempts = refused > 0 ? `, ${grouped(refused)} attempts to connect failed` : "";
  const back = seconds.findIndex((second, i) => second >= to && (connections[i] ?? 0) >= 0.95 * open);
  const after =
    back >= 0
      ? `, all open again after ${formatDuration(ms(Math.max(1, seconds[back]! - incident.from) * 1_000))}`
      : "";
  return `${count >= 0.9 * open && refused > 0 ? "the server went away: " : ""}${what}${attempts}${after}`;
}

const FAULTS = {
  ws_messages_lost: ["message was lost", "messages were lost"],
  ws_messages_duplicated: ["message came again", "messages came again"],
  ws_messages_reordered: ["message came after a later one", "messages came after later ones"],
  ws_messages_late: ["message came after its timeout", "messages came after their timeout"],
  ws_message_errors: [
    "message was an error or broke the protocol",
    "messages were errors or broke the protocol",
  ],
  ws_connect_failures: ["attempt to connect failed", "attempts to connect failed"],
  ws_page_missed: ["publication was not shown by its page", "publications were not shown by their page"],
  ws_contract_violations: ["rule of the contract was broken", "rules of the contract were broken"],
  token_request_failures: ["request for tokens failed", "requests for tokens failed"],
  token_stalls: ["token stream stalled", "stalls of token streams"],
  token_buffered_streams: [
    "token stream came in bursts: something on its way held it back",
    "token streams came in bursts: something on their way held them back, such as a proxy that buffers",
  ],
} as const;

/** What went wrong outside of all incidents. */
function faults({ metrics }: Summary, timeline: Timeline, incidents: readonly Incident[]): Finding[] {
  const { seconds, cellSeconds } = timeline;
  const explained = new Set(incidents.flatMap((incident) => cellsOf(incident, timeline)));
  return Object.entries(FAULTS).flatMap(([metric, [one, several]]) => {
    const counts = timeline.faults[metric] ?? [];
    const cells = [...counts.keys()].filter((i) => !explained.has(i) && (counts[i] ?? 0) > 0);
    const count = sumAt(counts, cells);
    if (count === 0) return [];
    const [from, to] = [seconds[cells[0]!]!, seconds[cells.at(-1)!]! + cellSeconds];
    const reasons = reasonsOf(metrics[metric]);
    return [{ from, to, text: `${grouped(count)} ${count === 1 ? one : several}${reasons}` }];
  });
}

function reasonsOf(metric: MetricSummary | undefined): string {
  const reasons = Object.entries(metric?.by?.reason ?? {}).flatMap(([reason, part]) =>
    part.kind === "counter" && part.count > 0 ? [[reason, part.count] as const] : [],
  );
  if (reasons.length === 0) return "";
  return ` (${reasons.map(([reason, count]) => (reasons.length > 1 ? `${reason} ${grouped(count)}` : reason)).join(", ")})`;
}

function generatorBound({ verdict }: Summary, { generatorDelay }: Timeline): Finding[] {
  if (verdict !== "generator-bound") return [];
  const slowest = Object.entries(generatorDelay).map(
    ([side, { p99 }]) => [side, Math.max(0, ...p99.map((value) => value ?? 0))] as const,
  );
  const [side, most] = slowest.sort(([, a], [, b]) => b - a)[0] ?? ["send", 0];
  return [
    {
      text: `the load generator was too slow: on its ${side} side it added up to ${number(most)} ms by itself (p99 of a second), so these figures are not the server's`,
    },
  ];
}

/** A pause is notable where it is so many times as long as nearly all others, and longer than people notice. */
const STALL = { timesP99: 4, atLeastMs: 1_000 } as const;

/** Event streams that paused, though their connection stayed. */
function stalledStreams({ metrics }: Summary, timeline: Timeline): Finding[] {
  const gap = metrics.sse_event_gap_ms;
  if (gap?.kind !== "trend" || gap.max === null || gap.p99 === null || gap.count < 100) return [];
  if (gap.max < STALL.atLeastMs || gap.max < STALL.timesP99 * gap.p99) return [];
  const own = Object.values(timeline.generatorDelay).flatMap(({ max }) => max.map((value) => value ?? 0));
  if (Math.max(0, ...own) > gap.max / 2) return [];
  return [
    {
      text: `an event stream stalled: ${number(gap.max)} ms passed between two of its events, where 99 % of all pauses were within ${number(gap.p99)} ms`,
    },
  ];
}

/** Whether the server or the page holds publications up. */
function slowPages({ metrics }: Summary): Finding[] {
  if (!metrics.ws_page_leg_ms?.by?.leg) return [];
  return pageNotes(metrics)
    .filter((note) => note.startsWith("server "))
    .map((text) => ({ text }));
}

function harmedReaders({ metrics }: Summary): Finding[] {
  const harmed = metrics.ws_readers_harmed;
  if (harmed?.kind !== "counter" || harmed.count === 0) return [];
  return [
    {
      text: `${grouped(harmed.count)} healthy ${harmed.count === 1 ? "reader" : "readers"} lost messages, dropped or slowed down beside a slow one`,
    },
  ];
}

/** In order of what users wait for. */
const MAIN = ["ws_msg_rtt_ms", "ws_fanout_lag_ms", "ws_connect_latency_ms"] as const;
const mainLatency = ({ latencies }: Timeline) =>
  MAIN.flatMap((metric) => (latencies[metric] ? [{ metric, latency: latencies[metric] }] : []))[0];

/** So few values tell no percentile of a stretch. */
const ENOUGH = 20;
/** Less than this many milliseconds nobody waits for, and a busy machine adds. */
const NOTABLE_MS = 50;
const MANY_TIMES = 4;
const ENOUGH_CELLS = 3;

/** The median of the stretches' p99 among those where something holds; undefined for too few. */
function typicalP99({ p99, count }: Latency, holds: (i: number) => boolean): number | undefined {
  const values = [...p99.keys()].filter((i) => (count[i] ?? 0) >= ENOUGH && holds(i)).map((i) => p99[i]!);
  if (values.length < ENOUGH_CELLS) return undefined;
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** Latency that grows with the load: the server has too little of something. */
function growth(timeline: Timeline): Finding[] {
  const main = mainLatency(timeline);
  if (!main) return [];
  const { connections } = timeline;
  const most = Math.max(0, ...connections.map((open) => open ?? 0));
  const few = typicalP99(main.latency, (i) => (connections[i] ?? 0) <= 0.4 * most);
  const many = typicalP99(main.latency, (i) => (connections[i] ?? 0) >= 0.9 * most);
  if (few === undefined || many === undefined || many < NOTABLE_MS || many < MANY_TIMES * few) return [];
  if (generatorAdds(timeline) > many / 10) return [];
  return [
    {
      text: `${NAMES[main.metric]} rose with the load: p99 ${number(few)} ms at fewer than ${grouped(Math.ceil(0.4 * most))} connections, ${number(many)} ms at ${grouped(most)}`,
    },
  ];
}

/** A tail that is long though the generator was idle. */
function slowTail(timeline: Timeline, { metrics }: Summary): Finding[] {
  const main = mainLatency(timeline);
  const trend = main && metrics[main.metric];
  if (trend?.kind !== "trend" || trend.p50 === null || trend.count < 100) return [];
  const { p50 } = trend;
  // The p99 of most seconds: a single bad second is not a tail.
  const p99 = typicalP99(main!.latency, () => true) ?? 0;
  if (p99 < NOTABLE_MS || p99 < MANY_TIMES * p50 || generatorAdds(timeline) > p99 / 10) return [];
  return [
    {
      text: `${NAMES[main!.metric]} has a long tail: the p99 of most seconds, ${number(p99)} ms, is ${number(p99 / p50)} times p50 (${number(p50)} ms), while the load generator was idle`,
    },
  ];
}

/** The typical p99 of what the generator adds, of its slower side. */
const generatorAdds = ({ generatorDelay }: Timeline): number =>
  Math.max(0, ...Object.values(generatorDelay).map((delay) => typicalP99(delay, () => true) ?? 0));

const NAMES = {
  ws_msg_rtt_ms: "the round trip",
  ws_fanout_lag_ms: "the fan-out lag",
  ws_connect_latency_ms: "connecting",
} as const;
