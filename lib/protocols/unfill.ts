/**
 * The reverse of a template: whether it could have made a message, and with which values of its variables. Other
 * clients write the same message with its fields in another order, with more of them, or without some, so JSON is
 * compared by its fields.
 */
import { sourceText } from "./source-text.ts";
import { parseTemplate, stringValue, withoutFrameEnd } from "./template.ts";

/** What a message says where the template has variables. */
export interface Unfilled {
  /** Each as text; a number by its digits. */
  readonly values: Readonly<Record<string, string>>;
  /** How much of the template's own is in the message: of two templates that fit, the larger is meant. */
  readonly score: number;
}

/** A message of a template as {@link unfill} needs it. */
export interface Mould {
  /** What stands before the JSON, or the whole where there is none. */
  readonly text: string;
  /** Undefined where there is none. */
  readonly json: unknown;
}

/** Stand around a variable's name. Private-use characters, which no template would send. */
const OPEN = "\ue001";
const CLOSE = "\ue002";
const HOLE = new RegExp(`${OPEN}([A-Za-z0-9_]+)${CLOSE}`, "g");

/**
 * The messages that a template makes: several where delimiters part them.
 *
 * @throws TemplateError
 */
export function mouldsOf(template: string, delimiter?: string): Mould[] {
  const mark = (name: string) => stringValue(OPEN + name + CLOSE);
  const text = parseTemplate(template, delimiter).expand(mark);
  const messages = delimiter === undefined ? [text] : text.split(delimiter).filter((part) => part !== "");
  return messages.map(split);
}

/** Undefined if the template cannot have made the message. */
export function unfill({ text, json }: Mould, message: string): Unfilled | undefined {
  const given = split(message);
  const found: Found = { values: {}, literals: 0, keys: 0, absent: 0, source: given.source };
  const isFit =
    json === undefined
      ? textFits(text, withoutFrameEnd(message), found)
      : given.json !== undefined && textFits(text, given.text, found) && fits(json, given.json, [], found);
  // A message without some of the fields must have what only this template has.
  if (!isFit || (found.literals === 0 && found.absent > 0)) return undefined;
  return { values: found.values, score: 2 * found.literals + found.keys };
}

/** The text up to where JSON begins that reaches to the end, and that JSON; undefined where there is none. */
export function split(text: string): Mould & { readonly source: string } {
  const end = withoutFrameEnd(text);
  for (const { index } of end.matchAll(/[[{]/g)) {
    try {
      const source = end.slice(index);
      return { text: end.slice(0, index), json: JSON.parse(source) as unknown, source };
    } catch {
      // Not here.
    }
  }
  return { text: end, json: undefined, source: "" };
}

interface Found {
  readonly values: Record<string, string>;
  /** Values and texts of the template that the message has. */
  literals: number;
  /** Names of fields that both have. */
  keys: number;
  /** Variables that the message has nothing for. */
  absent: number;
  /** The message's JSON. */
  readonly source: string;
}

function textFits(pattern: string, text: string, found: Found): boolean {
  const names: string[] = [];
  const literals = pattern.split(HOLE).map((part, i) => {
    if (i % 2 === 0) return part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    names.push(part);
    return "([^]*?)";
  });
  const match = new RegExp(`^${literals.join("")}$`).exec(text);
  if (!match) return false;
  for (const [i, name] of names.entries()) found.values[name] ??= match[i + 1]!;
  if (pattern.replace(HOLE, "") !== "") found.literals++;
  return true;
}

function fits(wanted: unknown, given: unknown, path: readonly string[], found: Found): boolean {
  if (typeof wanted === "string" && wanted.includes(OPEN)) return fills(wanted, given, path, found);
  if (typeof wanted !== "object" || wanted === null) {
    if (wanted !== given) return false;
    found.literals++;
    return true;
  }
  if (typeof given !== "object" || given === null || Array.isArray(given) !== Array.isArray(wanted))
    return false;
  if (Array.isArray(wanted) && wanted.length !== (given as unknown[]).length) return false;
  return Object.entries(wanted).every(([name, value]) => {
    const has = Object.hasOwn(given, name);
    if (has) found.keys++;
    return fits(value, has ? (given as Record<string, unknown>)[name] : undefined, [...path, name], found);
  });
}

/** In the place of a variable any value may stand, or nothing at all. */
function fills(wanted: string, given: unknown, path: readonly string[], found: Found): boolean {
  if (given === undefined) {
    found.absent++;
    return true;
  }
  const [before, name, after, ...more] = wanted.split(HOLE);
  const isWhole = before === "" && after === "" && more.length === 0;
  if (!isWhole) return typeof given === "string" && textFits(wanted, given, found);
  found.values[name!] ??=
    typeof given === "string" ? given : (sourceText(found.source, path) ?? JSON.stringify(given));
  return true;
}
