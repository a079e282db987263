import { excessOf } from "./json-bounds.ts";
import { unfold } from "./nested.ts";
import { compilePattern, type Pattern } from "./pattern.ts";
import { parsePointer, resolvePointer } from "./pointer.ts";
import type { ConditionSpec } from "./schema.ts";
import { elementTexts, sourceText } from "./source-text.ts";
import {
  numberValue,
  parsePlainTemplate,
  stringValue,
  type Template,
  type Value,
  withoutFrameEnd,
} from "./template.ts";
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

/** A message as it came: text, or the bytes of a binary one. */
export type Frame = string | Uint8Array;

/** Messages of the protocol that one of WebSocket is taken apart into, so that a hostile one has an end. */
export const MOST_MESSAGES = 65_536;

/** How much of a message is kept that comes in several of WebSocket, in bytes, where a run does not say. */
export const MESSAGE_BYTES = 2 ** 26;

/**
 * The protocol's messages in one WebSocket message: the segments between delimiters, without empty ones. From the
 * {@link MOST_MESSAGES}th on, the rest is one message. Bytes that are not UTF-8 are one message, too.
 */
export function* messagesIn(frame: Frame, delimiter: string): Generator<Frame> {
  const text = typeof frame === "string" ? frame : decodeUtf8(frame);
  if (text === undefined) return yield frame;
  let count = 0;
  for (let from = 0; from < text.length; ) {
    const found = count < MOST_MESSAGES - 1 ? text.indexOf(delimiter, from) : -1;
    const end = found === -1 ? text.length : found;
    if (end > from) {
      count++;
      yield text.slice(from, end);
    }
    from = end + delimiter.length;
  }
}

/** A message as the functions of a protocol in code see it. */
export interface Message {
  /** Undefined when its bytes are not UTF-8. */
  readonly text: string | undefined;
  readonly bytes: Uint8Array;
  /** Whether it came as a binary message. */
  readonly isBinary: boolean;
  /** The message as JSON, parsed when first asked for; undefined if it is not JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: whoever writes a protocol knows what its messages hold
  readonly json: any;
}

/** A condition, parsed once. */
export interface Condition {
  readonly text: string | undefined;
  readonly pattern: Pattern | undefined;
  readonly where: readonly { readonly tokens: readonly string[]; readonly wanted: Wanted }[];
  /** Whether it holds for every message. */
  readonly always: boolean;
  /** A function of a protocol in code, which must hold beside the rest. */
  readonly test?: (message: Message, state: unknown) => boolean;
}

/** A value, a text with variables in it, or whether there is to be any. */
type Wanted = string | number | boolean | null | Template | { readonly exists: boolean };

/** The text of a connection's variable; undefined while it has none. */
export type Scope = (name: string) => string | undefined;

/**
 * The place of a field, parsed once: in the JSON, in a group of the regex, or wherever a protocol's own code finds
 * it.
 */
export type Locator =
  | { readonly tokens: readonly string[] }
  | { readonly group: number }
  | { readonly read: (message: Message, state: unknown) => string | number | boolean | undefined };

export function compileCondition(spec: ConditionSpec): Condition {
  return {
    text: spec.text,
    pattern: spec.regex === undefined ? undefined : compilePattern(spec.regex),
    where: Object.entries(spec.where ?? {}).map(([pointer, wanted]) => ({
      tokens: tokensOf(pointer),
      wanted:
        typeof wanted === "string" && wanted.includes("${") ? parsePlainTemplate(wanted, "raw") : wanted,
    })),
    always: spec.text === undefined && spec.regex === undefined && spec.where === undefined,
  };
}

export function compileLocator(where: string, condition: Condition): Locator {
  if (where === "" || where.startsWith("/")) return { tokens: tokensOf(where) };
  return { group: condition.pattern?.names.indexOf(where) ?? -1 };
}

const tokensOf = (pointer: string): readonly string[] => parsePointer(pointer) ?? [];

const NOTHING_NESTED: readonly (readonly string[])[] = [];
const NOT_JSON = Symbol("not JSON");
const JSON_NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const NO_GROUPS: readonly (string | undefined)[] = [];

/**
 * Reads one message at a time: a condition that {@link matches} says which part the fields are then taken
 * from. JSON is parsed when something first asks for it, and once.
 */
export class Reader {
  #text: string | undefined;
  #sent: string | undefined;
  #groups = NO_GROUPS;
  /** The start of the JSON: after the regex's match. */
  #from = 0;
  #parsed: { from: number; value: unknown } | undefined;
  #wantedJson = false;
  /** Whether a text or regex has recognised the message, even if the rest of it was not as expected. */
  #recognised = false;
  #frame: Frame = "";
  /** What the connection remembers for a protocol's own code. */
  #state: unknown;
  #failure: string | undefined;
  #hasTooMany = false;
  #scope: Scope | undefined;
  readonly #message: Message = messageOf(this);

