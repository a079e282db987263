/** What of a run is a fault of the server: decided from what was seen alone. Pure. */
import type { Expectations } from "./expect.ts";
import type { Calm, ConnectionSeen, LogEntry, Observation, ProbeSeen, Shown } from "./observation.ts";
import { breaksWire, isHostile, type Sequence, type Step } from "./sequence.ts";

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

/** What is wrong. */
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

/** By what a run is judged. */
export interface Rules {
  readonly calm: Calm;
  readonly expect: Expectations;
  /** How slow a neighbour may become, in milliseconds. */
  readonly neighbourLimitMs: number;
}

/** Codes by which a server says that the fault is its own (RFC 6455 section 7.4.1 and the IANA registry). */
const SERVER_FAULTS: readonly number[] = [1011, 1012, 1013, 1014];

/** Valid payloads up to this size must be taken; a server may have limits above. */
const MODEST_BYTES = 1_024;

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
      expected: "its connection stays, for it did nothing wrong",
      received: ended(end),
      closeCode: end.code,
      closeReason: end.reason,
      atMs: end.atMs,
    });
  }
  for (const violation of violationsOf(log)) add("wire", violation, "frames as RFC 6455 has them", violation);
  for (const { text, atMs } of complaintsOf(log, sequence.steps))
    add("protocol", text, "messages as the descriptor has them", text, atMs);
  if (foreign.length > 0)
    add(
      "misdirected",
      "",
      "messages for this connection alone",
      `one that is another's: ${shown(foreign[0]!)}`,
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
      `an answer within ${neighbourLimitMs} ms, as before (${Math.ceil(calm.answerMs)} ms at the most)`,
      `one after ${Math.round(slowest)} ms`,
    );
  }
  return found;
}

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
  const add = (
    kind: FindingKind,
    key: string,
    expected: string,
    received: string,
    atMs: number,
    more: Partial<Symptom> = {},
  ) => found.push({ kind, key, on: name, step: stepAt(atMs), expected, received, atMs, ...more });

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
      add(
        "internal-error",
        trace,
        "an answer that tells nothing of the server's inside",
        shown(entry),
        entry.atMs,
      );
  }
  for (const violation of violationsOf(log))
    add("wire", violation, "frames as RFC 6455 has them", violation, Infinity);
  if (own.every((step) => !isHostile(step))) {
    for (const { text, atMs } of complaintsOf(log, sequence.steps))
      add("protocol", text, "messages as the descriptor has them", text, atMs);
    for (const duplicate of duplicatesOf(log))
      add("unasked", "duplicate", "one reply to each probe", duplicate, Infinity);
  } else
    for (const { text, atMs } of garbledIn(log, own))
      add("protocol", text, "messages as the descriptor has them", text, atMs);
  if (connection.foreign.length > 0)
    add(
      "misdirected",
      "",
      "messages for this connection alone",
      `one that is another's: ${shown(connection.foreign[0]!)}`,
      Infinity,
    );
  for (const probe of probes) refusals(probe, expect, add);

  const end = endOf(log);
  if (end && end.by !== "us") {
    const more = { closeCode: end.code, closeReason: end.reason };
    // Behind a message without its end, our next one is a breach of RFC 6455 section 5.4.
    const isLoose = own.some((step) => breaksWire(step) || isUnfinished(step)) || saysMore(own);
    const asked = own.some((step) => step.close || step.frames?.some(({ opcode }) => opcode === 8));
    const isExpected = expect.code(end.code ?? 1006);
    if (isExpected) {
      // As the user says.
    } else if (end.code !== null && SERVER_FAULTS.includes(end.code)) {
      // A server may send back the code that it was sent (RFC 6455 section 5.5.1).
      if (!own.some(({ close }) => close?.code === end.code)) {
        add(
          "server-error",
          String(end.code),
          "no code by which the server owns up to a fault",
          ended(end),
          end.atMs,
          more,
        );
      }
    } else if (end.by === "network") {
      if (!end.isOurs && !isLoose && !(asked && !calm.closeAnswered)) {
        add(
          "abrupt-end",
          asked ? "after a Close" : "",
          "the connection stays, or a Close says why not",
          "the connection ended without a Close (1006)",
          end.atMs,
          more,
        );
      }
    } else if (own.every((step) => !isHostile(step)) && isModest(own) && connection.session === "ready") {
      add(
        "gone",
        String(end.code),
        "the connection stays: every message was as the descriptor has it",
        ended(end),
        end.atMs,
        more,
      );
    }
  } else {
    const asked = own.some(({ close }) => close) && !own.some(breaksWire);
    const silent = probes.find(({ outcome }) => outcome === "silence");
    const owesNothing = own.some(({ text }) => text !== undefined && expect.farewell(text));
    if (asked && calm.closeAnswered) {
      add(
        "close-unanswered",
        "",
        "a Close in answer to ours (RFC 6455 section 5.5.1)",
        `nothing within ${Math.round(seen.waitedMs)} ms`,
        Infinity,
      );
    } else if (silent && calm.probes && !owesNothing && !own.some(isUnfinished)) {
      add(
        "silence",
        "",
        "an answer to a probe, or a Close",
        `nothing within ${Math.round(silent.afterMs)} ms, and the connection stays open`,
        Infinity,
        silent.step === undefined ? {} : { step: silent.step },
      );
    } else if (connection.ponged === false && calm.pongs && !own.some(breaksWire)) {
      add(
        "silence",
        "pong",
        "a Pong to a Ping (RFC 6455 section 5.5.2), or a Close",
        `nothing within ${Math.round(seen.waitedMs)} ms`,
        Infinity,
      );
    }
  }
  if (
    connection.closeAnswered === false &&
    calm.closeAnswered &&
    !own.some((step) => breaksWire(step) || step.cut) &&
    found.length === 0
  ) {
    add(
      "close-unanswered",
      "",
      "a Close in answer to ours (RFC 6455 section 5.5.1)",
      `nothing within ${Math.round(seen.waitedMs)} ms`,
      Infinity,
    );
  }
  return found;
}

