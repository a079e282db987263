/** Validates messages in Node.js and in k6's JavaScript, by Ajv. */
import { Ajv, type ErrorObject, type Options, type ValidateFunction } from "ajv";
import { Ajv2019 } from "ajv/dist/2019.js";
import { Ajv2020 } from "ajv/dist/2020.js";
import { fullFormats } from "ajv-formats/dist/formats.js";
import {
  type Breach,
  type Contract,
  ContractError,
  type Draft,
  FORMATS,
  RULES,
  type Rule,
} from "./contract.ts";
import { escapeToken, isObject, shown, uriOf } from "./refs.ts";
import { expectedOf, foundOf } from "./words.ts";

const CLASSES = { "7": Ajv, "2019-09": Ajv2019, "2020-12": Ajv2020 } as const satisfies Record<
  Draft,
  unknown
>;

/** Compiles a pattern. */
export type Patterns = (source: string) => { test(text: string): boolean };

/** Validates messages of a contract's kinds. */
export class Validator {
  readonly #contract: Contract;
  readonly #ajv: Ajv;
  /** Validates schemas, and reports each fault of one in full. */
  #schemas: Ajv | undefined;
  readonly #compiled: readonly ValidateFunction[];
  readonly #places = new WeakMap<object, string>();
  /** What stands at each location, by its URI: for schemas that are still to be checked. */
  readonly #values = new Map<string, { readonly at: string; readonly value: unknown }>();

