import { type Ms, ms, parseDuration } from "../units.ts";
import { describeAwaited } from "./awaited.ts";
import { deliveriesOf, errorId, errorsOf } from "./check.ts";
import { draftsOf } from "./drafts.ts";
import { isoTimeMs } from "./iso-time.ts";
import { Machine } from "./machine.ts";
import { parsePointer } from "./pointer.ts";
import type { Protocol } from "./protocol.ts";
import { publisherOf } from "./publisher.ts";
import { type Condition, compileCondition, compileLocator, type Locator, type Message } from "./reader.ts";
import type { ConditionSpec, DeliverySpec, Descriptor, ErrorSpec } from "./schema.ts";
import { parsePathTemplate, parseTemplate, stringValue, type Template } from "./template.ts";
import { CONNECTION_VARIABLES, isWhole, kindOf } from "./variables.ts";
import { hasWire, isPlain, type Wire, type WireSpec, wireOf } from "./wire.ts";

/** How long a session step waits for its message, unless the descriptor says. */
const DEFAULT_WITHIN = ms(10_000);

/** A message to send, parsed once. */
export interface Outgoing {
  readonly template: Template;
  readonly wire: Wire;
  readonly binary: boolean;
  /** What a protocol's own code makes instead. */
  readonly encode?: (
    variables: Readonly<Record<string, string>>,
    state: unknown,
  ) => string | Uint8Array | ArrayBuffer;
}

/** A descriptor with everything in it parsed. */
export interface Compiled {
  readonly wire: Wire;
  /** Whether any of its messages is other than text. */
  readonly hasWires: boolean;
  /** The places of strings that hold JSON. */
  readonly nested: readonly (readonly string[])[];
  readonly session: readonly CompiledStep[];
  readonly resume: CompiledStep | undefined;
  /** The step in whose place {@link resume} comes. */
  readonly resumeReplaces: number | undefined;
  readonly probe:
    | (Outgoing & {
        readonly numericId: boolean;
        /** From 1 to 65535, then from 1 again. */
        readonly idsInTwoBytes: boolean;
      })
    | undefined;
  readonly replies: readonly {
    readonly name: string;
    readonly match: "id" | "whole" | "fifo";
    readonly condition: Condition;
    readonly id: Locator | undefined;
  }[];
  readonly publish: Outgoing | undefined;
  /** The forms of a delivery that is a message of its own. */
  readonly deliveries: readonly CompiledDelivery[];
  /** The forms of a message that brings several. */
  readonly lists: readonly CompiledList[];
  readonly errors: readonly {
    readonly condition: Condition;
    readonly reason: Locator | undefined;
    readonly settles: "id" | "oldest" | undefined;
    readonly id: Locator | undefined;
  }[];
  readonly answers: readonly {
    readonly condition: Condition;
    readonly captures: readonly Capture[];
    readonly answer: Outgoing | undefined;
    /** Whether the message is nothing else. */
    readonly consumes: boolean;
  }[];
  readonly beats: readonly { readonly every: Ms; readonly message: Outgoing }[];
  readonly refresh: { readonly step: CompiledStep; readonly before: Ms } | undefined;
  readonly unmatchedIsError: boolean;
  /** What a connection remembers for a protocol's own code. */
  readonly newState?: () => unknown;
}

export interface Capture {
  readonly name: string;
  readonly locator: Locator;
}

export interface CompiledStep {
  /** How its messages are written, where that is not as the protocol's others. */
  readonly wire: Wire | undefined;
  readonly message: Outgoing | undefined;
  readonly awaits: Condition | undefined;
  /** What it awaits, in words. */
  readonly awaited: string;
  readonly captures: readonly Capture[];
  readonly within: Ms;
  readonly purpose: "session" | "refresh" | "resume";
  /** The field of the descriptor. */
  readonly path: string;
}

export interface DeliveryFields {
  readonly id: Locator | undefined;
  readonly seq: Locator | undefined;
  readonly cursor: Locator | undefined;
  readonly publisher: Locator | undefined;
  readonly room: Locator | undefined;
  readonly sentAt: Locator | undefined;
}

export interface CompiledDelivery extends DeliveryFields {
  readonly condition: Condition;
  /** Whether any of its fields is in JSON. */
  readonly isJson: boolean;
  /** Turns the number at `sentAt` into milliseconds. */
  readonly toMs: (value: number) => number;
  /** Whether what is at `sentAt` is a text in ISO 8601. */
  readonly isIso: boolean;
}

