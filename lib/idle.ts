/** What silence did to a connection. Pure: what was seen of it is given. */
import type { Outcome } from "./reasons.ts";

/** What idle connections come to, the best first. */
export const IDLE_OUTCOMES = [
  "alive",
  "closed",
  "cut",
  "closed_on_probe",
  "cut_on_probe",
  "half_open",
  "late",
  "unanswered",
  "not_ready",
] as const satisfies readonly Outcome[];

export const IDLE_MEANINGS: Readonly<Record<(typeof IDLE_OUTCOMES)[number], string>> = {
  alive: "the probe after the silence was answered in time",
  closed: "the server sent Close during the silence: the client knows",
  cut: "the connection ended during the silence without a Close: the client notices, but cannot tell why",
  closed_on_probe: "the server sent Close only when the probe came",
  cut_on_probe: "the connection had ended, and the client noticed only when it sent the probe",
  half_open:
    "the connection looked open, but the probe got neither an answer nor a close, while a new connection was answered: a client waits for ever",
  late: "the probe was answered after REPLY_TIMEOUT: the connection is slow, not gone",
  unanswered:
    "the probe was not answered, but the silence is not the cause: a new connection was not answered either, or other messages still came",
  not_ready: "the connection or its session never opened",
};

/** What was seen of one connection. */
export interface IdleSighting {
  /** Whether it became ready, so that the silence began. */
  readonly ready: boolean;
  readonly probed: boolean;
  /** What the probe came to; an error reply is an answer too. */
  readonly answer?: "in-time" | "late" | undefined;
  /** Its end, where it ended without our doing; `code` is undefined where no Close frame came. */
  readonly end?: { readonly code: number | undefined } | undefined;
  /** Whether, once the probe had timed out, other messages still came or a new connection was not answered either. */
  readonly blameless: boolean;
}

export function idleOutcome(seen: IdleSighting): (typeof IDLE_OUTCOMES)[number] {
  if (!seen.ready) return "not_ready";
  if (seen.answer === "in-time") return "alive";
  if (seen.answer === "late") return "late";
  if (seen.end) {
    const manner = seen.end.code === undefined ? "cut" : "closed";
    return seen.probed ? `${manner}_on_probe` : manner;
  }
  return seen.blameless ? "unanswered" : "half_open";
}
