import { describeAwaited } from "../../lib/protocols/awaited.ts";
import { useAllCodecs } from "../../lib/protocols/codecs/all.ts";
import { compile } from "../../lib/protocols/compile.ts";
import { parseDescriptor } from "../../lib/protocols/descriptor.ts";
import type { ConnectionInit, Conversation, Effect, Frame } from "../../lib/protocols/index.ts";
import { compilePattern } from "../../lib/protocols/pattern.ts";
import { parsePointer } from "../../lib/protocols/pointer.ts";
import type { ConditionSpec } from "../../lib/protocols/schema.ts";
import { sourceText } from "../../lib/protocols/source-text.ts";
import {
  NO_VALUE,
  numberValue,
  parsePathTemplate,
  parseTemplate,
  type Scope,
  stringValue,
  TemplateError,
} from "../../lib/protocols/template.ts";
import { type Ms, ms } from "../../lib/units.ts";

useAllCodecs();

/** A message in the table: text as it is, bytes in hexadecimal digits. */
type FrameJson = { readonly text: string } | { readonly hex: string };

export interface Step {
  /** To be done so many times, `#` in what it says being the number of the time, from 0. Default: once. */
  readonly times?: number;
  /** Milliseconds from one time to the next. */
  readonly every?: number;
  readonly do: "open" | "receive" | "probe" | "sent" | "publish" | "due" | "setToken" | "drop";
  readonly at: Ms;
  /** Of a message that was handled later than it came. */
  readonly handledAt?: Ms;
  readonly dueAt: Ms;
  readonly expiresAt?: Ms;
  readonly id: string;
  readonly seq: number;
  readonly payload?: string;
  readonly token: string;
  readonly frame: FrameJson;
  /** Where it is done several times, how many of each kind. */
  readonly effects: unknown;
  readonly nextDue?: number;
}

export interface Case {
  readonly name: string;
  readonly descriptor: string;
  readonly init: ConnectionInit;
  readonly path?: string;
  readonly steps: readonly Step[];
  readonly end: unknown;
}

/** lib/protocols/fixtures.json. */
export interface Fixtures {
  readonly descriptors: Readonly<Record<string, unknown>>;
  readonly cases: readonly Case[];
  readonly templates: {
    readonly variables: Readonly<Record<string, string | { readonly number: string } | null>>;
    readonly messages: readonly {
      readonly template: string;
      readonly delimiter?: string;
      /** `null` where it is refused. */
      readonly message: string | null;
    }[];
    readonly paths: readonly { readonly path: string; readonly expanded: string }[];
  };
  readonly patterns: readonly {
    readonly pattern: string;
    readonly text: string;
    readonly groups: Readonly<Record<string, string | null>> | null;
    readonly rest?: string;
  }[];
  readonly sources: readonly {
    readonly json: string;
    readonly pointer: string;
    readonly source: string | null;
  }[];
  readonly awaited: readonly { readonly condition: ConditionSpec; readonly words: string }[];
}

/** One row of the table: what it says, what came of it, what should have. Both are JSON, keys in one order. */
export interface Row {
  readonly name: string;
  readonly actual: unknown;
  readonly expected: unknown;
}

/** Runs every row. Needs nothing of Node.js: k6 runs it as well. */
export function* runFixtures(fixtures: Fixtures): Generator<Row> {
  for (const fixture of fixtures.cases) yield runCase(fixture, fixtures.descriptors[fixture.descriptor]);

  const { variables, messages, paths } = fixtures.templates;
  const scope = scopeOf(variables);
  for (const { template, delimiter, message } of messages) {
    yield {
      name: `template ${JSON.stringify(template)}${delimiter === undefined ? "" : ` by ${JSON.stringify(delimiter)}`}`,
      actual: expanded(template, delimiter, scope),
      expected: message,
    };
  }
  for (const { path, expanded } of paths) {
    yield { name: `path ${path}`, actual: parsePathTemplate(path).expand(scope), expected: expanded };
  }
  for (const { pattern, text, groups, rest } of fixtures.patterns) {
    const compiled = compilePattern(pattern);
    const match = compiled.match(text);
    const found = match && compiled.names.map((name, i) => [name, match.groups[i] ?? null]);
    yield {
      name: `pattern ${JSON.stringify(pattern)} on ${JSON.stringify(text)}`,
      actual: found ? { groups: Object.fromEntries(found), rest: text.slice(match.end) } : { groups: null },
      expected: rest === undefined ? { groups } : { groups, rest },
    };
  }
  for (const { json, pointer, source } of fixtures.sources) {
    const actual = sourceText(json, parsePointer(pointer) ?? ["no pointer"]) ?? null;
    yield { name: `source of ${JSON.stringify(pointer)} in ${json}`, actual, expected: source };
  }
  for (const { condition, words } of fixtures.awaited) {
    yield {
      name: `words of ${JSON.stringify(condition)}`,
      actual: describeAwaited(condition),
      expected: words,
    };
  }
}