function refusals(
  { outcome, reason = "", afterValid, payloadBytes, step }: ProbeSeen,
  expect: Expectations,
  add: (
    kind: FindingKind,
    key: string,
    expected: string,
    received: string,
    atMs: number,
    more?: Partial<Symptom>,
  ) => void,
): void {
  if (outcome !== "error" || !afterValid || payloadBytes > MODEST_BYTES || expect.error(reason)) return;
  add(
    "refused",
    reason,
    "a reply: the message is as the descriptor has it",
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

type End = Extract<LogEntry, { event: "closed" }>;

const endOf = (log: readonly LogEntry[]): End | undefined => log.find((entry) => entry.event === "closed");

const ended = ({ code, reason, by }: End): string =>
  by === "network"
    ? "the connection ended without a Close (1006)"
    : `Close ${code ?? "without a code"}${reason === "" ? "" : ` ${JSON.stringify(reason)}`}`;

const violationsOf = (log: readonly LogEntry[]): string[] =>
  log.flatMap((entry) => (entry.event === "violation" ? [entry.detail] : []));

/**
 * Messages that break the descriptor, told by the machine. What others sent is passed on to a room as it is: a delivery of
 * odd values is no fault of the server's, nor is their text itself.
 *
 * @param others steps of other connections
 */
const complaintsOf = (
  log: readonly LogEntry[],
  others: readonly Step[] = [],
): { text: string; atMs: number }[] =>
  log.flatMap((entry) => {
    if (entry.event !== "received") return [];
    const isPassedOn = others.some(({ text, hex }) =>
      (text ?? hex ?? "").includes(entry.text ?? entry.hex ?? ""),
    );
    return entry.meaning.flatMap((one) => {
      if (one.kind !== "invalid") return [];
      const isOdd = one.detail.startsWith("delivery with") && others.some(isHostile);
      return isPassedOn || isOdd ? [] : [{ text: `${one.reason}: ${one.detail}`, atMs: entry.atMs }];
    });
  });

/** Messages that cannot be read at all, unless the server only gave back what it was given. */
const garbledIn = (log: readonly LogEntry[], own: readonly Step[]): { text: string; atMs: number }[] =>
  log.flatMap((entry) => {
    if (entry.event !== "received") return [];
    const broken = entry.meaning.find((one) => one.kind === "invalid" && one.reason === "unparsable");
    const isEcho = own.some(({ text, hex }) => (text ?? hex ?? "").includes(entry.text ?? entry.hex ?? ""));
    return broken && !isEcho ? [{ text: "unparsable: a message that is not JSON", atMs: entry.atMs }] : [];
  });

const duplicatesOf = (log: readonly LogEntry[]): string[] =>
  log.flatMap((entry) =>
    entry.event === "received"
      ? entry.meaning.flatMap((one) =>
          one.kind === "duplicate" ? [`the reply ${one.name} to ${one.id} came again`] : [],
        )
      : [],
  );

/** The last step that was sent before an instant. */
function lastStep(log: readonly LogEntry[], atMs: number): number | undefined {
  let step: number | undefined;
  for (const entry of log)
    if (entry.event === "sent" && entry.step !== undefined && entry.atMs <= atMs) step = entry.step;
  return step;
}

const shown = ({ text, hex = "", bytes }: Shown): string =>
  text === undefined ? `${bytes} bytes ${hex.slice(0, 80)}` : text.slice(0, 300);

/** What an answer holds that is of the server's inside: a stack, or an exception's name. */
const TRACES: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["a stack of Python", /Traceback \(most recent call last\)|\bFile \\?"[^"]+", line \d+/],
  ["a stack of JavaScript", /(?:\\n|\n)\s+at .{1,200}(?::\d+:\d+|<anonymous>)/],
  [
    "a stack of the JVM",
    /(?:\\n|\n)\\?t?\s*at [\w$.]+\([\w$]+\.(?:java|kt|scala):\d+\)|\bjava\.(?:lang|util|io)\.\w+(?:Exception|Error)/,
  ],
  ["a stack of .NET", /\bSystem\.\w*(?:Exception)\b|\bat [\w.]+\(.{0,80}\) in .{1,120}:line \d+/],
  ["a panic of Go", /\bgoroutine \d+ \[|\bruntime error: /],
  [
    "a JavaScript exception",
    /\b(?:TypeError|ReferenceError|RangeError): |Cannot read propert|is not a function\b/,
  ],
  [
    "a Python exception",
    /\b(?:KeyError|AttributeError|IndexError|UnboundLocalError|RecursionError)\b|object has no attribute|'NoneType'|unhashable type/,
  ],
  ["an error of a database", /\bSQLSTATE\b|\bSQLITE_ERROR\b|syntax error at or near|ORA-\d{5}/],
  ["JSON-RPC's internal error", /"code"\s*:\s*-32603\b/],
];

function traceIn(text: string, own: readonly Step[]): string | undefined {
  if (text === "") return undefined;
  const sent = own.map((step) => step.text ?? "");
  return TRACES.find(([, pattern]) => pattern.test(text) && !sent.some((one) => pattern.test(one)))?.[0];
}