export interface CompiledList extends CompiledDelivery {
  /** The place of the list. */
  readonly each: readonly string[];
  /** What an element must look like. */
  readonly element: Condition["where"];
  /** Functions of a protocol in code: what finds the list, and what an element must pass. */
  readonly find?: (message: Message, state: unknown) => readonly unknown[] | undefined;
  readonly test?: NonNullable<Condition["test"]>;
}

/** Divisions by whole numbers, so that a time in Go comes out the same to the last bit. */
const TO_MS = {
  s: (value: number) => value * 1_000,
  ms: (value: number) => value,
  us: (value: number) => value / 1_000,
  ns: (value: number) => value / 1_000_000,
} as const;

function toMs(sentAt: DeliverySpec["sentAt"]): CompiledDelivery["toMs"] {
  const { unit = "ms", since } = sentAt ?? {};
  if (unit === "iso8601") return TO_MS.ms;
  const from = since === undefined ? 0 : isoTimeMs(since)!;
  return from === 0 ? TO_MS[unit] : (value) => TO_MS[unit](value) + from;
}

/**
 * Compiles a descriptor that {@link parseDescriptor} has accepted.
 *
 * @param columns variables of the users' file, as it was told there
 */
export const compile = (d: Descriptor, columns: readonly string[] = []): Protocol => ({
  ...protocolOf(d, compileParts(d), columns),
  ...(d.publisher && { publisher: compile(publisherOf(d), columns) }),
});

/** A protocol from its compiled parts. */
export function protocolOf(d: Descriptor, compiled: Compiled, columns: readonly string[]): Protocol {
  const path = d.path === undefined ? undefined : parsePathTemplate(d.path);
  const used = new Set([...(path?.variables ?? []), ...usedBy(compiled)]);
  const given = new Set<string>([...CONNECTION_VARIABLES, ...columns]);
  const variables = [...given].filter((name) => used.has(name));
  const refreshed = [...given].filter((name) =>
    compiled.refresh?.step.message?.template.variables.includes(name),
  );
  const require = (given: Readonly<Record<string, string>>, names: readonly string[]) => {
    for (const name of names) {
      const value = Object.hasOwn(given, name) ? given[name] : undefined;
      if (value === undefined) throw new RangeError(`protocol "${d.name}" needs the variable "${name}"`);
      if (kindOf(name) === "number" && !isWhole(value)) {
        throw new RangeError(`variable "${name}" must be a whole number, got ${JSON.stringify(value)}`);
      }
    }
  };
  return {
    name: d.name,
    subprotocols: d.subprotocols ?? [],
    descriptor: d,
    variables,
    replies: compiled.replies.map(({ name }) => name),
    numericIds: compiled.probe?.numericId ?? false,
    inCode: false,
    path(given) {
      if (!path) return "";
      require(given, path.variables.filter((name) => variables.includes(name)));
      return path.expand((name) => stringValue(given[name] ?? ""));
    },
    drafts: (of) => draftsOf(compiled, of),
    connection(init) {
      require(init.variables, variables);
      if (init.authenticate && !compiled.refresh) {
        throw new RangeError(`protocol "${d.name}" has no "refresh" message to authenticate with`);
      }
      // A run without tokens refreshes nothing, and needs none.
      if (init.authenticate || init.tokenExpiresAt !== undefined) require(init.variables, refreshed);
      return new Machine(compiled, init);
    },
  };
}

/** Parses everything in a descriptor. */
export function compileParts(d: Descriptor): Compiled {
  const wire = wireOf(d);
  const outgoing = (send: string, encoding: "text" | "binary" = "text", own = wire): Outgoing => ({
    template: parseTemplate(send, own.delimiter),
    wire: own,
    binary: encoding === "binary" || own.isBytes,
  });
  const messageOf = (
    { send, encoding }: { send?: string; encoding?: "text" | "binary" },
    own?: Wire | undefined,
  ) => (send === undefined ? undefined : outgoing(send, encoding, own));
  const session = (d.session ?? []).map((step, index) => {
    const own = hasWire(step) ? wireOf(step) : undefined;
    return compileStep(step, messageOf(step, own), "session", `session[${index}]`, own);
  });
  return {
    wire,
    hasWires: !isPlain(wire) || session.some((step) => step.wire !== undefined),
    nested: (d.nested ?? []).map((pointer) => parsePointer(pointer)!),
    session,
    resume: d.resume && compileStep(d.resume, messageOf(d.resume), "resume"),
    resumeReplaces: d.resume?.replaces,
    probe: d.probe && {
      ...outgoing(d.probe.send, d.probe.encoding),
      numericId: d.probe.id === "number" || d.probe.id === "uint16",
      idsInTwoBytes: d.probe.id === "uint16",
    },
    replies: (d.reply ?? []).map((reply) => {
      const condition = compileCondition(reply);
      return { name: reply.name, match: reply.match, condition, id: locatorOf(reply.id, condition) };
    }),
    publish: d.publish && outgoing(d.publish.send, d.publish.encoding),
    deliveries: deliveriesOf(d)
      .filter(({ each }) => each === undefined)
      .map(compileDelivery),
    lists: deliveriesOf(d).flatMap(compileList),
    errors: errorsOf(d).map((error) => compileError(d, error)),
    answers: (d.heartbeat ?? []).flatMap(({ when, capture, answer, encoding, consume = true }) => {
      if (!when) return [];
      const condition = compileCondition(when);
      const captures = capturesOf(capture, condition);
      const message = answer === undefined ? undefined : outgoing(answer, encoding);
      return [{ condition, captures, answer: message, consumes: consume }];
    }),
    beats: (d.heartbeat ?? []).flatMap(({ every, send, encoding }) =>
      every === undefined || send === undefined
        ? []
        : [{ every: parseDuration(every)!, message: outgoing(send, encoding) }],
    ),
    refresh: d.refresh && {
      step: compileStep(d.refresh, messageOf(d.refresh), "refresh"),
      before: parseDuration(d.refresh.before)!,
    },
    unmatchedIsError: d.unmatched === "error",
  };
}

