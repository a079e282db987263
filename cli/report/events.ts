/** What happened in a run that one must see in every chart: silence, and connections that dropped. Pure. */
import { counted } from "../../lib/counted.ts";
import { formatDuration, ms } from "../../lib/units.ts";
import type { Event, Values } from "./chart.ts";
import type { Timeline } from "./timeline.ts";

/** A silence is notable when chance would make one so long less than once in a million times. */
const NOTABLE = Math.log(1e6);
const SHORTEST_SILENCE_S = 2;

/** Something that happened at a time, as data. */
export type Incident = Event & {
  /** The last stretch before it. */
  readonly before: number;
} & (
    | { readonly kind: "silence" }
    | {
        readonly kind: "drops";
        readonly count: number;
        readonly codes: readonly (readonly [code: string, count: number])[];
      }
  );

/** All of them, in the order of time. */
export function incidentsOf(timeline: Timeline): Incident[] {
  return [...silences(timeline), ...drops(timeline)].sort((a, b) => a.from - b.from);
}

/**
 * Stretches without a message between stretches with some, though connections were open: a server that froze. The
 * shortest silence that counts follows from the usual number of messages and from the gaps between them. A publisher
 * that speaks every ten seconds is not frozen in between. A server that nobody asked anything is not frozen either,
 * as when the sessions of all clients end together.
 */
function silences(timeline: Timeline): Incident[] {
  const { latencies, rates, connections, seconds, cellSeconds } = timeline;
  const arrivals = sum([
    ...["ws_msg_rtt_ms", "ws_fanout_lag_ms"].map((metric) => latencies[metric]?.count),
    ...["ws_replies", "ws_deliveries"].map((metric) => rates[metric]),
  ]);
  const busy = [...arrivals.keys()].filter((i) => arrivals[i]! > 0);
  const all = total(arrivals);
  const gaps = busy.slice(1).map((to, i) => ({ since: busy[i]!, to, cells: to - busy[i]! - 1 }));
  const typical = median(gaps.map(({ cells }) => cells + 1));
  return gaps
    .filter(({ since, to, cells }) => {
      const perCell = all / (arrivals.length - cells);
      return (
        cells * cellSeconds >= SHORTEST_SILENCE_S &&
        cells * perCell >= NOTABLE &&
        cells >= RATHER_LONG * (typical - 1) + 1 &&
        connections[since] !== 0 &&
        wasAsked(timeline, since, to)
      );
    })
    .map(({ since, to, cells }) => ({
      kind: "silence" as const,
      before: since,
      from: seconds[since]! + cellSeconds,
      to: seconds[to]!,
      text: `no message for ${formatDuration(ms(cells * cellSeconds * 1000))} at least`,
    }));
}

/**
 * Whether a message was due between two stretches. A generator that stood still counts the due messages only
 * afterwards.
 */
function wasAsked({ rates, generatorDelay, cellSeconds }: Timeline, since: number, to: number): boolean {
  const due = rates.ws_probes;
  if (!due || rates.ws_deliveries?.some((count) => count)) return true;
  const stood = Object.values(generatorDelay).map(({ max }) => max[to] ?? 0);
  return (
    due.slice(since + 1, to).some((count) => count) ||
    Math.max(0, ...stood) >= ((to - since) * cellSeconds * 1_000) / 2
  );
}

/** A silence this many times as long as usual is unusual. */
const RATHER_LONG = 3;

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Neighbouring stretches in which connections dropped are one event. */
function drops({ drops, seconds, cellSeconds }: Timeline): Incident[] {
  const events: Incident[] = [];
  const codes = Object.entries(drops);
  const all = sum(codes.map(([, counts]) => counts));
  for (let i = 0; i < all.length; i++) {
    if (all[i] === 0) continue;
    const from = i;
    while (i + 1 < all.length && all[i + 1]! > 0) i++;
    const parts = codes
      .map(([code, counts]) => [code, total(counts.slice(from, i + 1))] as const)
      .filter(([, count]) => count > 0);
    const count = total(all.slice(from, i + 1));
    const text = `${counted(count, "connection")} dropped (${parts.map(([code, n]) => (parts.length > 1 ? `${code}: ${n}` : code)).join(", ")})`;
    events.push({
      kind: "drops",
      before: Math.max(0, from - 1),
      count,
      codes: parts,
      from: seconds[from]!,
      to: seconds[i]! + cellSeconds,
      text,
    });
  }
  return events;
}

function sum(columns: readonly (Values | undefined)[]): number[] {
  const present = columns.filter((column) => column !== undefined);
  return Array.from(present[0] ?? [], (_, i) => present.reduce((all, column) => all + (column[i] ?? 0), 0));
}

const total = (values: Values): number => values.reduce<number>((all, value) => all + (value ?? 0), 0);