  /**
   * @param sent what stands for the message as it was sent, where a codec made the text of it
   * @param nested where it has strings that hold JSON
   * @param scope the connection's variables; without, any text may stand for one
   */
  load(
    frame: Frame,
    state?: unknown,
    sent?: string,
    nested: readonly (readonly string[])[] = NOTHING_NESTED,
    scope?: Scope,
  ): void {
    this.#scope = scope;
    this.#frame = frame;
    this.#state = state;
    this.#failure = undefined;
    this.#text = typeof frame === "string" ? frame : decodeUtf8(frame);
    this.#sent = sent ?? this.#text;
    this.#hasTooMany = false;
    if (nested.length > 0 && this.#text !== undefined && this.#isReadable(this.#text))
      this.#text = unfold(this.#text, nested);
    this.#parsed = undefined;
    this.#wantedJson = false;
    this.#recognised = false;
    this.#groups = NO_GROUPS;
    this.#from = 0;
  }

  /** The message as text; undefined when its bytes are not UTF-8. */
  get text(): string | undefined {
    return this.#text;
  }

  /** What says which message it is that was sent: its text, or its bytes where a codec made the text of it. */
  get sent(): string | undefined {
    return this.#sent;
  }

  /** Whether the message should have been JSON, as far as one can tell. */
  get lackedJson(): boolean {
    return this.#wantedJson && !this.#recognised;
  }

  /** Whether it was not read as JSON, as it has more values than are read. */
  get hasTooMany(): boolean {
    return this.#hasTooMany;
  }

  /** Whether a text may be parsed. */
  #isReadable(text: string): boolean {
    const excess = excessOf(text);
    if (excess === "values") this.#hasTooMany = true;
    return excess === undefined;
  }

  /** The message as it came. */
  get frame(): Frame {
    return this.#frame;
  }

  /** What a function of the protocol's own code threw at this message. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** The message as JSON, whole; undefined if it is not JSON. */
  wholeJson(): unknown {
    this.#from = 0;
    return this.#json();
  }

  /** Whether what follows the match is JSON. */
  get isJson(): boolean {
    return this.#json() !== undefined;
  }

