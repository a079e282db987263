/** Compares a message with what a pact expects of it, by its matching rules. Pure. */
import { isLosslessNumber, type LosslessNumber } from "lossless-json";
import { showPath } from "./path.ts";
import { type Rule, type RuleList, type Rules, rulesAt } from "./rules.ts";

/** One way in which a message is not as expected. */
export interface Mismatch {
  /** As Pact writes paths: `$.items[0].id`. */
  readonly path: string;
  readonly rule: string;
  readonly expected: string;
  readonly found: string;
}

/** More of them say nothing more. */
const MOST = 50;
const MOST_DEPTH = 100;

/** @param expected, actual as lossless-json reads them: numbers by their digits */
export function compare(expected: unknown, actual: unknown, rules: Rules): readonly Mismatch[] {
  const comparison = new Comparison(rules);
  comparison.value(expected, actual, []);
  return comparison.mismatches;
}

type Path = readonly (string | number)[];
type Fields = { readonly [name: string]: unknown };

const isNumber = (value: unknown): value is LosslessNumber | number =>
  typeof value === "number" || isLosslessNumber(value);
const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !isLosslessNumber(value);

class Comparison {
  readonly mismatches: Mismatch[] = [];
  readonly #rules: Rules;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  value(expected: unknown, actual: unknown, path: Path): void {
    if (this.mismatches.length >= MOST) return;
    if (path.length > MOST_DEPTH) {
      this.#add(path, "depth", `at most ${MOST_DEPTH} levels`, "more");
      return;
    }
    const list = rulesAt(this.#rules, path);
    // Lists and objects are compared by what is in them, unless a rule says what they are as a whole.
    if (Array.isArray(expected) && Array.isArray(actual)) this.#lists(expected, actual, path, list);
    else if (isFields(expected) && isFields(actual)) this.#objects(expected, actual, path, list);
    else if (list && list.rules.length > 0) this.#byRules(list, expected, actual, path);
    else if (!isEqual(expected, actual)) this.#add(path, "equality", show(expected), show(actual));
  }

  #byRules(list: RuleList, expected: unknown, actual: unknown, path: Path): void {
    const failures = list.rules.flatMap((rule) => {
      const expectation = failureOf(rule, expected, actual);
      return expectation === undefined ? [] : [{ rule: rule.match, expectation }];
    });
    if (failures.length === 0 || (list.combine === "OR" && failures.length < list.rules.length)) return;
    for (const { rule, expectation } of failures) this.#add(path, rule, expectation, show(actual));
  }

  #lists(
    expected: readonly unknown[],
    actual: readonly unknown[],
    path: Path,
    list: RuleList | undefined,
  ): void {
    if (!list || list.rules.length === 0) {
      if (expected.length !== actual.length)
        this.#add(path, "equality", `a list of ${expected.length}`, `a list of ${actual.length}`);
      for (const [i, item] of expected.entries())
        if (i < actual.length) this.value(item, actual[i], [...path, i]);
      return;
    }
    for (const rule of list.rules) {
      if (rule.match === "arrayContains") this.#contains(rule.variants, expected, actual, path);
      else if (rule.match === "eachValue") this.#each(rule.rules, expected[0], actual.entries(), path);
      else if (rule.match === "type" || rule.match === "values") {
        if (rule.match === "type") this.#bounds(rule, actual, path);
        for (const [i, item] of actual.entries()) {
          // The first is an example of all; without one, nothing is known of the items.
          if (expected.length > 0) this.value(expected[i] ?? expected[0], item, [...path, i]);
        }
      } else if (rule.match === "equality") {
        if (!isEqual(expected, actual)) this.#add(path, "equality", show(expected), show(actual));
      } else {
        const expectation = failureOf(rule, expected, actual);
        if (expectation !== undefined) this.#add(path, rule.match, expectation, show(actual));
      }
    }
  }

  #bounds({ min, max }: { min?: number; max?: number }, actual: readonly unknown[], path: Path): void {
    if (min !== undefined && actual.length < min)
      this.#add(path, "type", `a list of at least ${min}`, `a list of ${actual.length}`);
    if (max !== undefined && actual.length > max)
      this.#add(path, "type", `a list of at most ${max}`, `a list of ${actual.length}`);
  }

  #contains(
    variants: Extract<Rule, { match: "arrayContains" }>["variants"],
    expected: readonly unknown[],
    actual: readonly unknown[],
    path: Path,
  ): void {
    for (const { index, rules } of variants) {
      const example = expected[index];
      const isThere = actual.some((item) => compare(example, item, rules).length === 0);
      if (!isThere)
        this.#add(
          path,
          "arrayContains",
          `an item like ${show(example)}`,
          `none in a list of ${actual.length}`,
        );
    }
  }

  #objects(expected: Fields, actual: Fields, path: Path, list: RuleList | undefined): void {
    let areKeysFree = false;
    for (const rule of list?.rules ?? []) {
      if (rule.match === "values" || rule.match === "eachValue" || rule.match === "eachKey")
        areKeysFree = true;
      if (rule.match === "eachKey") {
        for (const key of Object.keys(actual))
          this.#byRules(rule.rules, Object.keys(expected)[0] ?? "", key, [...path, key]);
      } else if (rule.match === "eachValue") {
        this.#each(rule.rules, Object.values(expected)[0], Object.entries(actual).values(), path);
      } else if (rule.match === "equality") {
        if (!isEqual(expected, actual)) this.#add(path, "equality", show(expected), show(actual));
        return;
      } else if (rule.match !== "type" && rule.match !== "values") {
        const expectation = failureOf(rule, expected, actual);
        if (expectation !== undefined) this.#add(path, rule.match, expectation, show(actual));
      }
    }
    if (areKeysFree) {
      const [example] = Object.values(expected);
      if (list?.rules.some(({ match }) => match === "values"))
        for (const [key, value] of Object.entries(actual))
          this.value(own(expected, key) ?? example, value, [...path, key]);
      return;
    }
    // What is there besides does no harm to who reads it.
    for (const [key, value] of Object.entries(expected)) {
      if (Object.hasOwn(actual, key)) this.value(value, actual[key], [...path, key]);
      else this.#add([...path, key], "equality", show(value), "nothing");
    }
  }

  #each(list: RuleList, example: unknown, entries: Iterable<[string | number, unknown]>, path: Path): void {
    for (const [key, value] of entries) {
      const at = [...path, key];
      // A rule of the item's own goes before what holds for each.
      if (isFields(value) || Array.isArray(value)) this.value(example, value, at);
      else this.#byRules(list, example, value, at);
    }
  }

  #add(path: Path, rule: string, expected: string, found: string): void {
    if (this.mismatches.length < MOST) this.mismatches.push({ path: showPath(path), rule, expected, found });
  }
}

