/** Which fields and values of enums were seen. Pure. Its twin in Go is extension/engine/contract/coverage.go. */
import type { Contract } from "./contract.ts";
import { escapeToken, isObject, type Json, type JsonObject, tokensOf } from "./refs.ts";
import type { Patterns } from "./validator.ts";

/** How many values of one message are looked at. */
const MOST_COVERED = 10_000;

/** Notes what messages have, by the items of a contract. */
export class Coverage {
  /** Indexes of the items that were seen. */
  readonly seen = new Set<number>();
  readonly #contract: Contract;
  readonly #items: ReadonlyMap<string, number>;
  readonly #patterns: Patterns;
  readonly #compiled = new Map<string, ReturnType<Patterns>>();
  #left = 0;

  constructor(contract: Contract, patterns: Patterns = (source) => new RegExp(source, "u")) {
    this.#contract = contract;
    this.#patterns = patterns;
    this.#items = new Map(contract.items.map(({ at }, i) => [at, i]));
  }

  /** Whether there is anything left to see. */
  get isComplete(): boolean {
    return this.seen.size === this.#contract.items.length;
  }

  note(kind: number, message: unknown): void {
    this.#left = MOST_COVERED;
    this.#walk(this.#contract.kinds[kind]!.schema, message as Json);
  }

  #schemaAt(at: string): Json | undefined {
    const [document = "", pointer = ""] = splitOnce(at);
    let value: Json | undefined = this.#contract.documents[document] as Json;
    for (const token of tokensOf(pointer)) value = (value as JsonObject | undefined)?.[token];
    return value;
  }

  #walk(at: string, value: Json): void {
    if (this.#left-- <= 0) return;
    const schema = this.#schemaAt(at);
    if (isObject(schema)) this.#apply(schema, at, value);
  }

  #apply(schema: JsonObject, at: string, value: Json): void {
    if (Array.isArray(schema.enum)) this.#see(`${at}/enum/${schema.enum.indexOf(value)}`);
    if (isObject(value)) this.#object(schema, at, value);
    else if (Array.isArray(value)) this.#list(schema, at, value);
    if (typeof schema.$ref === "string") this.#walk(decoded(schema.$ref), value);
    for (const keyword of ["allOf", "anyOf", "oneOf"] as const)
      for (const i of list(schema[keyword]).keys()) this.#walk(`${at}/${keyword}/${i}`, value);
    for (const keyword of ["if", "then", "else"] as const)
      if (schema[keyword] !== undefined) this.#walk(`${at}/${keyword}`, value);
  }

  #object(schema: JsonObject, at: string, value: JsonObject): void {
    const properties = isObject(schema.properties) ? schema.properties : {};
    const patterns = isObject(schema.patternProperties) ? Object.keys(schema.patternProperties) : [];
    for (const [name, below] of Object.entries(value)) {
      if (Object.hasOwn(properties, name)) {
        this.#see(`${at}/properties/${escapeToken(name)}`);
        this.#walk(`${at}/properties/${escapeToken(name)}`, below);
        continue;
      }
      for (const pattern of patterns)
        if (this.#pattern(pattern).test(name))
          this.#walk(`${at}/patternProperties/${escapeToken(pattern)}`, below);
      if (isObject(schema.additionalProperties)) this.#walk(`${at}/additionalProperties`, below);
    }
  }

  #pattern(source: string): ReturnType<Patterns> {
    const known = this.#compiled.get(source) ?? this.#patterns(source);
    this.#compiled.set(source, known);
    return known;
  }

  #list(schema: JsonObject, at: string, value: readonly Json[]): void {
    const { prefixItems, items } = schema;
    const [first, keyword] = Array.isArray(prefixItems)
      ? [prefixItems.length, "prefixItems"]
      : [Array.isArray(items) ? items.length : 0, "items"];
    const rest = isObject(items) ? "items" : "additionalItems";
    for (const [i, below] of value.entries()) {
      if (i < first) this.#walk(`${at}/${keyword}/${i}`, below);
      else if (isObject(schema[rest])) this.#walk(`${at}/${rest}`, below);
    }
  }

  #see(at: string): void {
    const item = this.#items.get(at);
    if (item !== undefined) this.seen.add(item);
  }
}

const list = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);

function splitOnce(at: string): [string, string] {
  const i = at.indexOf("#");
  return [at.slice(0, i), at.slice(i + 1)];
}

function decoded(reference: string): string {
  const [document, pointer] = splitOnce(reference);
  return `${document}#${decodeURIComponent(pointer)}`;
}
