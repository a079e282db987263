/** Matching rules of the Pact specification, versions 3 and 4. Pure. */

import { datePattern } from "./date-pattern.ts";
import { parsePath, type Token, weightOf } from "./path.ts";
import { PactError } from "./problem.ts";

type Fields = { readonly [name: string]: unknown };
const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** One rule, checked. */
export type Rule =
  | {
      readonly match:
        | "equality"
        | "integer"
        | "decimal"
        | "number"
        | "boolean"
        | "null"
        | "notEmpty"
        | "semver";
    }
  | { readonly match: "values" }
  | { readonly match: "type"; readonly min?: number; readonly max?: number }
  | { readonly match: "regex"; readonly pattern: RegExp }
  | { readonly match: "include"; readonly value: string }
  | { readonly match: "date" | "time" | "timestamp"; readonly pattern: RegExp; readonly format: string }
  | { readonly match: "eachKey" | "eachValue"; readonly rules: RuleList }
  | { readonly match: "arrayContains"; readonly variants: readonly Variant[] };

/** One of several that a list must have an item of. */
export interface Variant {
  readonly index: number;
  readonly rules: Rules;
}

export interface RuleList {
  readonly combine: "AND" | "OR";
  readonly rules: readonly Rule[];
}

/** Rules by where they hold. */
export type Rules = readonly { readonly at: readonly Token[]; readonly list: RuleList }[];

/** The place of rules in the pact, for errors. */
type Source = string;

/** By their names in the file: `min` without a name is a type's, `datetime` is an older name. */
const READERS: Readonly<Record<string, (rule: Fields, source: Source) => Rule>> = {
  equality: () => ({ match: "equality" }),
  integer: () => ({ match: "integer" }),
  decimal: () => ({ match: "decimal" }),
  number: () => ({ match: "number" }),
  boolean: () => ({ match: "boolean" }),
  null: () => ({ match: "null" }),
  notEmpty: () => ({ match: "notEmpty" }),
  semver: () => ({ match: "semver" }),
  values: () => ({ match: "values" }),
  type: readType,
  min: readType,
  max: readType,
  regex: ({ regex }, source) => ({ match: "regex", pattern: patternOf(regex, source) }),
  include: ({ value }, source) => ({ match: "include", value: String(scalar(value, `${source}.value`)) }),
  date: (rule, source) => readDate("date", "yyyy-MM-dd", rule, source),
  time: (rule, source) => readDate("time", "HH:mm:ss", rule, source),
  timestamp: (rule, source) => readDate("timestamp", "yyyy-MM-dd'T'HH:mm:ssXXX", rule, source),
  datetime: (rule, source) => readDate("timestamp", "yyyy-MM-dd'T'HH:mm:ssXXX", rule, source),
  eachKey: (rule, source) => readEach("eachKey", rule, source),
  eachValue: (rule, source) => readEach("eachValue", rule, source),
  arrayContains: readVariants,
};

/** Matchers that are known. */
export const MATCHERS: readonly string[] = Object.keys(READERS);

/**
 * Reads the rules of a body.
 *
 * @throws PactError naming the matcher that is not known, or what else is wrong
 */
export function readRules(category: unknown, source: Source, depth = 0): Rules {
  if (category === undefined) return [];
  if (!isFields(category))
    throw new PactError(`${source}: expected an object of paths, got ${typeof category}`);
  if (depth > MOST_DEPTH)
    throw new PactError(`${source}: expected rules at most ${MOST_DEPTH} deep, got deeper ones`);
  return Object.entries(category).map(([path, list]) => {
    const at = `${source} ${path}`;
    try {
      return { at: parsePath(path), list: readList(list, at, depth) };
    } catch (error) {
      if (!(error instanceof PactError) || error.message.startsWith(source)) throw error;
      throw new PactError(`${source}: ${error.message}`);
    }
  });
}

const MOST_DEPTH = 10;

function readList(list: unknown, source: Source, depth: number): RuleList {
  const { matchers, combine = "AND" } = isFields(list) ? list : {};
  if (!Array.isArray(matchers))
    throw new PactError(`${source}: expected "matchers", a list, got ${typeof matchers}`);
  if (combine !== "AND" && combine !== "OR")
    throw new PactError(`${source}: expected "combine" to be AND or OR, got ${JSON.stringify(combine)}`);
  return { combine, rules: matchers.map((rule) => readRule(rule, source, depth)) };
}

