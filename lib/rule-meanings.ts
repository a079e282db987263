/** The meaning of each rule that a message may break, and what to do about it: part of lib/reason-meanings.ts. Pure. */
import type { Rule } from "./contract/contract.ts";

interface RuleTerm {
  readonly means: string;
  readonly advice: string;
}

const SCHEMA_OR_SENDER =
  "The note names place, expectation and value: the sender or the schema is wrong. Ask which of them changed last.";

const rule = (means: string, advice = SCHEMA_OR_SENDER): RuleTerm => ({ means, advice });

/** Rules of our own first, then the keywords of JSON Schema. */
export const ruleTerms = (): Readonly<Record<Rule, RuleTerm>> => ({
  not_json: rule(
    "The message is not JSON, and the descriptor does not know it either.",
    "If it is a heartbeat in plain text, add it to the descriptor.",
  ),
  unknown_kind: rule(
    "No kind of the contract fits the message.",
    "Add the kind to the contract, or look why the message is sent: the note shows what tells kinds apart.",
  ),
  wrong_time: rule(
    "The kind has first, once or after in the contract, and the message came at another time.",
    "k6-realtime try shows the order on one connection.",
  ),
  wrong_sender: rule(
    "The contract says that the other side sends this kind.",
    "Check from in the contract, or the actions of the AsyncAPI document.",
  ),
  too_deep: rule(
    "Objects and lists nest deeper than 1,000 levels.",
    "Look what makes the sender nest them: no contract can describe such a message here.",
  ),
  type: rule("A value has another JSON type: a text for a number, null for an object."),
  const: rule("A value is not the only one that the schema allows."),
  enum: rule(
    "A value is not in the list.",
    "A new value is a usual change: extend the list, and see whether clients know the value.",
  ),
  format: rule("A text is not in its format, such as date-time or uuid."),
  required: rule("An object lacks a member that it must have."),
  additionalProperties: rule(
    "An object has a member that the schema does not name, and allows none such.",
    "A new member is a usual change: add it to the schema, or allow additional ones.",
  ),
  unevaluatedProperties: rule(
    "An object has a member that no part of the schema describes.",
    "A new member is a usual change: add it to the schema, or allow further ones.",
  ),
  propertyNames: rule("The name of a member does not follow the schema for names."),
  minProperties: rule("An object has too few members."),
  maxProperties: rule("An object has too many members."),
  dependencies: rule("An object has one member without another that must be beside it."),
  dependentRequired: rule("An object has one member without another that must be beside it."),
  minLength: rule("A text is too short. An empty text is the usual case."),
  maxLength: rule("A text is too long."),
  pattern: rule("A text does not match its regular expression."),
  minimum: rule("A number is too small."),
  maximum: rule("A number is too large."),
  exclusiveMinimum: rule("A number is not above its bound."),
  exclusiveMaximum: rule("A number is not below its bound."),
  multipleOf: rule("A number is not a multiple of the one in the schema."),
  minItems: rule("A list has too few items."),
  maxItems: rule("A list has too many items."),
  items: rule("A list has more items than the schema describes, and may have no others."),
  additionalItems: rule("A list has more items than the schema describes, and may have no others."),
  unevaluatedItems: rule("A list has an item that no part of the schema describes."),
  uniqueItems: rule("A list has the same item twice."),
  contains: rule("A list has too few, or too many, items of the kind that it must contain."),
  anyOf: rule(
    "A value fits none of several schemas.",
    "Why each of them does not fit is not told: compare the message in k6-realtime try with them.",
  ),
  oneOf: rule(
    "A value fits none of several schemas, or more than one.",
    "Why is not told: compare the message in k6-realtime try with them. Overlapping schemas want anyOf.",
  ),
  not: rule("A value fits a schema that it must not fit."),
  false: rule("There is a value where the schema allows none."),
});
