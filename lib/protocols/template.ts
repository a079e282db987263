/**
 * Templates of outgoing messages: text with `${variable}` in it.
 *
 * The JSON of a template is the longest stretch that begins at a `{` or `[`, reaches to the end and is JSON when each
 * variable stands for a value. A NUL at the end, as STOMP has, does not count. Before it, a stretch from a `{` or `[`
 * to its closing bracket is JSON too, if it holds a text in quotation marks. Inside JSON a variable is written as
 * JSON: whole where a value stands, escaped where it stands inside a string. Elsewhere it is written as it is. So
 * `42${id}["echo",{"user":${user}}]` does what it looks like. A template that begins with `{` or `[` and is not JSON
 * is a slip, and refused.
 *
 * If a delimiter ends each message of the protocol, a template may hold several messages: each is a template of its
 * own.
 */

/** What stands for a variable: its plain text, and the JSON that says the same. */
export interface Value {
  readonly text: string;
  readonly json: string;
}

/** A string as a variable's value. */
export const stringValue = (text: string): Value => ({ text, json: JSON.stringify(text) });

/** A number as a variable's value, by the digits it is written with. */
export const numberValue = (digits: string): Value => ({ text: digits, json: digits });

/** What a variable without a value is: `null` in JSON, nothing elsewhere. */
export const NO_VALUE: Value = { text: "", json: "null" };

/**
 * The template that stands for a function of a protocol in code: no text that a protocol would send, so that no
 * delimiter is in it.
 */
export const CODE = "\ue000";

/** Looks a variable up. Every name of the template is known: that was checked when it was parsed. */
export type Scope = (name: string) => Value;

/** A template, parsed once. */
export interface Template {
  /** The variables it uses, each once. */
  readonly variables: readonly string[];
  /** How many messages of the protocol it holds. */
  readonly messages: number;
  /** The message, with every variable in its place. */
  expand(scope: Scope): string;
}

/** Why a text is not a template: `message` continues "expected". */
export class TemplateError extends Error {}

type Place = "raw" | "value" | "string" | "uri" | "cookie";
interface Hole {
  readonly name: string;
  readonly place: Place;
}
type Part = string | Hole;

/**
 * Parses a message template. Throws {@link TemplateError}.
 *
 * @param delimiter what stands between the messages where it holds several
 */
export function parseTemplate(source: string, delimiter?: string): Template {
  const messages = delimiter === undefined ? [split(source)] : messagesOf(split(source), delimiter);
  if (messages.length > 1 && messages.some((parts) => parts.length === 0)) {
    throw new TemplateError(
      `a message on both sides of each delimiter (${JSON.stringify(delimiter)}); a sent message ends with one already`,
    );
  }
  const placed = messages.map(placeInMessage);
  const parts = placed.flatMap((message, i) => (i === 0 ? message : [delimiter!, ...message]));
  return template(parts, messages.length);
}

/** Parses a template of a URL's path and query, in which variables are percent-encoded. Throws {@link TemplateError}. */
export const parsePathTemplate = (source: string): Template => parsePlainTemplate(source, "uri");

/**
 * Parses a template of something other than a message. `place` says how its variables are written: `raw` as they are,
 * `uri` percent-encoded, `cookie` so that they stay within a cookie's value (RFC 6265 section 4.1.1). `literal`
 * rewrites the text between them. Throws {@link TemplateError}.
 */
export function parsePlainTemplate(
  source: string,
  place: "raw" | "uri" | "cookie",
  literal = (text: string): string => text,
): Template {
  const parts = split(source);
  return template(
    parts.map((part) => (typeof part === "string" ? literal(part) : { name: part.name, place })),
  );
}

/** The text of a template with its literal parts rewritten and its variables left alone. Throws {@link TemplateError}. */
export const rewriteLiterals = (source: string, literal: (text: string) => string): string =>
  split(source)
    .map((part) => (typeof part === "string" ? literal(part) : `\${${part.name}}`))
    .join("");

function template(parts: readonly Part[], messages = 1): Template {
  const holes = parts.filter((part) => typeof part !== "string");
  return {
    variables: [...new Set(holes.map(({ name }) => name))],
    messages,
    expand(scope) {
      let text = "";
      for (const part of parts) text += typeof part === "string" ? part : fill(scope(part.name), part.place);
      return text;
    },
  };
}

function fill(value: Value, place: Place): string {
  if (place === "value") return value.json;
  if (place === "string") return JSON.stringify(value.text).slice(1, -1);
  if (place === "cookie") return cookieValue(value.text);
  return place === "uri" ? encodeURIComponent(value.text) : value.text;
}