function compileStep(
  step: WireSpec & {
    await?: ConditionSpec;
    capture?: Record<string, string>;
    within?: string;
  },
  message: Outgoing | undefined,
  purpose: CompiledStep["purpose"],
  path: string = purpose,
  wire?: Wire,
): CompiledStep {
  const awaits = step.await && compileCondition(step.await);
  return {
    wire,
    message,
    awaits,
    awaited: describeAwaited(step.await ?? {}),
    captures: awaits ? capturesOf(step.capture, awaits) : [],
    within: step.within === undefined ? DEFAULT_WITHIN : parseDuration(step.within)!,
    purpose,
    path,
  };
}

function compileList({ each, where, ...message }: DeliverySpec): CompiledList[] {
  if (each === undefined) return [];
  const { where: element } = compileCondition(where ? { where } : {});
  return [{ ...compileDelivery(message), each: parsePointer(each)!, element }];
}

function compileDelivery(d: DeliverySpec): CompiledDelivery {
  const condition = compileCondition(d);
  const fields = {
    id: locatorOf(d.id, condition),
    seq: locatorOf(d.seq, condition),
    cursor: locatorOf(d.cursor, condition),
    publisher: locatorOf(d.publisher, condition),
    room: locatorOf(d.room, condition),
    sentAt: locatorOf(d.sentAt?.at, condition),
  };
  return {
    ...fields,
    condition,
    isJson: Object.values(fields).some((locator) => locator && "tokens" in locator),
    toMs: toMs(d.sentAt),
    isIso: d.sentAt?.unit === "iso8601",
  };
}

function compileError(d: Descriptor, error: ErrorSpec): Compiled["errors"][number] {
  const condition = compileCondition(error);
  return {
    condition,
    reason: locatorOf(error.reason, condition),
    settles: error.settles,
    id: error.settles === "id" ? locatorOf(errorId(d, error), condition) : undefined,
  };
}

const locatorOf = (where: string | undefined, condition: Condition): Locator | undefined =>
  where === undefined ? undefined : compileLocator(where, condition);

const capturesOf = (captures: Record<string, string> | undefined, condition: Condition): Capture[] =>
  Object.entries(captures ?? {}).map(([name, where]) => ({
    name,
    locator: compileLocator(where, condition),
  }));

function usedBy(c: Compiled): string[] {
  const messages = [
    ...c.session.map((step) => step.message),
    c.resume?.message,
    c.probe,
    c.publish,
    ...c.answers.map(({ answer }) => answer),
    ...c.beats.map(({ message }) => message),
  ];
  const conditions = [
    ...[...c.session, c.resume, c.refresh?.step].map((step) => step?.awaits),
    ...[...c.replies, ...c.deliveries, ...c.lists, ...c.errors, ...c.answers].map(
      ({ condition }) => condition,
    ),
  ];
  const where = [
    ...conditions.flatMap((condition) => condition?.where ?? []),
    ...c.lists.flatMap(({ element }) => element),
  ];
  return [
    ...messages.flatMap((message) => message?.template.variables ?? []),
    ...where.flatMap(({ wanted }) => (isTemplate(wanted) ? wanted.variables : [])),
  ];
}

const isTemplate = (wanted: unknown): wanted is Template =>
  typeof wanted === "object" && wanted !== null && "variables" in wanted;
