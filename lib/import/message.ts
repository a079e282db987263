/** Messages as a descriptor writes them: templates, made of samples. Pure. */
import type { Message } from "../asyncapi/index.ts";
import { parsePointer, resolvePointer } from "../protocols/pointer.ts";
import { type Field, type Form, formsOf, freeType } from "./fields.ts";
import type { Sample } from "./sample.ts";
import { variableFor } from "./words.ts";

/** The JSON Pointers of the variables in a message. */
export type Places = Readonly<Record<string, string>>;

/** Whether messages of it are sent as they are, without the quotation marks that JSON has around a text. */
export const isPlainText = ({ contentType }: Message): boolean =>
  /^text\/(?!json)/i.test(contentType) || /^application\/(xml|octet-stream)\b/i.test(contentType);

/**
 * A template of a message.
 *
 * @param places variables that stand in it, at places that may not be in the sample yet
 */
export function templateOf(message: Message, sample: Sample | undefined, places: Places = {}): string {
  const value = sample?.value ?? {};
  if (isPlainText(message)) {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return places[""] === undefined ? text.replaceAll("${", "$ {") : `\${${places[""]}}`;
  }
  let whole: unknown = structuredClone(value);
  for (const [pointer, variable] of Object.entries(places)) {
    whole = withValue(whole, parsePointer(pointer) ?? [], `${MARK}${variable}${MARK}`);
  }
  return (JSON.stringify(whole) ?? "null")
    .replaceAll("${", "\\u0024{")
    .replace(MARKED, (_, variable: string) =>
      // A template does not take a lone text for JSON: its quotation marks stay.
      typeof whole === "string" ? `"\${${variable}}"` : `\${${variable}}`,
    );
}

/** A character of private use, which no message has in pairs around a name. */
const MARK = "\ue001";
const MARKED = new RegExp(`"${MARK}(\\w+)${MARK}"`, "g");

/** The value with another one at a place, whose objects are made where there are none. */
export function withValue(value: unknown, tokens: readonly string[], inner: unknown): unknown {
  const [token, ...rest] = tokens;
  if (token === undefined) return inner;
  if (Array.isArray(value)) {
    const items = [...value];
    items[Number(token)] = withValue(items[Number(token)], rest, inner);
    return items;
  }
  const fields = typeof value === "object" && value !== null ? value : {};
  const before = (fields as Record<string, unknown>)[token];
  // Not by assignment: "__proto__" is a field like any other.
  return Object.fromEntries([
    ...Object.entries(fields).filter(([name]) => name !== token),
    [token, withValue(before, rest, inner)],
  ]);
}

/** Fields whose names say that the connection's token, user or room belongs there, as far as their schema lets it. */
export function connectionPlaces(message: Message, sample: Sample | undefined): Places {
  const [form] = formsOf(message.payload ?? true);
  return Object.fromEntries(
    [...(form ?? new Map<string, never>())].flatMap(([pointer, field]) => {
      const variable = variableFor(pointer.split("/").at(-1)!);
      if (variable === undefined || freeType(field) !== "string" || !isThere(sample, pointer)) return [];
      return [[pointer, variable]];
    }),
  );
}

/** Fields of a sample that are neither fixed by the schema nor a variable of ours. */
export function inventedFields(message: Message, sample: Sample, places: Places): string[] {
  const [form] = formsOf(message.payload ?? true);
  return [...(form ?? new Map<string, Field>())].flatMap(([pointer, { values }]) => {
    const isWhole = typeof valueAt(sample, pointer) !== "object";
    return isWhole && isThere(sample, pointer) && values?.length !== 1 && places[pointer] === undefined
      ? [pointer || "the whole"]
      : [];
  });
}

const valueAt = (sample: Sample | undefined, pointer: string): unknown =>
  resolvePointer(sample?.value, parsePointer(pointer) ?? []);

const isThere = (sample: Sample | undefined, pointer: string): boolean =>
  sample !== undefined && valueAt(sample, pointer) !== undefined;

/** The first field of free text whose name the test likes. */
export function textField(message: Message, isLike: (name: string) => boolean): string | undefined {
  const forms: readonly Form[] = formsOf(message.payload ?? true);
  for (const [pointer, field] of forms[0] ?? []) {
    if (freeType(field) === "string" && (pointer === "" || isLike(pointer.split("/").at(-1)!)))
      return pointer;
  }
  return undefined;
}