/** Looks up the table's variables of templates. */
export const scopeOf =
  (variables: Fixtures["templates"]["variables"]): Scope =>
  (name) => {
    const value = variables[name] ?? null;
    if (value === null) return NO_VALUE;
    return typeof value === "string" ? stringValue(value) : numberValue(value.number);
  };

/** The message; null where the template is refused. */
export function expanded(template: string, delimiter: string | undefined, scope: Scope): string | null {
  try {
    return parseTemplate(template, delimiter).expand(scope);
  } catch (error) {
    if (error instanceof TemplateError) return null;
    throw error;
  }
}

function runCase({ name, init, path, steps, end }: Case, descriptor: unknown): Row {
  const protocol = compile(parseDescriptor(descriptor, name));
  const conversation = protocol.connection(init);
  const actual = steps.map((step) => runStep(conversation, step));
  return {
    name,
    actual: json({
      path: protocol.path(init.variables),
      steps: actual,
      end: endOf(conversation),
    }),
    expected: { path: path ?? "", steps, end },
  };
}

/** The step with what comes of it. */
export function runStep(conversation: Conversation, step: Step): Step {
  const effects =
    step.times === undefined
      ? perform(conversation, step).map(effectToJson)
      : countKinds(severalTimes(step).flatMap((one) => perform(conversation, one)));
  const nextDue = conversation.nextDue();
  return { ...step, effects, ...(nextDue !== undefined && { nextDue }) };
}

/** How a conversation is in the end. */
export function endOf(conversation: Conversation): unknown {
  const { lastSeq, ready } = conversation;
  return { openProbes: conversation.openProbes(), ready, lastSeq };
}

export function severalTimes({ times = 1, every = 0, ...step }: Step): Step[] {
  const { id = "", frame, at, dueAt } = step;
  return Array.from({ length: times }, (_, n) => ({
    ...step,
    at: ms(at + n * every),
    dueAt: ms(dueAt + n * every),
    id: id.replaceAll("#", String(n)),
    frame: frame && "text" in frame ? { text: frame.text.replaceAll("#", String(n)) } : frame,
  }));
}

function countKinds(effects: readonly Effect[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind } of effects) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

export function perform(conversation: Conversation, step: Step): readonly Effect[] {
  switch (step.do) {
    case "open":
      return conversation.open(step.at);
    case "receive":
      return conversation.receive(frameFromJson(step.frame), step.at, step.handledAt);
    case "probe":
      return [conversation.probe(step.id, step.dueAt, step.payload)];
    case "sent":
      conversation.sent(step.id, step.at);
      return [];
    case "publish":
      return [conversation.publish(step, step.at)];
    case "due":
      return conversation.due(step.at);
    case "setToken":
      conversation.setToken(step.token, step.expiresAt);
      return [];
    case "drop":
      return conversation.drop(step.at);
  }
}

const effectToJson = (effect: Effect): unknown =>
  // The JSON that a codec wrote is told for people alone.
  effect.kind === "send"
    ? { ...effect, json: undefined, messages: undefined, frame: frameToJson(effect.frame) }
    : effect;

export const frameToJson = (frame: Frame): FrameJson =>
  typeof frame === "string"
    ? { text: frame }
    : { hex: Array.from(frame, (byte) => byte.toString(16).padStart(2, "0")).join("") };

export const frameFromJson = (frame: FrameJson): Frame =>
  "text" in frame
    ? frame.text
    : Uint8Array.from({ length: frame.hex.length / 2 }, (_, i) =>
        Number.parseInt(frame.hex.slice(2 * i, 2 * i + 2), 16),
      );

/** Without what is undefined. */
const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
