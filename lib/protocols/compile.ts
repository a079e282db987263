import { type Ms, ms, parseDuration } from "../units.ts";
import { errorId } from "./check.ts";
import type { ConditionSpec, Descriptor } from "./descriptor.ts";
import { Machine } from "./machine.ts";
import type { Protocol } from "./protocol.ts";
import { type Condition, compileCondition, compileLocator, type Locator } from "./reader.ts";
import { parsePathTemplate, parseTemplate, stringValue, type Template } from "./template.ts";
import { CONNECTION_VARIABLES, VARIABLES } from "./variables.ts";

/** How long a session step waits for its message, unless the descriptor says. */
export const DEFAULT_WITHIN = ms(10_000);

/** A message to send, parsed once. */
export interface Outgoing {
  readonly template: Template;
  readonly binary: boolean;
}

/** A descriptor with everything in it parsed. */
export interface Compiled {
  readonly session: readonly CompiledStep[];
  readonly resume: CompiledStep | undefined;
  readonly probe: (Outgoing & { readonly numericId: boolean }) | undefined;
  readonly replies: readonly {
    readonly name: string;
    readonly match: "id" | "whole" | "fifo";
    readonly condition: Condition;
    readonly id: Locator | undefined;
  }[];
  readonly publish: Outgoing | undefined;
  readonly delivery: CompiledDelivery | undefined;
  readonly error:
    | {
        readonly condition: Condition;
        readonly reason: Locator | undefined;
        readonly settles: "id" | "oldest" | undefined;
        readonly id: Locator | undefined;
      }
    | undefined;
  readonly answers: readonly {
    readonly condition: Condition;
    readonly captures: readonly Capture[];
    readonly answer: Outgoing;
  }[];
  readonly beats: readonly { readonly every: Ms; readonly message: Outgoing }[];
  readonly refresh:
    | { readonly message: Outgoing; readonly before: Ms; readonly awaits: Condition | undefined }
    | undefined;
  readonly unmatchedIsError: boolean;
}

export interface Capture {
  readonly name: string;
  readonly locator: Locator;
}

export interface CompiledStep {
  readonly message: Outgoing | undefined;
  readonly awaits: Condition | undefined;
  readonly captures: readonly Capture[];
  readonly within: Ms;
  readonly purpose: "session" | "resume";
}

export interface CompiledDelivery {
  readonly condition: Condition;
  readonly id: Locator | undefined;
  readonly seq: Locator | undefined;
  readonly publisher: Locator | undefined;
  readonly room: Locator | undefined;
  readonly sentAt: Locator | undefined;
  /** Turns the number at `sentAt` into milliseconds. */
  readonly toMs: (value: number) => number;
}

/** Divisions by whole numbers, so that a time in Go comes out the same to the last bit. */
const TO_MS = {
  s: (value: number) => value * 1_000,
  ms: (value: number) => value,
  us: (value: number) => value / 1_000,
  ns: (value: number) => value / 1_000_000,
} as const;

/** Compiles a descriptor that {@link parseDescriptor} has accepted. */
export function compile(d: Descriptor): Protocol {
  const path = d.path === undefined ? undefined : parsePathTemplate(d.path);
  const compiled = compileParts(d);
  const used = new Set([...(path?.variables ?? []), ...usedBy(compiled)]);
  const variables = CONNECTION_VARIABLES.filter((name) => used.has(name));
  const refreshed = CONNECTION_VARIABLES.filter((name) =>
    compiled.refresh?.message.template.variables.includes(name),
  );
  const require = (given: Readonly<Record<string, string>>, names: readonly string[]) => {
    for (const name of names) {
      const value = Object.hasOwn(given, name) ? given[name] : undefined;
      if (value === undefined) throw new RangeError(`protocol "${d.name}" needs the variable "${name}"`);
      if (VARIABLES[name as keyof typeof VARIABLES] === "number" && !isWhole(value)) {
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
    path(given) {
      if (!path) return "";
      require(given, path.variables);
      return path.expand((name) => stringValue(given[name]!));
    },
    connection(init) {
      require(init.variables, variables);
      // Without an expiry nothing is refreshed: a run without tokens needs none.
      if (init.tokenExpiresAt !== undefined) require(init.variables, refreshed);
      return new Machine(compiled, init);
    },
  };
}

/** Whether a text is a whole number as JSON writes it. */
export const isWhole = (text: string): boolean => /^-?(?:0|[1-9][0-9]*)$/.test(text);

function compileParts(d: Descriptor): Compiled {
  const errorCondition = compileCondition(d.error ?? {});
  const errorsId = d.error?.settles === "id" ? errorId(d) : undefined;
  return {
    session: (d.session ?? []).map((step) => compileStep(step, "session")),
    resume: d.resume && compileStep(d.resume, "resume"),
    probe: d.probe && { ...outgoing(d.probe), numericId: d.probe.id === "number" },
    replies: (d.reply ?? []).map((reply) => {
      const condition = compileCondition(reply);
      return { name: reply.name, match: reply.match, condition, id: locatorOf(reply.id, condition) };
    }),
    publish: d.publish && outgoing(d.publish),
    delivery: d.delivery && compileDelivery(d.delivery),
    error: d.error && {
      condition: errorCondition,
      reason: locatorOf(d.error.reason, errorCondition),
      settles: d.error.settles,
      id: locatorOf(errorsId, errorCondition),
    },
    answers: (d.heartbeat ?? []).flatMap(({ when, capture, answer, encoding }) => {
      if (!when || answer === undefined) return [];
      const condition = compileCondition(when);
      return [
        { condition, captures: capturesOf(capture, condition), answer: outgoing({ send: answer, encoding }) },
      ];
    }),
    beats: (d.heartbeat ?? []).flatMap(({ every, send, encoding }) =>
      every === undefined || send === undefined
        ? []
        : [{ every: parseDuration(every)!, message: outgoing({ send, encoding }) }],
    ),
    refresh: d.refresh && {
      message: outgoing(d.refresh),
      before: parseDuration(d.refresh.before)!,
      awaits: d.refresh.await && compileCondition(d.refresh.await),
    },
    unmatchedIsError: d.unmatched === "error",
  };
}

function compileStep(
  step: {
    send?: string;
    encoding?: "text" | "binary";
    await?: ConditionSpec;
    capture?: Record<string, string>;
    within?: string;
  },
  purpose: "session" | "resume",
): CompiledStep {
  const awaits = step.await && compileCondition(step.await);
  return {
    message: step.send === undefined ? undefined : outgoing({ send: step.send, encoding: step.encoding }),
    awaits,
    captures: awaits ? capturesOf(step.capture, awaits) : [],
    within: step.within === undefined ? DEFAULT_WITHIN : parseDuration(step.within)!,
    purpose,
  };
}

function compileDelivery(d: NonNullable<Descriptor["delivery"]>): CompiledDelivery {
  const condition = compileCondition(d);
  return {
    condition,
    id: locatorOf(d.id, condition),
    seq: locatorOf(d.seq, condition),
    publisher: locatorOf(d.publisher, condition),
    room: locatorOf(d.room, condition),
    sentAt: locatorOf(d.sentAt?.at, condition),
    toMs: TO_MS[d.sentAt?.unit ?? "ms"],
  };
}

const outgoing = (spec: { send: string; encoding?: "text" | "binary" | undefined }): Outgoing => ({
  template: parseTemplate(spec.send),
  binary: spec.encoding === "binary",
});

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
  return messages.flatMap((message) => message?.template.variables ?? []);
}