const own = (fields: Fields, key: string): unknown => (Object.hasOwn(fields, key) ? fields[key] : undefined);

/** What the rule expects instead; undefined where the value is right. */
function failureOf(rule: Rule, expected: unknown, actual: unknown): string | undefined {
  const text = textOf(actual);
  const unless = (isRight: boolean, expectation: string) => (isRight ? undefined : expectation);
  switch (rule.match) {
    case "equality":
      return unless(isEqual(expected, actual), show(expected));
    case "type":
      return unless(typeName(expected) === typeName(actual), `a value of the type ${typeName(expected)}`);
    case "regex":
      return unless(
        isScalar(actual) && rule.pattern.test(text),
        `a match of ${rule.pattern.source.slice(4, -2)}`,
      );
    case "include":
      return unless(
        isScalar(actual) && text.includes(rule.value),
        `a text with ${JSON.stringify(rule.value)} in it`,
      );
    case "integer":
      return unless(isNumber(actual) && /^-?\d+$/.test(text), "a whole number");
    case "decimal":
      return unless(isNumber(actual) && /[.eE]/.test(text), "a number with decimal places");
    case "number":
      return unless(isNumber(actual), "a number");
    case "boolean":
      return unless(typeof actual === "boolean" || actual === "true" || actual === "false", "true or false");
    case "null":
      return unless(actual === null, "null");
    case "notEmpty":
      return unless(!isEmpty(actual), "a value that is not empty");
    case "semver":
      return unless(typeof actual === "string" && SEMVER.test(actual), "a semantic version");
    case "date":
    case "time":
    case "timestamp":
      return unless(
        typeof actual === "string" && rule.pattern.test(actual),
        `a ${rule.match} as in ${rule.format}`,
      );
    case "values":
    case "eachKey":
    case "eachValue":
      return unless(typeof actual === "object" && actual !== null, "an object or a list");
    case "arrayContains":
      return unless(Array.isArray(actual), "a list");
  }
}

const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[A-Za-z-][\dA-Za-z-]*)(\.(0|[1-9]\d*|\d*[A-Za-z-][\dA-Za-z-]*))*)?(\+[\dA-Za-z-]+(\.[\dA-Za-z-]+)*)?$/;

const isScalar = (value: unknown): boolean =>
  typeof value === "string" || typeof value === "boolean" || value === null || isNumber(value);

const isEmpty = (value: unknown): boolean =>
  value === null ||
  value === undefined ||
  value === "" ||
  (Array.isArray(value) && value.length === 0) ||
  (isFields(value) && Object.keys(value).length === 0);

/** A scalar as a text, anything else as JSON. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return isNumber(value) ? String(value) : String(JSON.stringify(value));
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  if (isNumber(value)) return "number";
  return Array.isArray(value) ? "list" : typeof value;
}

/** Deeply, numbers by their values: 1.0 is 1. */
function isEqual(one: unknown, other: unknown): boolean {
  if (isNumber(one) && isNumber(other)) return Number(one) === Number(other);
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((item, i) => isEqual(item, other[i]));
  if (isFields(one) && isFields(other)) {
    const keys = Object.keys(one);
    return (
      keys.length === Object.keys(other).length &&
      keys.every((key) => Object.hasOwn(other, key) && isEqual(one[key], other[key]))
    );
  }
  return one === other;
}

const LONGEST = 80;

/** A value as JSON, cut short. */
function show(value: unknown): string {
  if (value === undefined) return "nothing";
  const json = isNumber(value)
    ? String(value)
    : (JSON.stringify(value, (_, inner) => (isLosslessNumber(inner) ? Number(inner.value) : inner)) ??
      "nothing");
  return json.length > LONGEST ? `${json.slice(0, LONGEST)}…` : json;
}
