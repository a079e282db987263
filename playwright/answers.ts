/** Messages that a server would send, made from what a descriptor says of how to recognise them. */
import { isArrayIndex, parsePointer } from "../lib/protocols/pointer.ts";
import { compileCondition, Reader } from "../lib/protocols/reader.ts";
import type { ConditionSpec } from "../lib/protocols/schema.ts";

/** Why no message can be made: `message` says what the descriptor leaves open. */
export class NoAnswerError extends Error {
  override readonly name = "NoAnswerError";
}

/** Values by where they are to stand: a JSON Pointer, or the name of a group of the regex. */
export type Places = readonly (readonly [where: string | undefined, value: unknown])[];

/**
 * A message that the condition holds for.
 *
 * @param base what else is in its JSON
 * @throws {@link NoAnswerError} where the condition does not say enough to make one
 */
export function answerFor(
  { text, regex, where = {} }: ConditionSpec,
  places: Places,
  field: string,
  base?: unknown,
): string {
  if (text !== undefined) return text;
  const groups = new Map(places.filter(([at]) => at !== undefined && !isPointer(at)) as [string, unknown][]);
  const prefix = regex === undefined ? "" : textOf(regex, groups, field);
  let json = base;
  for (const [pointer, wanted] of Object.entries(where)) {
    if (typeof wanted !== "object" || wanted === null) json = put(json, pointer, wanted);
    else json = wanted.exists ? put(json, pointer, {}, true) : without(json, pointer);
  }
  for (const [at, value] of places) {
    if (at !== undefined && isPointer(at) && value !== undefined) json = put(json, at, value);
  }
  const message = prefix + (json === undefined ? "" : JSON.stringify(json));
  const reader = new Reader();
  reader.load(message);
  const condition = compileCondition({ ...(regex !== undefined && { regex }), where });
  if (condition.always || reader.matches(condition)) return message;
  throw new NoAnswerError(
    `${field}: the descriptor does not say enough to make this message; give it as answers["${field}"]`,
  );
}

const isPointer = (where: string): boolean => where === "" || where.startsWith("/");

/** The text that a regex of plain characters and groups stands for. */
function textOf(regex: string, groups: ReadonlyMap<string, unknown>, field: string): string {
  const filled = regex
    .replace(/^\^|\$$/g, "")
    .replace(/\(\?<(\w+)>[^()]*\)/g, (_, name: string) => escapeRegex(String(groups.get(name) ?? "1")));
  if (/(?<!\\)[.*+?()[\]{}|]|\\(?![nrt])[a-zA-Z0-9]/.test(filled)) {
    throw new NoAnswerError(
      `${field}: no message can be made from the regex ${JSON.stringify(regex)}; give it as answers["${field}"]`,
    );
  }
  return filled.replace(/\\(.)/g, (_, character: string) => CONTROLS[character] ?? character);
}

const CONTROLS: { readonly [letter: string]: string } = { n: "\n", r: "\r", t: "\t" };

const escapeRegex = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** A copy of the document with the value at the pointer. */
export function put(document: unknown, pointer: string, value: unknown, onlyIfAbsent = false): unknown {
  const [token, ...rest] = parsePointer(pointer)!;
  if (token === undefined) return onlyIfAbsent && document !== undefined ? document : value;
  const isObject = typeof document === "object" && document !== null;
  const copy: Record<string, unknown> | unknown[] = isObject
    ? Array.isArray(document)
      ? [...document]
      : { ...document }
    : isArrayIndex(token)
      ? []
      : {};
  const children = copy as Record<string, unknown>;
  const own = Object.hasOwn(children, token) ? children[token] : undefined;
  children[token] = put(own, rest.map((part) => `/${escaped(part)}`).join(""), value, onlyIfAbsent);
  return copy;
}

/** A copy of the document with nothing at the pointer. */
function without(document: unknown, pointer: string): unknown {
  const [token, ...rest] = parsePointer(pointer)!;
  if (token === undefined || typeof document !== "object" || document === null) return document;
  if (Array.isArray(document) || !Object.hasOwn(document, token)) return document;
  const { [token]: own, ...others } = document as Record<string, unknown>;
  if (rest.length === 0) return others;
  return { ...others, [token]: without(own, rest.map((part) => `/${escaped(part)}`).join("")) };
}

const escaped = (token: string): string => token.replaceAll("~", "~0").replaceAll("/", "~1");
