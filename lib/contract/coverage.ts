/** Which fields and values of enums were seen. Pure. Its twin in Go is extension/engine/contract/coverage.go. */
import type { Contract } from "./contract.ts";
import { escapeToken, isObject, type Json, type JsonObject, tokensOf } from "./refs.ts";
import type { Patterns } from "./validator.ts";

/** How many values of one message are looked at. */
const MOST_COVERED = 10_000;

/** A schema, with what is to be noted of its values. Looked up once: of the contract's text for each value would cost too much. */
interface Place {
  readonly at: string;
  readonly schema: JsonObject;
  /** What it leads to, once a value has come. */
  below?: Below;
}

interface Below {
  /** Items by the value of the enum. */
  readonly values: ReadonlyMap<unknown, number>;
  readonly properties: ReadonlyMap<
    string,
    { readonly item: number | undefined; readonly place: Place | undefined }
  >;
  readonly patterns: readonly { readonly test: ReturnType<Patterns>; readonly place: Place | undefined }[];
  readonly additional: Place | undefined;
  /** Of the first entries of a list, and of the others. */
  readonly first: readonly (Place | undefined)[];
  readonly rest: Place | undefined;
  /** Schemas of the same value. */
  readonly same: readonly Place[];
}

/** Notes what messages have, by the items of a contract. */
export class Coverage {
  /** Indexes of the items that were seen. */
  readonly seen = new Set<number>();
  readonly #contract: Contract;
  readonly #items: ReadonlyMap<string, number>;
  readonly #patterns: Patterns;
  readonly #places = new Map<string, Place | undefined>();
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
    this.#walk(this.#place(this.#contract.kinds[kind]!.schema), message as Json);
  }

  #walk(place: Place | undefined, value: Json): void {
    if (place === undefined || this.#left-- <= 0) return;
    place.below ??= this.#below(place);
    const { below } = place;
    if (below.values.size > 0) this.#see(below.values.get(value));
    if (Array.isArray(value)) {
      const { first, rest } = below;
      if (first.length > 0 || rest !== undefined)
        for (let i = 0; i < value.length; i++) this.#walk(i < first.length ? first[i] : rest, value[i]!);
    } else if (isObject(value)) this.#object(below, value);
    for (const same of below.same) this.#walk(same, value);
  }

  #object({ properties, patterns, additional }: Below, value: JsonObject): void {
    for (const name of Object.keys(value)) {
      const property = properties.get(name);
      if (property !== undefined) {
        this.#see(property.item);
        this.#walk(property.place, value[name]!);
        continue;
      }
      for (const { test, place } of patterns) if (test.test(name)) this.#walk(place, value[name]!);
      this.#walk(additional, value[name]!);
    }
  }

  #see(item: number | undefined): void {
    if (item !== undefined) this.seen.add(item);
  }

  /** Undefined where no object is the schema. */
  #place(at: string): Place | undefined {
    if (this.#places.has(at)) return this.#places.get(at);
    const schema = this.#schemaAt(at);
    const place = isObject(schema) ? { at, schema } : undefined;
    this.#places.set(at, place);
    return place;
  }

  #schemaAt(at: string): Json | undefined {
    const [document = "", pointer = ""] = splitOnce(at);
    let value: Json | undefined = this.#contract.documents[document] as Json;
    for (const token of tokensOf(pointer)) value = (value as JsonObject | undefined)?.[token];
    return value;
  }

  #below({ at, schema }: Place): Below {
    const { prefixItems, items, additionalProperties, additionalItems } = schema;
    const listed = Array.isArray(prefixItems) ? "prefixItems" : "items";
    const rest = isObject(items) ? "items" : isObject(additionalItems) ? "additionalItems" : undefined;
    return {
      // From the last on, so that the first of equal values holds.
      values: new Map(
        [...list(schema.enum).entries()].reverse().flatMap(([i, value]) => {
          const item = this.#items.get(`${at}/enum/${i}`);
          return item === undefined ? [] : [[value, item] as const];
        }),
      ),
      properties: new Map(
        keysOf(schema.properties).map((name) => {
          const below = `${at}/properties/${escapeToken(name)}`;
          return [name, { item: this.#items.get(below), place: this.#place(below) }];
        }),
      ),
      patterns: keysOf(schema.patternProperties).map((source) => ({
        test: this.#patterns(source),
        place: this.#place(`${at}/patternProperties/${escapeToken(source)}`),
      })),
      additional: isObject(additionalProperties) ? this.#place(`${at}/additionalProperties`) : undefined,
      first: list(listed === "items" ? items : prefixItems).map((_, i) =>
        this.#place(`${at}/${listed}/${i}`),
      ),
      rest: rest && this.#place(`${at}/${rest}`),
      same: [
        ...(typeof schema.$ref === "string" ? [decoded(schema.$ref)] : []),
        ...(["allOf", "anyOf", "oneOf"] as const).flatMap((keyword) =>
          list(schema[keyword]).map((_, i) => `${at}/${keyword}/${i}`),
        ),
        ...(["if", "then", "else"] as const)
          .filter((keyword) => schema[keyword] !== undefined)
          .map((keyword) => `${at}/${keyword}`),
      ]
        .map((same) => this.#place(same))
        .filter((place) => place !== undefined),
    };
  }
}

const keysOf = (value: Json | undefined): string[] => (isObject(value) ? Object.keys(value) : []);

const list = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);

function splitOnce(at: string): [string, string] {
  const i = at.indexOf("#");
  return [at.slice(0, i), at.slice(i + 1)];
}

function decoded(reference: string): string {
  const [document, pointer] = splitOnce(reference);
  return `${document}#${decodeURIComponent(pointer)}`;
}
