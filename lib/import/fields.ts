/** The fields of a schema's messages, as far as a descriptor can use them. Pure. */
import { isFields } from "../asyncapi/files.ts";
import type { JsonSchema } from "../asyncapi/index.ts";

export type Scalar = string | number | boolean | null;

export interface Field {
  /** What it says of the value, all of which must hold. */
  readonly schemas: readonly { readonly [keyword: string]: unknown }[];
  /** The values that it may have, where it says them. */
  readonly values?: readonly Scalar[];
  readonly isRequired: boolean;
}

/** One form of a message: its fields by JSON Pointer. A choice such as `oneOf` makes several forms. */
export type Form = ReadonlyMap<string, Field>;

/** Fields below these are of little use to tell messages apart. */
const MOST_DEPTH = 3;
const MOST_FORMS = 32;
const MOST_FIELDS = 200;
/** Schemas looked at, each time that one is referred to. */
const MOST_STEPS = 10_000;

/** The forms of messages of a schema; one form without fields if the schema names none. */
export function formsOf(schema: JsonSchema): readonly Form[] {
  if (!isFields(schema)) return [new Map()];
  const definitions = isFields(schema.definitions) ? schema.definitions : {};
  return new Reader(definitions).forms(schema, "", 0, true, []);
}

class Reader {
  readonly #definitions: { readonly [name: string]: unknown };
  #steps = 0;

  constructor(definitions: { readonly [name: string]: unknown }) {
    this.#definitions = definitions;
  }

  forms(schema: unknown, at: string, depth: number, isRequired: boolean, through: readonly string[]): Form[] {
    if (!isFields(schema) || ++this.#steps > MOST_STEPS) return [new Map()];
    if (typeof schema.$ref === "string") {
      if (through.includes(schema.$ref)) return [new Map()];
      const name = schema.$ref.replace("#/definitions/", "");
      return this.forms(this.#definitions[name], at, depth, isRequired, [...through, schema.$ref]);
    }
    let forms: Form[] = [this.#own(schema, at, depth, isRequired, through)];
    const all = Array.isArray(schema.allOf) ? schema.allOf : [];
    for (const part of all) forms = product(forms, this.forms(part, at, depth, isRequired, through));
    for (const choice of [schema.oneOf, schema.anyOf]) {
      if (!Array.isArray(choice)) continue;
      const branches = choice.flatMap((branch) => this.forms(branch, at, depth, isRequired, through));
      forms = product(forms, branches.slice(0, MOST_FORMS));
    }
    return forms;
  }

  /** The value itself, and the fields in it. */
  #own(
    schema: { readonly [keyword: string]: unknown },
    at: string,
    depth: number,
    isRequired: boolean,
    through: readonly string[],
  ): Form {
    const form = new Map<string, Field>();
    const values = valuesOf(schema);
    form.set(at, { schemas: [schema], ...(values && { values }), isRequired });
    if (depth === MOST_DEPTH || !isFields(schema.properties)) return form;
    const required = Array.isArray(schema.required) ? schema.required : [];
    for (const [name, property] of Object.entries(schema.properties).slice(0, MOST_FIELDS)) {
      const pointer = `${at}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      // Of a choice within, what all branches have.
      const inner = this.forms(property, pointer, depth + 1, isRequired && required.includes(name), through);
      for (const [path, field] of common(inner)) form.set(path, field);
    }
    return form;
  }
}

function valuesOf({ const: fixed, enum: several }: { readonly [keyword: string]: unknown }) {
  if (isScalar(fixed)) return [fixed];
  return Array.isArray(several) && several.every(isScalar) ? several : undefined;
}

const isScalar = (value: unknown): value is Scalar =>
  value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean";

/** Each with each: what both say of a field holds. */
const product = (some: readonly Form[], others: readonly Form[]): Form[] =>
  some.flatMap((one) => others.map((other) => both(one, other))).slice(0, MOST_FORMS);

function both(one: Form, other: Form): Form {
  const form = new Map(one);
  for (const [pointer, field] of other) {
    const known = form.get(pointer);
    const values = known?.values ?? field.values;
    form.set(pointer, {
      schemas: [...(known?.schemas ?? []), ...field.schemas],
      ...(values && { values }),
      isRequired: known?.isRequired === true || field.isRequired,
    });
  }
  return form;
}

/** Fields that all forms have, with the values of all. */
function common(forms: readonly Form[]): Form {
  const [first = new Map<string, Field>(), ...others] = forms;
  if (others.length === 0) return first;
  const shared = new Map<string, Field>();
  for (const [pointer, field] of first) {
    const same = others.map((form) => form.get(pointer));
    if (!same.every((one) => one !== undefined)) continue;
    const all = [field, ...same];
    const values = all.every((one) => one.values) ? all.flatMap((one) => one.values!) : undefined;
    shared.set(pointer, {
      schemas: all.length === 1 ? field.schemas : [],
      ...(values && { values }),
      isRequired: all.every(({ isRequired }) => isRequired),
    });
  }
  return shared;
}

/** The only value that a field may have. */
export const fixedIn = (form: Form, pointer: string): Scalar | undefined => {
  const values = form.get(pointer)?.values;
  return values?.length === 1 ? values[0] : undefined;
};

/** What is left of a field for a value of ours: its type where nothing else is said of it; undefined where much is. */
export function freeType(field: Field | undefined): "string" | "integer" | "number" | undefined {
  if (!field || field.values || field.schemas.length === 0) return undefined;
  const [type, ...others] = new Set(
    field.schemas.map((schema) => schema.type).filter((one) => one !== undefined),
  );
  if (others.length > 0 || (type !== "string" && type !== "integer" && type !== "number")) return undefined;
  return field.schemas.every((schema) => NARROW.every((keyword) => schema[keyword] === undefined)) &&
    field.schemas.every(({ maxLength }) => typeof maxLength !== "number" || maxLength >= LONGEST_ID)
    ? type
    : undefined;
}

/** Keywords that leave too little room for any identifier. */
const NARROW = [
  "pattern",
  "format",
  "multipleOf",
  "maximum",
  "exclusiveMaximum",
  "not",
  "if",
  "const",
  "enum",
];
/** An identifier under load: `chat-soak-12-3456-789`. */
const LONGEST_ID = 32;
