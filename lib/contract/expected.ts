/** What of a valid message its contract does not promise of others: one message alone cannot tell. Pure. */
import type { Contract } from "./contract.ts";
import { escapeToken, isObject, type Json, type JsonObject, tokensOf } from "./refs.ts";

/** JSON Pointers into a message. */
export interface Loose {
  /** Members that other messages may lack, or have with a value of another type. */
  readonly optional: readonly string[];
  /** Numbers that may have decimal places and need none. */
  readonly numbers: readonly string[];
}

/** Schemas within one another that are looked at: a contract may refer in a circle. */
const MOST_SAME = 100;

/** @param kind the name of the message's kind */
export function looseOf(
  { documents, kinds }: Pick<Contract, "documents" | "kinds">,
  kind: string,
  message: unknown,
): Loose {
  const { schema, marks } = kinds.find(({ name }) => name === kind)!;
  const kept = marks.map(({ at }) => at);
  const [optional, numbers]: [string[], string[]] = [[], []];

  /** Adds a schema, and the schemas that it joins, each once. */
  const schemasAt = (of: Json | undefined, found: JsonObject[] = []): JsonObject[] => {
    if (!isObject(of) || found.length >= MOST_SAME || found.includes(of)) return found;
    found.push(of);
    if (typeof of.$ref === "string") schemasAt(schemaAt(documents, decoded(of.$ref)), found);
    if (Array.isArray(of.allOf)) for (const one of of.allOf) schemasAt(one, found);
    return found;
  };

  const walk = (value: Json, schemas: readonly JsonObject[], at: string): void => {
    if (typeof value === "number" && !schemas.some(({ type }) => type === "integer")) numbers.push(at);
    if (Array.isArray(value)) {
      const items: JsonObject[] = [];
      for (const one of schemas) schemasAt(one.items, items);
      for (const [i, item] of value.entries()) walk(item, items, `${at}/${i}`);
    } else if (isObject(value)) {
      for (const [name, member] of Object.entries(value)) {
        const below = `${at}/${escapeToken(name)}`;
        const own: JsonObject[] = [];
        for (const { properties } of schemas)
          if (isObject(properties) && Object.hasOwn(properties, name)) schemasAt(properties[name], own);
        const isMark = kept.some((mark) => mark === below || mark.startsWith(`${below}/`));
        if (isMark || (isRequired(schemas, name) && hasOneType(own))) walk(member, own, below);
        else optional.push(below);
      }
    }
  };
  walk(message as Json, schemasAt(schemaAt(documents, schema)), "");
  return { optional, numbers };
}

const isRequired = (schemas: readonly JsonObject[], name: string): boolean =>
  schemas.some(({ required }) => Array.isArray(required) && required.includes(name));

const hasOneType = (schemas: readonly JsonObject[]): boolean =>
  schemas.some(({ type, const: only, enum: values }) =>
    Array.isArray(values)
      ? new Set(values.map((value) => (value === null ? "null" : typeof value))).size === 1
      : only !== undefined || typeof type === "string",
  );

function schemaAt(documents: Contract["documents"], at: string): Json | undefined {
  const [document, pointer] = splitOnce(at);
  let value = documents[document] as Json | undefined;
  for (const token of tokensOf(pointer)) value = (value as JsonObject | undefined)?.[token];
  return value;
}

function splitOnce(at: string): [string, string] {
  const i = at.indexOf("#");
  return i < 0 ? [at, ""] : [at.slice(0, i), at.slice(i + 1)];
}

function decoded(reference: string): string {
  const [document, pointer] = splitOnce(reference);
  return `${document}#${decodeURIComponent(pointer)}`;
}
