/** What of a run is a fault of the server: decided from what was seen alone. Pure. */
import type { Expectations } from "./expect.ts";
import {
  complaintsOf,
  duplicatesOf,
  type End,
  ended,
  endOf,
  garbledIn,
  lastStep,
  shown,
  violationsOf,
} from "./log.ts";
import type { Calm, ConnectionSeen, Observation, ProbeSeen } from "./observation.ts";
import { breaksWire, isHostile, type Sequence, type Step } from "./sequence.ts";
import { traceIn } from "./traces.ts";

/** The kinds of findings, the gravest first: a run that shows several is told by the first. */
export const FINDING_KINDS = [
  "server-gone",
  "neighbour-dropped",
  "neighbour-lost",
  "neighbour-repeated",
  "neighbour-refused",
  "neighbour-slow",
  "misdirected",
  "upgrade-5xx",
  "server-error",
  "abrupt-end",
  "wire",
  "contract",
  "protocol",
  "internal-error",
  "unasked",
  "refused",
  "gone",
  "silence",
  "close-unanswered",
  "growth",
] as const;

/** The kind of fault. */
export type FindingKind = (typeof FINDING_KINDS)[number];

/** Kinds that rest on time alone: they must not show without the messages, nor where a connection ended by our doing. */
export const TIMED: readonly FindingKind[] = [
  "silence",
  "neighbour-slow",
  "neighbour-lost",
  "close-unanswered",
  "growth",
];

/** Something that the server should not have done. */
export interface Symptom {
  readonly kind: FindingKind;
  /** What tells it from others of its kind: a code, a status, a rule. */
  readonly key: string;
  /** The step at whose heels it came; undefined for the opening. */
  readonly step: number | undefined;
  /** The connection that it was seen on. */
  readonly on: string;
  readonly expected: string;
  readonly received: string;
  readonly closeCode?: number | null;
  readonly closeReason?: string;
  readonly atMs: number;
}

/** The rules that a run is judged by. */
export interface Rules {
  readonly calm: Calm;
  readonly expect: Expectations;
  /** How slow a neighbour may become, in milliseconds. */
  readonly neighbourLimitMs: number;
}

/** Codes by which a server says that the fault is its own (RFC 6455 section 7.4.1 and the IANA registry). */
const SERVER_FAULTS: readonly number[] = [1011, 1012, 1013, 1014];

/** Valid payloads up to this size must be taken; a server may have limits above. */
export const MODEST_BYTES = 1_024;

/** All that is wrong with a run, the gravest first. */
export function judge(sequence: Sequence, seen: Observation, rules: Rules): Symptom[] {
  const symptoms = [
    ...goneServer(sequence, seen),
    ...seen.neighbours.flatMap((neighbour) => ofNeighbour(neighbour, sequence, seen, rules)),
    ...seen.connections.flatMap((connection, on) => ofConnection(connection, on, sequence, seen, rules)),
    ...seen.violations.map(({ on, text }) => ({
      ...base("contract", text.replace(/\d+/g, "0").slice(0, 80), sequence, on),
      expected: "an answer that the contract describes",
      received: text,
    })),
    ...seen.growth.map(({ name, before, after }) => ({
      ...base("growth", name, sequence, "the server"),
      expected: `${name} back at ${before} once the connections were closed`,
      received: String(after),
    })),
  ];
  const isUntimely = [...seen.connections, ...seen.neighbours].some(({ log }) => endOf(log)?.isOurs);
  const order = (kind: FindingKind) => FINDING_KINDS.indexOf(kind);
  return symptoms
    .filter(({ kind }) => !rules.expect.kind(kind) && !(isUntimely && TIMED.includes(kind)))
    .sort((a, b) => order(a.kind) - order(b.kind));
}

/** What tells like symptoms from others. */
export const signatureOf = ({ kind, key }: Pick<Symptom, "kind" | "key">): string => `${kind} ${key}`;

/**
 * Whether a run shows again what another one did. What is late for a short wait is slow for a long one, and an end without
 * a Close stays what it is when our own Close is left out.
 */
export const isAgain = (one: Pick<Symptom, "kind" | "key">, before: Pick<Symptom, "kind" | "key">): boolean =>
  signatureOf(one) === signatureOf(before) ||
  (before.kind === "neighbour-lost" && one.kind === "neighbour-slow") ||
  (before.kind === "abrupt-end" && one.kind === "abrupt-end");

function base(kind: FindingKind, key: string, { steps }: Sequence, on: string, step?: number) {
  return { kind, key, on, step: step ?? (steps.length > 0 ? steps.length - 1 : undefined), atMs: 0 };
}

function goneServer(sequence: Sequence, { serves }: Observation): Symptom[] {
  if (!serves || serves.ok || serves.isOurs) return [];
  return [
    {
      ...base("server-gone", "", sequence, "a new connection"),
      expected: "new connections are served as before",
      received: serves.detail,
    },
  ];
}