  matches(condition: Condition): boolean {
    this.#groups = NO_GROUPS;
    this.#from = 0;
    if (condition.always) return true;
    if (!this.#looks(condition)) return false;
    const { test } = condition;
    if (test && this.#ask(test) !== true) return false;
    if (test || condition.pattern || condition.text !== undefined) this.#recognised = true;
    return true;
  }

  /** Whether what a condition says of the message's text and JSON holds. */
  #looks(condition: Condition): boolean {
    if (condition.test && !condition.pattern) return true; // which stands alone then
    if (this.#text === undefined) {
      this.#wantedJson ||= condition.where.length > 0;
      return false;
    }
    if (condition.text !== undefined && condition.text !== this.#text) return false;
    if (condition.pattern) {
      const match = condition.pattern.match(this.#text);
      if (!match) return false;
      this.#groups = match.groups;
      this.#from = match.end;
    }
    return this.#holds(condition.where);
  }

  /** What a function of the protocol's own code says; undefined where it throws, which is kept. */
  #ask<T>(code: (message: Message, state: unknown) => T): T | undefined {
    try {
      return code(this.#message, this.#state);
    } catch (error) {
      this.#failure ??= (error as Error).message;
      return undefined;
    }
  }

  /** The elements of the list that {@link matches} has led to, as JSON; undefined where there is none. */
  elements(each: readonly string[]): Iterable<string> | undefined {
    if (this.#text === undefined) {
      this.#wantedJson = true;
      return undefined;
    }
    return Array.isArray(resolvePointer(this.#json(), each)) ? elementTexts(this.#rest(), each) : undefined;
  }

  /** The list that a function finds in the message, each element as a message of its own; undefined where there is none. */
  elementsBy(
    find: (message: Message, state: unknown) => readonly unknown[] | undefined,
  ): Frame[] | undefined {
    const found = this.#ask(find);
    if (!Array.isArray(found)) return undefined;
    return found.map((one: unknown) =>
      typeof one === "string" || one instanceof Uint8Array ? one : (JSON.stringify(one) ?? "null"),
    );
  }

  /** Loads an element of a message's list. The groups of the message's regex are the element's too. */
  loadElement(element: Frame, message: Reader): void {
    this.load(element, message.#state);
    this.#scope = message.#scope;
    this.#groups = message.#groups;
  }

  /** Whether an element looks like this. */
  fits(where: Condition["where"], test?: Condition["test"]): boolean {
    return this.#holds(where) && (!test || this.#ask(test) === true);
  }

  /** A string, number or boolean as a variable's value: text by its decoded characters, a number by its digits. */
  value(locator: Locator): Value | undefined {
    if ("read" in locator) return valueGiven(this.#ask(locator.read));
    if ("group" in locator) {
      const group = this.#groups[locator.group];
      return group === undefined ? undefined : stringValue(group);
    }
    const found = resolvePointer(this.#json(), locator.tokens);
    if (typeof found === "string") return stringValue(found);
    if (typeof found === "number")
      return numberValue(sourceText(this.#rest(), locator.tokens) ?? String(found));
    return typeof found === "boolean" ? { text: String(found), json: String(found) } : undefined;
  }

  /** As {@link value}, without the JSON. */
  textAt(locator: Locator): string | undefined {
    if ("read" in locator) return textOf(this.#ask(locator.read));
    if ("group" in locator) return this.#groups[locator.group];
    const found = resolvePointer(this.#json(), locator.tokens);
    if (typeof found === "string") return found;
    return typeof found === "number" ? sourceText(this.#rest(), locator.tokens) : undefined;
  }

  /** As {@link value}, but no boolean, and a whole number that JavaScript holds exactly without its way of writing. */
  sequence(locator: Locator): Value | undefined {
    if ("read" in locator) {
      const read = this.#ask(locator.read);
      return typeof read === "boolean" ? undefined : valueGiven(read);
    }
    const found = "group" in locator ? undefined : resolvePointer(this.#json(), locator.tokens);
    if (Number.isSafeInteger(found)) return numberValue(String(found));
    return typeof found === "boolean" ? undefined : this.value(locator);
  }

  /** A number, or a text that is one as JSON writes it. */
  number(locator: Locator): number | undefined {
    const found =
      "read" in locator
        ? this.#ask(locator.read)
        : "group" in locator
          ? this.#groups[locator.group]
          : resolvePointer(this.#json(), locator.tokens);
    const number = typeof found === "string" && JSON_NUMBER.test(found) ? Number(found) : found;
    return typeof number === "number" && Number.isFinite(number) ? number : undefined;
  }

  /** Whether there is anything but null there. */
  has(locator: Locator): boolean {
    if ("read" in locator) return this.#ask(locator.read) !== undefined;
    if ("group" in locator) return this.#groups[locator.group] !== undefined;
    return (resolvePointer(this.#json(), locator.tokens) ?? null) !== null;
  }

  #holds(where: Condition["where"]): boolean {
    for (let i = 0; i < where.length; i++) {
      const { tokens, wanted } = where[i]!;
      const json = this.#json();
      if (json === undefined) return false;
      const found = resolvePointer(json, tokens);
      if (typeof wanted !== "object" || wanted === null) {
        if (found !== wanted) return false;
      } else if ("exists" in wanted) {
        if ((found !== undefined) !== wanted.exists) return false;
      } else if (!this.#isText({ tokens }, wanted)) return false;
    }
    return true;
  }

  /** Whether a text, or the digits of a number, is what a template makes of the connection's variables. */
  #isText(locator: Locator, wanted: Template): boolean {
    const found = this.textAt(locator);
    const scope = this.#scope;
    if (found === undefined || !scope) return found !== undefined;
    if (wanted.variables.some((name) => scope(name) === undefined)) return false;
    return found === wanted.expand((name) => stringValue(scope(name)!));
  }

  /** Undefined where there is none: JSON itself has no such value. */
  #json(): unknown {
    if (this.#parsed?.from !== this.#from) {
      const rest = this.#rest();
      this.#parsed = { from: this.#from, value: this.#isReadable(rest) ? parseJson(rest) : NOT_JSON };
    }
    if (this.#parsed.value !== NOT_JSON) return this.#parsed.value;
    this.#wantedJson = true;
    return undefined;
  }

  #rest(): string {
    return withoutFrameEnd((this.#text ?? "").slice(this.#from));
  }
}

/**
 * The message that a reader has loaded. One object serves all messages, since no part of a message outlives its
 * reading.
 */
const messageOf = (reader: Reader): Message => ({
  get text() {
    return reader.text;
  },
  get bytes() {
    return typeof reader.frame === "string" ? encodeUtf8(reader.frame) : reader.frame;
  },
  get isBinary() {
    return typeof reader.frame !== "string";
  },
  get json() {
    return reader.wholeJson();
  },
});

/** A value that a protocol's own code gave. NaN and infinities do not count as values. */
function valueGiven(read: unknown): Value | undefined {
  if (typeof read === "string") return stringValue(read);
  if (typeof read === "number" && Number.isFinite(read)) return numberValue(String(read));
  return typeof read === "boolean" ? { text: String(read), json: String(read) } : undefined;
}

const textOf = (read: unknown): string | undefined =>
  typeof read === "boolean" ? undefined : valueGiven(read)?.text;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return NOT_JSON;
  }
}