function readRule(rule: unknown, source: Source, depth: number): Rule {
  if (!isFields(rule))
    throw new PactError(`${source}: expected a matcher, which is an object, got ${typeof rule}`);
  const name =
    rule.match ??
    (rule.min !== undefined || rule.max !== undefined
      ? "type"
      : rule.regex !== undefined
        ? "regex"
        : undefined);
  const read = typeof name === "string" && Object.hasOwn(READERS, name) ? READERS[name] : undefined;
  if (!read)
    throw new PactError(
      `${source}: expected a matcher of ${MATCHERS.join(", ")}, got ${JSON.stringify(name) ?? "none"}`,
    );
  return read({ ...rule, depth }, source);
}

function readType({ min, max }: Fields, source: Source): Rule {
  const bound = (value: unknown, name: string) => {
    if (value === undefined) return {};
    if (!Number.isInteger(value))
      throw new PactError(`${source}.${name}: expected a whole number, got ${JSON.stringify(value)}`);
    return { [name]: value as number };
  };
  return { match: "type", ...bound(min, "min"), ...bound(max, "max") };
}

const LONGEST_PATTERN = 1_000;

function patternOf(regex: unknown, source: Source): RegExp {
  if (typeof regex !== "string" || regex.length > LONGEST_PATTERN)
    throw new PactError(`${source}.regex: expected a pattern of at most ${LONGEST_PATTERN} characters`);
  try {
    // Rust's and Java's inline flag, which JavaScript has not everywhere.
    const isLoose = regex.startsWith("(?i)");
    return new RegExp(`^(?:${isLoose ? regex.slice(4) : regex})$`, isLoose ? "iu" : "u");
  } catch {
    try {
      return new RegExp(`^(?:${regex})$`);
    } catch {
      throw new PactError(
        `${source}.regex: expected a pattern of JavaScript, got ${JSON.stringify(regex.slice(0, 80))}`,
      );
    }
  }
}

function readDate(match: "date" | "time" | "timestamp", preset: string, rule: Fields, source: Source): Rule {
  const format = rule.format ?? rule[match] ?? preset;
  if (typeof format !== "string")
    throw new PactError(`${source}.format: expected a text, got ${typeof format}`);
  return { match, format, pattern: datePattern(format, source) };
}

function readEach(match: "eachKey" | "eachValue", { rules, depth }: Fields, source: Source): Rule {
  if (Number(depth) >= MOST_DEPTH)
    throw new PactError(`${source}: expected rules at most ${MOST_DEPTH} deep, got deeper ones`);
  const matchers = rules ?? [{ match: "type" }];
  return { match, rules: readList({ matchers }, `${source} ${match}`, Number(depth) + 1) };
}

function readVariants({ variants, depth }: Fields, source: Source): Rule {
  if (!Array.isArray(variants))
    throw new PactError(`${source}.variants: expected a list, got ${typeof variants}`);
  return {
    match: "arrayContains",
    variants: variants.map((variant: unknown, i) => {
      const { index = i, rules } = isFields(variant) ? variant : {};
      if (!Number.isInteger(index))
        throw new PactError(`${source}.variants[${i}].index: expected a whole number`);
      return {
        index: index as number,
        rules: readRules(rules, `${source}.variants[${i}]`, Number(depth) + 1),
      };
    }),
  };
}

const scalar = (value: unknown, source: Source): unknown => {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  throw new PactError(`${source}: expected a text, got ${value === null ? "null" : typeof value}`);
};

/** Rules that hold for a value only, and not for what is in it. */
const OWN: ReadonlySet<Rule["match"]> = new Set(["values", "eachKey", "eachValue", "arrayContains"]);

/** The rules for what stands at a path: those of the expression that fits best, of it or of something above it. */
export function rulesAt(rules: Rules, path: readonly (string | number)[]): RuleList | undefined {
  let best: { list: RuleList; weight: number; length: number } | undefined;
  for (const { at, list } of rules) {
    const isAbove = at.length < path.length;
    if (isAbove && list.rules.every(({ match }) => OWN.has(match))) continue;
    const weight = weightOf(at, path);
    if (
      weight === 0 ||
      (best && (weight < best.weight || (weight === best.weight && at.length <= best.length)))
    )
      continue;
    best = { list: isAbove ? cascaded(list) : list, weight, length: at.length };
  }
  return best?.list;
}

/** Of a type's bounds the count is of the list that they were given for. */
const cascaded = ({ combine, rules }: RuleList): RuleList => ({
  combine,
  rules: rules
    .filter(({ match }) => !OWN.has(match))
    .map((rule) => (rule.match === "type" ? { match: "type" } : rule)),
});