/** A connection that does nothing wrong is owed everything that it had before. */
function ofNeighbour(
  neighbour: ConnectionSeen,
  sequence: Sequence,
  seen: Observation,
  { calm, neighbourLimitMs }: Rules,
): Symptom[] {
  const { name, log, probes, deliveries, foreign } = neighbour;
  const found: Symptom[] = [];
  const end = endOf(log);
  const add = (kind: FindingKind, key: string, expected: string, received: string, atMs = 0) =>
    found.push({ ...base(kind, key, sequence, name), expected, received, atMs });
  if (end && end.by !== "us" && !end.isOurs) {
    found.push({
      ...base("neighbour-dropped", "", sequence, name),
      expected: "its connection stays, since it did nothing wrong",
      received: ended(end),
      closeCode: end.code,
      closeReason: end.reason,
      atMs: end.atMs,
    });
  }
  for (const violation of violationsOf(log)) add("wire", violation, "frames that follow RFC 6455", violation);
  for (const { text, atMs } of complaintsOf(log, sequence.steps))
    add("protocol", text, "messages that follow the descriptor", text, atMs);
  if (foreign.length > 0)
    add(
      "misdirected",
      "",
      "messages for this connection alone",
      `a message for another connection: ${shown(foreign[0]!)}`,
    );
  for (const duplicate of duplicatesOf(log))
    add("unasked", "duplicate", "one reply to each probe", duplicate);
  if (end) return found; // nothing more is owed to it
  for (const { id, from, times } of calm.deliveries ? deliveries : []) {
    if (times === 0)
      add(
        "neighbour-lost",
        "",
        `the message ${id} of ${from}`,
        `nothing within ${Math.round(seen.waitedMs)} ms`,
      );
    if (times > 1) add("neighbour-repeated", "", `the message ${id} of ${from} once`, `${times} times`);
  }
  for (const { outcome, reason = "", afterMs } of probes) {
    if (outcome === "error")
      add("neighbour-refused", reason, "its probe is answered as before", `the error ${reason}`);
    if (outcome === "silence")
      add(
        "neighbour-lost",
        "",
        "its probe is answered as before",
        `no answer within ${Math.round(afterMs)} ms`,
      );
  }
  const slowest = Math.max(
    0,
    ...probes.map(({ outcome, afterMs }) => (outcome === "reply" ? afterMs : 0)),
    ...deliveries.map(({ afterMs = 0 }) => afterMs),
  );
  // What our own process held up is not the server's.
  if (slowest > neighbourLimitMs && seen.ownDelayMs < neighbourLimitMs / 4) {
    add(
      "neighbour-slow",
      "",
      `an answer within ${neighbourLimitMs} ms, as before (${Math.ceil(calm.answerMs)} ms at most)`,
      `one after ${Math.round(slowest)} ms`,
    );
  }
  return found;
}

/** Adds a symptom of a connection. */
type Add = (
  kind: FindingKind,
  key: string,
  expected: string,
  received: string,
  atMs: number,
  more?: Partial<Symptom>,
) => void;

function ofConnection(
  connection: ConnectionSeen,
  on: number,
  sequence: Sequence,
  seen: Observation,
  { calm, expect }: Rules,
): Symptom[] {
  const { name, log, probes } = connection;
  const own = sequence.steps.filter((step) => step.on === on);
  const found: Symptom[] = [];
  const stepAt = (atMs: number) => lastStep(log, atMs);
  const add: Add = (kind, key, expected, received, atMs, more = {}) => {
    found.push({ kind, key, on: name, step: stepAt(atMs), expected, received, atMs, ...more });
  };

  for (const entry of log) {
    if (entry.event === "refused" && entry.status >= 500 && !expect.status(entry.status)) {
      add(
        "upgrade-5xx",
        String(entry.status),
        "an upgrade, or a refusal with a status of 4xx",
        `status ${entry.status} ${entry.body.slice(0, 200)}`,
        entry.atMs,
      );
    }
    if (entry.event !== "received") continue;
    const trace = traceIn(entry.text ?? "", own);
    if (trace)
      add("internal-error", trace, "an answer without internals of the server", shown(entry), entry.atMs);
  }
  for (const violation of violationsOf(log))
    add("wire", violation, "frames that follow RFC 6455", violation, Infinity);
  if (own.every((step) => !isHostile(step))) {
    for (const { text, atMs } of complaintsOf(log, sequence.steps))
      add("protocol", text, "messages that follow the descriptor", text, atMs);
    for (const duplicate of duplicatesOf(log))
      add("unasked", "duplicate", "one reply to each probe", duplicate, Infinity);
  } else
    for (const { text, atMs } of garbledIn(log, own))
      add("protocol", text, "messages that follow the descriptor", text, atMs);
  if (connection.foreign.length > 0)
    add(
      "misdirected",
      "",
      "messages for this connection alone",
      `a message for another connection: ${shown(connection.foreign[0]!)}`,
      Infinity,
    );
  for (const probe of probes) refusals(probe, expect, add);

  const end = endOf(log);
  if (end && end.by !== "us") ofEnd(end, connection.session, own, { calm, expect }, add);
  else ofSilence(connection, own, seen, { calm, expect }, add);
  if (
    connection.closeAnswered === false &&
    calm.closeAnswered &&
    !own.some((step) => breaksWire(step) || step.cut) &&
    found.length === 0
  ) {
    closeUnanswered(seen, add);
  }
  return found;
}

