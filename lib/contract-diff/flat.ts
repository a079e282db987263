/** A schema as far as it is compared: what `allOf` and references bring together in one place. Pure. */
import { type Fields, isFields } from "../asyncapi/files.ts";
import type { JsonSchema } from "../asyncapi/index.ts";

export interface Flat {
  /** Undefined: any. */
  readonly types: ReadonlySet<string> | undefined;
  /** Undefined: any value of the types. */
  readonly values: readonly unknown[] | undefined;
  readonly properties: ReadonlyMap<string, Schema>;
  readonly required: ReadonlySet<string>;
  /** What other fields may be; false for none. */
  readonly additional: Schema | boolean;
  readonly items: Schema | undefined;
  readonly numbers: Readonly<Record<string, number>>;
  readonly texts: Readonly<Record<string, string>>;
  /** One of them must hold; none for no choice. */
  readonly choices: readonly Schema[];
}

/** A schema, with the definitions that its references lead to. */
export interface Schema {
  readonly value: JsonSchema;
  readonly definitions: Fields;
}

export const rootOf = (value: JsonSchema): Schema => ({
  value,
  definitions: isFields(value) && isFields(value.definitions) ? value.definitions : {},
});

/** Bounds from below and above: a reader that wants more from below, or less from above, refuses. */
export const LOWER = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"] as const;
export const UPPER = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"] as const;
const TEXTS = ["pattern", "format"] as const;

const NOTHING: Flat = {
  types: undefined,
  values: undefined,
  properties: new Map(),
  required: new Set(),
  additional: true,
  items: undefined,
  numbers: {},
  texts: {},
  choices: [],
};

const MOST_PARTS = 200;

export function flatten(schema: Schema): Flat {
  let parts = 0;
  const flat = ({ value, definitions }: Schema, through: readonly string[]): Flat => {
    if (!isFields(value) || ++parts > MOST_PARTS) return NOTHING;
    const within = (inner: unknown): Schema => ({ value: inner as JsonSchema, definitions });
    if (typeof value.$ref === "string") {
      if (through.includes(value.$ref)) return NOTHING;
      return flat(within(definitions[value.$ref.replace("#/definitions/", "")]), [...through, value.$ref]);
    }
    const all = Array.isArray(value.allOf) ? value.allOf : [];
    return [ownOf(value, within), ...all.map((part) => flat(within(part), through))].reduce(both);
  };
  return flat(schema, []);
}

function ownOf(value: Fields, within: (inner: unknown) => Schema): Flat {
  const { type, properties, required, additionalProperties, items, oneOf, anyOf } = value;
  const choice = [oneOf, anyOf].find(Array.isArray) as readonly unknown[] | undefined;
  const pick = <T>(names: readonly string[], isRight: (one: unknown) => one is T) =>
    Object.fromEntries(
      names.flatMap((name) => (isRight(value[name]) ? [[name, value[name]]] : [])),
    ) as Record<string, T>;
  return {
    types: type === undefined ? undefined : new Set([type].flat().map(String)),
    values: value.const !== undefined ? [value.const] : Array.isArray(value.enum) ? value.enum : undefined,
    properties: new Map(
      isFields(properties) ? Object.entries(properties).map(([name, one]) => [name, within(one)]) : [],
    ),
    required: new Set(Array.isArray(required) ? required.map(String) : []),
    additional:
      additionalProperties === undefined || typeof additionalProperties === "boolean"
        ? additionalProperties !== false
        : within(additionalProperties),
    items: isFields(items) ? within(items) : undefined,
    numbers: pick([...LOWER, ...UPPER], (one) => typeof one === "number"),
    texts: pick(TEXTS, (one) => typeof one === "string"),
    choices: choice?.map(within) ?? [],
  };
}

/** What holds where both hold. */
function both(one: Flat, other: Flat): Flat {
  const types =
    one.types && other.types
      ? new Set([...one.types].filter((type) => other.types!.has(type)))
      : (one.types ?? other.types);
  return {
    types,
    values:
      one.values && other.values
        ? one.values.filter((value) => includes(other.values!, value))
        : (one.values ?? other.values),
    properties: new Map([...one.properties, ...other.properties]),
    required: new Set([...one.required, ...other.required]),
    additional: one.additional === true ? other.additional : one.additional,
    items: one.items ?? other.items,
    numbers: { ...one.numbers, ...other.numbers },
    texts: { ...one.texts, ...other.texts },
    choices: [...one.choices, ...other.choices],
  };
}

export const includes = (values: readonly unknown[], value: unknown): boolean =>
  values.some((one) => JSON.stringify(one) === JSON.stringify(value));