/** Not every server decodes a cookie: only what cannot stand in its value is percent-encoded. */
const cookieValue = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are among it
  text.replace(/[\u0000-\u0020",;\\\u007f-\uffff]+/g, encodeURIComponent);

function split(source: string): Part[] {
  const parts: Part[] = [];
  let from = 0;
  for (let at = source.indexOf("${"); at !== -1; at = source.indexOf("${", from)) {
    const end = source.indexOf("}", at);
    const name = end === -1 ? source.slice(at + 2) : source.slice(at + 2, end);
    if (end === -1) throw new TemplateError(`a "}" after "\${${name}"`);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw new TemplateError(`the name of a variable in "\${${name}}"`);
    }
    if (at > from) parts.push(source.slice(from, at));
    parts.push({ name, place: "raw" });
    from = end + 1;
  }
  if (from < source.length) parts.push(source.slice(from));
  return parts;
}

/** The messages that delimiters part, each without them. */
function messagesOf(parts: readonly Part[], delimiter: string): Part[][] {
  const messages: Part[][] = [[]];
  for (const part of parts) {
    const [first, ...more] = typeof part === "string" ? part.split(delimiter) : [part];
    if (first !== "") messages.at(-1)!.push(first!);
    for (const text of more) messages.push(text === "" ? [] : [text]);
  }
  return messages;
}

/** The parts of one message with the places of its holes set. */
function placeInMessage(parts: readonly Part[]): readonly Part[] {
  const [begins] = typeof parts[0] === "string" ? (/^[ \t\r\n]*[[{]/.exec(parts[0]) ?? []) : [];
  if (begins !== undefined) {
    const placed = placeHoles(parts);
    if (placed) return placed;
    throw new TemplateError(
      `JSON to its end, since it begins with "${begins.trim()}" (a variable may be a value or part of a string, not a key; several messages in one need a "delimiter")`,
    );
  }
  for (const [before, from] of brackets(parts)) {
    const tail = placeHoles(from);
    if (tail) return [...placeWithin(before), ...tail];
  }
  return placeWithin(parts);
}

/** The parts with the places of those holes set that are in JSON with a text in it. */
function placeWithin(parts: readonly Part[]): readonly Part[] {
  for (const [before, from] of brackets(parts)) {
    const [inside, after] = untilClosed(from);
    const placed =
      inside.some((part) => typeof part === "string" && part.includes('"')) && placeHoles(inside);
    if (placed) return [...before, ...placed, ...placeWithin(after)];
  }
  return parts;
}

/** What is before each opening bracket, and what is from there on. */
function* brackets(parts: readonly Part[]): Generator<[before: Part[], from: Part[]]> {
  for (const [index, part] of parts.entries()) {
    if (typeof part !== "string") continue;
    for (const { index: offset } of part.matchAll(/[[{]/g)) {
      yield [
        [...parts.slice(0, index), part.slice(0, offset)],
        [part.slice(offset), ...parts.slice(index + 1)],
      ];
    }
  }
}

/** The parts up to where the bracket closes that they begin with, and what is left; nothing where it does not. */
function untilClosed(parts: readonly Part[]): [inside: Part[], after: Part[]] {
  let depth = 0;
  let inString = false;
  for (const [index, part] of parts.entries()) {
    if (typeof part !== "string") continue;
    for (let i = 0; i < part.length; i++) {
      const character = part[i]!;
      if (character === '"') inString = !inString;
      else if (inString) i += character === "\\" ? 1 : 0;
      else if (character === "{" || character === "[") depth++;
      else if ((character === "}" || character === "]") && --depth === 0) {
        const end = i + 1;
        return [
          [...parts.slice(0, index), part.slice(0, end)],
          [part.slice(end), ...parts.slice(index + 1)],
        ];
      }
    }
  }
  return [[], []];
}

/** Says of each hole whether it stands for a value or inside a string; undefined when the whole is not JSON. */
function placeHoles(parts: readonly Part[]): Part[] | undefined {
  let inString = false;
  let sample = "";
  const placed: Part[] = [];
  for (const part of parts) {
    if (typeof part !== "string") {
      // `null` glued to a digit, or an `x` after a backslash, is not JSON: such a hole is refused here.
      sample += inString ? "x" : "null";
      placed.push({ name: part.name, place: inString ? "string" : "value" });
      continue;
    }
    for (let i = 0; i < part.length; i++) {
      if (part[i] === '"') inString = !inString;
      else if (inString && part[i] === "\\") i++;
    }
    sample += part;
    placed.push(part);
  }
  try {
    JSON.parse(withoutFrameEnd(sample));
    return placed;
  } catch {
    return undefined;
  }
}

/** STOMP ends each frame with NUL, and RabbitMQ with a line end after it: no part of its JSON body. */
export function withoutFrameEnd(text: string): string {
  let end = text.length;
  while (text[end - 1] === "\n" || text[end - 1] === "\r") end--;
  return text[end - 1] === "\0" ? text.slice(0, end - 1) : text;
}