/** Who ended a connection, and how, that it was not for us to end. */
function ofEnd(
  end: End,
  session: ConnectionSeen["session"],
  own: readonly Step[],
  { calm, expect }: Pick<Rules, "calm" | "expect">,
  add: Add,
): void {
  if (expect.code(end.code ?? 1006)) return;
  const more = { closeCode: end.code, closeReason: end.reason };
  // Behind a message without its end, our next one is a breach of RFC 6455 section 5.4.
  const isLoose = own.some((step) => breaksWire(step) || isUnfinished(step)) || saysMore(own);
  const asked = own.some((step) => step.close || step.frames?.some(({ opcode }) => opcode === 8));
  if (end.code !== null && SERVER_FAULTS.includes(end.code)) {
    // A server may send back the code that it was sent (RFC 6455 section 5.5.1).
    if (own.some(({ close }) => close?.code === end.code)) return;
    add("server-error", String(end.code), "no close code for an internal fault", ended(end), end.atMs, more);
  } else if (end.by === "network") {
    if (end.isOurs || isLoose || (asked && !calm.closeAnswered)) return;
    add(
      "abrupt-end",
      asked ? "after a Close" : "",
      "the connection stays, or a Close says why not",
      ended(end),
      end.atMs,
      more,
    );
  } else if (own.every((step) => !isHostile(step)) && isModest(own) && session === "ready") {
    add(
      "gone",
      String(end.code),
      "the connection stays, since every message followed the descriptor",
      ended(end),
      end.atMs,
      more,
    );
  }
}

/** What a connection that stayed open still owes. */
function ofSilence(
  { probes, ponged }: ConnectionSeen,
  own: readonly Step[],
  seen: Observation,
  { calm, expect }: Pick<Rules, "calm" | "expect">,
  add: Add,
): void {
  const asked = own.some(({ close }) => close) && !own.some(breaksWire);
  const silent = probes.find(({ outcome }) => outcome === "silence");
  const owesNothing = own.some(({ text }) => text !== undefined && expect.farewell(text));
  if (asked && calm.closeAnswered) closeUnanswered(seen, add);
  else if (silent && calm.probes && !owesNothing && !own.some(isUnfinished)) {
    add(
      "silence",
      "",
      "an answer to a probe, or a Close",
      `nothing within ${Math.round(silent.afterMs)} ms, and the connection stays open`,
      Infinity,
      silent.step === undefined ? {} : { step: silent.step },
    );
  } else if (ponged === false && calm.pongs && !own.some(breaksWire)) {
    add(
      "silence",
      "pong",
      "a Pong to a Ping (RFC 6455 section 5.5.2), or a Close",
      `nothing within ${Math.round(seen.waitedMs)} ms`,
      Infinity,
    );
  }
}

/** To a Close in the sequence, or to ours behind it. */
const closeUnanswered = ({ waitedMs }: Observation, add: Add): void =>
  add(
    "close-unanswered",
    "",
    "a Close in answer to ours (RFC 6455 section 5.5.1)",
    `nothing within ${Math.round(waitedMs)} ms`,
    Infinity,
  );

function refusals(
  { outcome, reason = "", afterValid, payloadBytes, step }: ProbeSeen,
  expect: Expectations,
  add: Add,
): void {
  if (outcome !== "error" || !afterValid || payloadBytes > MODEST_BYTES || expect.error(reason)) return;
  add(
    "refused",
    reason,
    "a reply, since the message follows the descriptor",
    `the error ${reason}`,
    Infinity,
    step === undefined ? {} : { step },
  );
}

/** RFC 6455 section 5.5.1: nothing is sent after a Close. */
const saysMore = (steps: readonly Step[]): boolean =>
  steps.slice(0, -1).some(({ close, frames }) => close || frames?.some(({ opcode }) => opcode === 8));

/** A message whose last fragment is missing takes in whatever comes next. */
const isUnfinished = ({ frames, cut }: Step): boolean =>
  cut === true || (frames !== undefined && frames.filter(({ opcode }) => opcode < 8).at(-1)?.fin === false);

const isModest = (steps: readonly Step[]): boolean =>
  steps.every(({ valid }) => valid === undefined || valid.payload.length <= MODEST_BYTES);
