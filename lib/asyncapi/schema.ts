import { type Files, inside, isFields, isReference, keyOf, type Located } from "./files.ts";
import type { JsonSchema } from "./model.ts";
import { Names } from "./names.ts";
import { type Place, refuse, refuseAs } from "./problem.ts";

/** Keywords whose value is a schema, or a list of schemas. */
const SCHEMAS: ReadonlySet<string> = new Set([
  "additionalItems",
  "additionalProperties",
  "allOf",
  "anyOf",
  "contains",
  "contentSchema",
  "else",
  "if",
  "items",
  "not",
  "oneOf",
  "prefixItems",
  "propertyNames",
  "then",
  "unevaluatedItems",
  "unevaluatedProperties",
]);
/** Keywords whose value is an object of schemas; of `dependencies` some are lists of names. */
const MAPS: ReadonlySet<string> = new Set([
  "dependencies",
  "dependentSchemas",
  "patternProperties",
  "properties",
]);
/**
 * What references lead to is gathered anew, so definitions of their own are of no more use. Identifiers would change what
 * references beside them mean.
 */
const DROPPED: ReadonlySet<string> = new Set(["$anchor", "$defs", "$id", "$schema", "definitions"]);
const REFUSED: ReadonlySet<string> = new Set([
  "$dynamicAnchor",
  "$dynamicRef",
  "$recursiveAnchor",
  "$recursiveRef",
]);

/** Keywords of JSON Schema whose values may be objects or lists, but not schemas. */
const VALUES: ReadonlySet<string> = new Set([
  "const",
  "default",
  "dependentRequired",
  "enum",
  "example",
  "examples",
  "required",
  "type",
]);

/** An unknown keyword may hold references that lead nowhere: it does not describe messages. */
const isKnown = (keyword: string, value: unknown): boolean =>
  typeof value !== "object" ||
  SCHEMAS.has(keyword) ||
  MAPS.has(keyword) ||
  VALUES.has(keyword) ||
  REFUSED.has(keyword);

const DRAFT_7 = "http://json-schema.org/draft-07/schema#";

/** A schema that others refer to. */
interface Definition {
  readonly name: string;
  readonly at: Located;
  schema: JsonSchema;
  readonly uses: Set<Definition>;
}

/**
 * Makes schemas that need nothing beside them out of those of one document. What references lead to is kept once, so
 * schemas that refer to themselves stay finite.
 */
export class Schemas {
  readonly #files: Files;
  readonly #definitions = new Map<string, Definition>();
  readonly #names = new Names();
  /** Definitions that were referred to and still have to be copied. */
  readonly #pending: Definition[] = [];

  constructor(files: Files) {
    this.#files = files;
  }

  /**
   * @param at the schema as it stands there, which may be a reference
   * @throws AsyncApiError naming the first thing in it that cannot be used
   */
  bundle(at: Located): JsonSchema {
    const root = this.#files.follow(at);
    const uses = new Set<Definition>();
    const schema = this.#copy(root, uses);
    for (let next = this.#pending.pop(); next !== undefined; next = this.#pending.pop()) {
      next.schema = this.#copy(next.at, next.uses);
    }
    if (typeof schema === "boolean") return schema;
    const $schema = isFields(root.value) && typeof root.value.$schema === "string" ? root.value.$schema : "";
    const all = closure(uses);
    if (all.size === 0) return { $schema: $schema || DRAFT_7, ...schema };
    const definitions = Object.fromEntries([...all].map(({ name, schema }) => [name, schema]));
    return { $schema: $schema || DRAFT_7, ...schema, definitions };
  }

  #copy(at: Located, uses: Set<Definition>): JsonSchema {
    const { value } = at;
    if (typeof value === "boolean") return value;
    if (!isFields(value)) return refuse(at, "a schema, which is an object or a boolean", value);
    if (isReference(value)) return this.#reference(at, uses);
    const fields = Object.keys(value)
      .filter((keyword) => !DROPPED.has(keyword) && isKnown(keyword, value[keyword]))
      .map((keyword) => [keyword, this.#keyword(keyword, inside(at, keyword), uses)] as const);
    return Object.fromEntries(fields);
  }

  #keyword(keyword: string, at: Located, uses: Set<Definition>): unknown {
    const { value } = at;
    if (REFUSED.has(keyword)) return refuseAs(at, "$ref alone to refer to schemas", `"${keyword}"`);
    if (SCHEMAS.has(keyword)) {
      if (Array.isArray(value)) return value.map((_, i) => this.#copy(inside(at, String(i)), uses));
      return this.#copy(at, uses);
    }
    if (!MAPS.has(keyword) || !isFields(value)) return value;
    const parts = Object.keys(value).map((name): [string, unknown] => {
      const part = inside(at, name);
      return [name, Array.isArray(part.value) ? part.value : this.#copy(part, uses)];
    });
    return Object.fromEntries(parts);
  }

  /** Beside a reference nothing counts: AsyncAPI and draft 7 have it so. */
  #reference(at: Located, uses: Set<Definition>): JsonSchema {
    const target = this.#files.follow(at);
    const id = `${target.file}#${target.pointer}`;
    let definition = this.#definitions.get(id);
    if (definition === undefined) {
      definition = { name: this.#nameOf(target), at: target, schema: true, uses: new Set() };
      this.#definitions.set(id, definition);
      this.#pending.push(definition); // later, for it may refer to itself
    }
    uses.add(definition);
    return { $ref: `#/definitions/${definition.name}` };
  }

  /** The last part of where it stands, in letters that a reference takes as they are. */
  #nameOf({ file, pointer }: Place): string {
    const last = keyOf({ file, pointer: pointer || file.replace(/\.\w+$/, "") });
    return this.#names.take(last.replace(/[^\w.-]+/g, "_") || "schema");
  }
}

/** Those definitions, what they use, and so on. */
function closure(first: Iterable<Definition>): Set<Definition> {
  const all = new Set(first);
  for (const { uses } of all) for (const definition of uses) all.add(definition);
  return all;
}
