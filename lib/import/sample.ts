/** Example messages: those of the document, otherwise made from the schema. */
import { Ajv, type ValidateFunction } from "ajv";
import formats from "ajv-formats";
import { type GenerateOptions, generate, type JsonSchema as Sampled } from "json-schema-faker";
import { type Fields, isFields } from "../asyncapi/files.ts";
import type { JsonSchema, Message } from "../asyncapi/index.ts";

export interface Sample {
  readonly value: unknown;
  readonly from: "example" | "schema";
  /** The first way in which it does not follow its own schema. */
  readonly breach?: string;
}

/** Ways to make one with all its fields, most like real messages first. */
const WHOLE: readonly GenerateOptions[] = [
  { useExamplesValue: true, useDefaultValue: true, alwaysFakeOptionals: true },
  { alwaysFakeOptionals: true },
];
/** Ways to make one without the fields that it may lack. */
const LEAST: readonly GenerateOptions[] = [{ optionalsProbability: 0 }, { optionalsProbability: 0, seed: 2 }];

/** @returns the first that follows the schema, otherwise the first of all; undefined where none can be made */
export async function sampleOf(message: Message): Promise<Sample | undefined> {
  const { payload, examples } = message;
  const isTooMuch = payload !== undefined && new Work(payload).isTooMuch(payload);
  const validate = isTooMuch ? () => true : validatorOf(payload ?? true);
  const breachOf = (value: unknown) => breachBy(validate, value);
  const given = examples.flatMap((example) => ("payload" in example ? [example.payload] : []));
  const inSchema = isFields(payload) && Array.isArray(payload.examples) ? payload.examples : [];
  let first: Sample | undefined;
  for (const value of [...given, ...inSchema]) {
    const breach = breachOf(value);
    if (breach === undefined) return { value, from: "example" };
    first ??= { value, from: "example", breach };
  }
  if (payload === undefined || isTooMuch) return first;
  for (const way of WHOLE) {
    const value = await made(payload, way);
    if (value === undefined) continue;
    const breach = breachOf(value);
    if (breach === undefined) return { value, from: "schema" };
    first ??= { value, from: "schema", breach };
  }
  // An example of the document's own that breaks its schema says more than an empty object that does not.
  if (first?.from === "example") return first;
  for (const way of LEAST) {
    const value = await made(payload, way);
    if (value !== undefined && breachOf(value) === undefined) return { value, from: "schema" };
  }
  return first;
}

async function made(schema: JsonSchema, way: GenerateOptions): Promise<unknown> {
  try {
    return await generate(schema as Sampled, { seed: 1, maxDefaultItems: 2, refDepthMax: 3, ...way });
  } catch {
    return undefined; // what it cannot make, the user gives
  }
}

/** A validator as contracts have it; one that takes all where the schema itself is refused, or leads to too much work. */
export function validatorOf(schema: JsonSchema): ValidateFunction {
  if (new Work(schema).isTooMuch(schema)) return new Ajv().compile(true);
  const ajv = new Ajv({ strict: false, validateFormats: true, logger: false });
  formats.default(ajv);
  const { $schema: _, ...rest } = isFields(schema) ? schema : {};
  try {
    return ajv.compile(isFields(schema) ? rest : (schema as boolean));
  } catch {
    return ajv.compile(true);
  }
}

function breachBy(
  validate: ((value: unknown) => boolean) & { errors?: ValidateFunction["errors"] },
  value: unknown,
): string | undefined {
  if (validate(value)) return undefined;
  const [error] = validate.errors ?? [];
  return `${error?.instancePath || "the message"} ${error?.message}`;
}

/**
 * Whether a schema leads to more work than an example is worth: each reference counts as often as it is followed, lists as
 * long as they must be at least.
 */
class Work {
  readonly #definitions: Fields;
  #steps = 0;

  constructor(root: JsonSchema) {
    this.#definitions = isFields(root) && isFields(root.definitions) ? root.definitions : {};
  }

  isTooMuch(schema: unknown, times = 1, through: readonly string[] = []): boolean {
    if (++this.#steps > MOST_STEPS || times > MOST_VALUES) return true;
    if (Array.isArray(schema)) return schema.some((part) => this.isTooMuch(part, times, through));
    if (!isFields(schema)) return false;
    if (typeof schema.$ref === "string") {
      if (through.includes(schema.$ref)) return false;
      const target = this.#definitions[schema.$ref.replace("#/definitions/", "")];
      return this.isTooMuch(target, times, [...through, schema.$ref]);
    }
    const least = Math.max(...MINIMA.map((keyword) => Number(schema[keyword] ?? 1) || 1));
    const pattern = typeof schema.pattern === "string" ? schema.pattern : "";
    const repeats = Math.max(1, ...(pattern.match(/\d+/g) ?? []).map(Number));
    if (times * least * repeats > MOST_VALUES) return true;
    return Object.entries(schema).some(
      ([keyword, part]) => !VALUES.has(keyword) && this.isTooMuch(part, times * least, through),
    );
  }
}

const MOST_STEPS = 100_000;
const MOST_VALUES = 10_000;
const MINIMA = ["minItems", "minLength", "minProperties", "minContains"];
const VALUES: ReadonlySet<string> = new Set([
  "const",
  "enum",
  "examples",
  "default",
  "definitions",
  "pattern",
]);
