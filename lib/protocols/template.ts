/**
 * Templates of outgoing messages: text with `${variable}` in it.
 *
 * The JSON part of a template is the longest stretch that begins at a `{` or `[`, reaches to the end (a
 * NUL at the end, as STOMP has, aside) and is JSON when each variable stands for a value. Inside it a variable
 * is written as JSON: whole where a value stands, escaped where it stands inside a string. Before it, and in
 * a template without one, a variable is written as it is. So `42${id}["echo",{"user":${user}}]` does what it
 * looks like. A template that begins with `{` or `[` and is not JSON is a slip, and refused.
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

/** Looks a variable up. Every name of the template is known: that was checked when it was parsed. */
export type Scope = (name: string) => Value;

/** A template, parsed once. */
export interface Template {
  /** The variables it uses, each once. */
  readonly variables: readonly string[];
  /** Whether part of it is JSON. */
  readonly json: boolean;
  /** The message, with every variable in its place. */
  expand(scope: Scope): string;
}

/** Why a text is no template: `message` continues "expected". */
export class TemplateError extends Error {}

type Place = "raw" | "value" | "string" | "uri" | "cookie";
interface Hole {
  readonly name: string;
  readonly place: Place;
}
type Part = string | Hole;

/** Parses a message template. Throws {@link TemplateError}. */
export function parseTemplate(source: string): Template {
  const parts = split(source);
  const json = findJson(parts);
  if (json === undefined && /^\s*[[{]/.test(source)) {
    throw new TemplateError(
      `JSON, since it begins with "${source.trim()[0]}" (a variable may stand for a value or inside a string, not for a key)`,
    );
  }
  return template(json ?? parts, json !== undefined);
}

/** Parses a template of a URL's path and query, in which variables are percent-encoded. Throws {@link TemplateError}. */
export const parsePathTemplate = (source: string): Template => parsePlainTemplate(source, "uri");

/**
 * Parses a template that is no message. `place` says how its variables are written: `raw` as they are, `uri`
 * percent-encoded, `cookie` so that they stay within a cookie's value (RFC 6265 section 4.1.1). `literal` rewrites the
 * text between them. Throws {@link TemplateError}.
 */
export function parsePlainTemplate(
  source: string,
  place: "raw" | "uri" | "cookie",
  literal = (text: string): string => text,
): Template {
  const parts = split(source);
  return template(
    parts.map((part) => (typeof part === "string" ? literal(part) : { name: part.name, place })),
    false,
  );
}

/** The text of a template with its literal parts rewritten and its variables left alone. Throws {@link TemplateError}. */
export const rewriteLiterals = (source: string, literal: (text: string) => string): string =>
  split(source)
    .map((part) => (typeof part === "string" ? literal(part) : `\${${part.name}}`))
    .join("");

function template(parts: readonly Part[], json: boolean): Template {
  const names = parts.flatMap((part) => (typeof part === "string" ? [] : [part.name]));
  return {
    variables: [...new Set(names)],
    json,
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

/** The parts with the places of those in the JSON part set; undefined when there is no JSON part. */
function findJson(parts: readonly Part[]): Part[] | undefined {
  for (const [index, part] of parts.entries()) {
    if (typeof part !== "string") continue;
    for (let offset = 0; offset < part.length; offset++) {
      if (part[offset] !== "{" && part[offset] !== "[") continue;
      const tail = placeHoles([part.slice(offset), ...parts.slice(index + 1)]);
      if (tail) return [...parts.slice(0, index), part.slice(0, offset), ...tail];
    }
  }
  return undefined;
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