  /**
   * @param mayTrust whether the schemas have already been checked, as for each of many virtual users
   * @param patterns compiles patterns. Default: JavaScript's own regular expressions. In k6 their time grows with the
   * length of the text; in Node.js they may never end
   * @throws ContractError if a schema is not valid
   */
  constructor(contract: Contract, mayTrust = false, patterns?: Patterns) {
    this.#contract = contract;
    const { draft, documents } = contract;
    this.#ajv = new CLASSES[draft](optionsOf(patterns));
    if (!mayTrust) this.#schemas = new CLASSES[draft](optionsOf(patterns));
    for (const keyword of ["anyOf", "oneOf", "contains"]) quieten(this.#ajv, keyword);
    for (const [uri, document] of Object.entries(documents)) {
      this.#note(document, `${uri}#`);
      if (this.#schemas) this.#noteValues(document, `${uri}#`);
      this.#try(uri, () => {
        // A document may say which of the others describes schemas like it.
        this.#schemas?.addSchema(document as object, uri);
        this.#requireSchema(uriOf(`${uri}#`));
        this.#ajv.addSchema(document as object, uri);
      });
    }
    if (this.#schemas) before(this.#ajv, "$ref", (uri) => this.#requireSchema(uri as string));
    this.#compiled = contract.kinds.map(({ schema }) => this.#compile(schema));
    this.#schemas = undefined;
    this.#values.clear();
  }

  /** Whether a message is valid, without the reason. */
  isValid(kind: number, message: unknown): boolean {
    return this.#compiled[kind]!(message) as boolean;
  }

  /** How a message breaks the schema of its kind: each rule once at each place. */
  breaches(kind: number, message: unknown): readonly Breach[] {
    const validate = this.#compiled[kind]!;
    if (validate(message)) return [];
    return this.#breachesOf(validate.errors ?? []);
  }

  #compile(schema: string): ValidateFunction {
    this.#requireSchema(uriOf(schema));
    return this.#try(schema, () => {
      const found = this.#ajv.getSchema(uriOf(schema).replace(/#$/, ""));
      if (!found) throw new Error("there is nothing");
      return found;
    });
  }

  #try<T>(at: string, make: () => T): T {
    try {
      return make();
    } catch (error) {
      throw error instanceof ContractError ? error : this.#invalid(at, (error as Error).message);
    }
  }

  #invalid(at: string, why: string): ContractError {
    return new ContractError(
      `${shown(at)}: expected a JSON Schema of draft ${this.#contract.draft}, got an invalid one (${why})`,
    );
  }

  /**
   * Refuses a value that is not a schema. Ajv by itself validates documents only. JSON Schema does not know the member
   * `messages` of a document, so the kinds of a map would go unchecked.
   */
  #requireSchema(uri: string): void {
    const found = this.#values.get(uri);
    if (!this.#schemas || found === undefined) return; // It is trusted, or a part of JSON Schema itself.
    this.#values.delete(uri); // Once is enough.
    const { at, value } = found;
    if (typeof value !== "boolean" && !isObject(value)) throw this.#invalid(at, "must be object or boolean");
    if (!this.#schemas.validateSchema(value)) {
      const [first] = this.#schemas.errors ?? [];
      throw this.#invalid(at + (first?.instancePath ?? ""), first?.message ?? "");
    }
    // Ajv follows a reference that stands alone without compiling it.
    if (isObject(value) && typeof value.$ref === "string") this.#requireSchema(value.$ref);
  }

  #noteValues(value: unknown, at: string): void {
    this.#values.set(uriOf(at), { at, value });
    if (typeof value !== "object" || value === null) return;
    for (const [name, member] of Object.entries(value))
      this.#noteValues(member, `${at}/${escapeToken(name)}`);
  }

  #note(value: unknown, at: string): void {
    if (typeof value !== "object" || value === null) return;
    this.#places.set(value, at);
    for (const [name, member] of Object.entries(value)) this.#note(member, `${at}/${escapeToken(name)}`);
  }

  #breachesOf(errors: readonly ErrorObject[]): Breach[] {
    const told = errors.filter(({ keyword, propertyName }) => keyword !== "if" && propertyName === undefined);
    return distinct([...strongest(told.map((error) => this.#breachOf(error)))].sort(inOrder));
  }

  #breachOf({ keyword, instancePath, params, parentSchema, schema, data }: ErrorObject): Breach {
    const rule = ruleOf(keyword);
    const name: string = (params.missingProperty ??
      params.additionalProperty ??
      params.unevaluatedProperty ??
      params.propertyName ??
      "") as string;
    const value = rule === "false" ? false : (parentSchema?.[rule] ?? schema);
    const at = (parentSchema && this.#places.get(parentSchema)) ?? "";
    return {
      rule,
      at: instancePath,
      schema: rule === "false" ? at : `${at}/${rule}`,
      expected: expectedOf(rule, value, name),
      found: foundOf(rule, data, instancePath),
    };
  }
}

/**
 * Rules that hide others at the same place, the strongest first: a value of the wrong type needs no further
 * complaint.
 */
const STRONG: readonly Rule[] = ["type", "const", "enum", "format"];
const WEAK: readonly Rule[] = ["unevaluatedProperties", "unevaluatedItems"];

/** Validators differ in what they look at once a value is wrong: this is what they agree on. */
export function strongest(breaches: readonly Breach[]): readonly Breach[] {
  const strengthAt = new Map<string, number>();
  for (const { at, rule } of breaches) {
    const strength = STRONG.indexOf(rule);
    if (strength >= 0) strengthAt.set(at, Math.min(strength, strengthAt.get(at) ?? STRONG.length));
  }
  const left = breaches.filter(({ at, rule }) => {
    const strength = strengthAt.get(at);
    return strength === undefined || STRONG[strength] === rule;
  });
  const firm = left.filter(({ rule }) => !WEAK.includes(rule));
  return firm.length > 0 ? firm : left;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const inOrder = (a: Breach, b: Breach): number =>
  compare(a.at, b.at) || RULES.indexOf(a.rule) - RULES.indexOf(b.rule) || compare(a.expected, b.expected);

function distinct(breaches: readonly Breach[]): Breach[] {
  const seen = new Set<string>();
  return breaches.filter(({ rule, at }) => {
    const key = `${rule} ${at}`;
    return !seen.has(key) && seen.add(key);
  });
}

const ruleOf = (keyword: string): Rule => {
  if (keyword === "false schema") return "false";
  return (RULES as readonly string[]).includes(keyword) ? (keyword as Rule) : "false";
};

const optionsOf = (patterns: Patterns | undefined): Options => ({
  ...(patterns && { code: { regExp: Object.assign(patterns, { code: "" }) } }),
  allErrors: true,
  verbose: true,
  strict: false,
  logger: false,
  // A member called "constructor" is one that came.
  ownProperties: true,
  // Done by #requireSchema, of every schema that is used.
  validateSchema: false,
  addUsedSchema: false,
  formats: Object.fromEntries(FORMATS.map((name) => [name, fullFormats[name]!])) as NonNullable<
    Options["formats"]
  >,
});

/** Has a keyword that looks at several schemas tell that none fits, and not why each of them does not. */
function quieten(ajv: Ajv, keyword: string): void {
  wrap(ajv, keyword, (cxt) => {
    const { error } = cxt;
    cxt.error = (append, params, paths) => {
      cxt.reset();
      error.call(cxt, append, params, paths);
    };
  });
}

/** Looks at what a keyword says before it is compiled. */
function before(ajv: Ajv, keyword: string, look: (value: unknown) => void): void {
  wrap(ajv, keyword, ({ schema }) => look(schema));
}

function wrap(ajv: Ajv, keyword: string, prepare: (cxt: KeywordContext) => void): void {
  const rule = ajv.RULES.all[keyword];
  if (typeof rule !== "object") throw new Error(`this Ajv has no ${keyword}`);
  const { code } = rule.definition as unknown as { code(cxt: KeywordContext): void };
  const prepared = (cxt: KeywordContext) => {
    prepare(cxt);
    code(cxt);
  };
  rule.definition = { ...rule.definition, code: prepared } as unknown as typeof rule.definition;
}

interface KeywordContext {
  readonly schema: unknown;
  error(append?: boolean, params?: object, paths?: object): void;
  reset(): void;
}
