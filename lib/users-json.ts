/** A file of users as JSON lines, rewritten as CSV, which all else reads. Pure. */
import { parsePointer } from "./protocols/pointer.ts";
import { sourceText } from "./protocols/source-text.ts";

/** A wrong line: its number, counted from 1, and the reason. */
export class JsonLineError extends Error {
  readonly line: number;
  readonly column: string | undefined;
  readonly expected: string;
  readonly got: string;

  constructor(line: number, column: string | undefined, expected: string, got: string) {
    super(`expected ${expected}, got ${got}`);
    this.line = line;
    this.column = column;
    this.expected = expected;
    this.got = got;
  }
}

/**
 * Whether a file holds JSON lines, or a JSON list, which is not accepted: a header of CSV begins with neither
 * bracket.
 */
export const isJsonFile = (text: string): boolean => /^\ufeff?\s*[[{]/.test(text);

/**
 * The same users as CSV, a line longer by its header: the members of the first object are the columns. A number, `true`
 * and `false` are texts as they are written. `extension/users` reads the same; `lib/users-fixtures.json` holds both to it.
 *
 * @throws {@link JsonLineError}; it never says a value, which may be a token
 */
export function csvOfJsonLines(text: string): string {
  const json = text.replace(/^\ufeff/, "").trimEnd();
  if (/^\s*\[/.test(json))
    throw new JsonLineError(1, undefined, "CSV, or JSON lines with an object in each", "a JSON list");
  const lines = json.split("\n");
  let columns: readonly string[] = [];
  const rows = lines.map((line, index) => {
    const number = index + 1;
    const object = parseObject(line);
    if (object === undefined)
      throw new JsonLineError(number, undefined, "one whole JSON object", shapeOf(line));
    const names = Object.keys(object);
    if (index === 0) columns = names;
    const missing = columns.find((name) => !Object.hasOwn(object, name));
    if (missing !== undefined || names.length !== columns.length) {
      const got = missing === undefined ? "more" : `none named ${missing}`;
      throw new JsonLineError(number, undefined, "the members of the first line", got);
    }
    return columns.map((name) => quoted(textOf(line, name, object[name], number))).join(",");
  });
  return `${[columns.map(quoted).join(","), ...rows].join("\n")}\n`;
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

const shapeOf = (line: string): string => (line.trim() === "" ? "an empty line" : "something else");

function textOf(line: string, name: string, value: unknown, number: number): string {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  if (typeof value === "number") return sourceText(line, parsePointer(pointerTo(name))!) ?? String(value);
  const got = value === null ? "null" : Array.isArray(value) ? "a list" : "an object";
  throw new JsonLineError(number, name, "a text, a number, true or false", got);
}

const pointerTo = (name: string): string => `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
