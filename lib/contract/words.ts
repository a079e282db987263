/**
 * What a contract asks for and what came instead, in words. Pure. Its twin in Go is
 * extension/engine/contract/words.go; one table of fixtures holds both.
 */
import type { Rule } from "./contract.ts";

const LONGEST = 80;

/**
 * @param rule the keyword
 * @param value the keyword's value in the schema
 * @param name the member that is missing or too many, for the rules that have one
 */
export function expectedOf(rule: Rule, value: unknown, name = ""): string {
  switch (rule) {
    case "type":
      return Array.isArray(value) ? [...value].sort().join(" or ") : String(value);
    case "const":
      return textOf(value);
    case "enum":
      return cut(`one of ${(value as unknown[]).map((one) => JSON.stringify(one)).join(", ")}`);
    case "format":
      return `a text in the format ${value}`;
    case "required":
    case "dependencies":
    case "dependentRequired":
      return cut(`a member ${JSON.stringify(name)}`);
    case "additionalProperties":
    case "unevaluatedProperties":
      return cut(`no member ${JSON.stringify(name)}`);
    case "anyOf":
      return "a value that fits at least one of the schemas";
    case "oneOf":
      return "a value that fits exactly one of the schemas";
    case "not":
      return "a value that does not fit the schema";
    case "contains":
      return "the required number of items that fit the schema";
    case "propertyNames":
      return cut(`no member named ${JSON.stringify(name)}`);
    case "uniqueItems":
      return "items that are all different";
    case "items":
    case "additionalItems":
    case "unevaluatedItems":
      return "fewer items";
    case "false":
      return "no value";
    default:
      return cut(`${rule} ${JSON.stringify(value)}`);
  }
}

/** Rules of which the value that came says less than that a member is there, or is not. */
const OF_MEMBERS: readonly Rule[] = ["required", "dependencies", "dependentRequired"];
const OF_EXTRA_MEMBERS: readonly Rule[] = ["additionalProperties", "unevaluatedProperties", "propertyNames"];

/** Names of members whose values are not told. */
export const SECRET = /token|secret|passw|authori[sz]ation|credential|cookie|api_?key|session_?id/i;

/** @param at JSON Pointer of the value */
export function foundOf(rule: Rule, value: unknown, at: string): string {
  if (typeof value === "string" && SECRET.test(at)) return `a text of ${[...value].length} characters`;
  if (OF_MEMBERS.includes(rule)) return "none";
  if (OF_EXTRA_MEMBERS.includes(rule)) return "one";
  return textOf(value);
}

/** A value as it stands in a message, cut; of an object or a list only how large it is. */
export function textOf(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return `an object of ${Object.keys(value).length}`;
  return cut(JSON.stringify(value) ?? "nothing");
}

const cut = (text: string): string => {
  const characters = [...text];
  return characters.length > LONGEST ? `${characters.slice(0, LONGEST).join("")}…` : text;
};
