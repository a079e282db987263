/** A contract: the kinds of messages, and the JSON Schema that each kind follows. Pure. */

import type { MessageRole } from "../protocols/protocol.ts";

/** The drafts of JSON Schema that are understood. */
export const DRAFTS = ["7", "2019-09", "2020-12"] as const;
export type Draft = (typeof DRAFTS)[number];

/** The formats that are checked: those of JSON Schema that both validators know. Others say nothing. */
export const FORMATS = [
  "date-time",
  "date",
  "time",
  "duration",
  "email",
  "hostname",
  "ipv4",
  "ipv6",
  "uri",
  "uri-reference",
  "uuid",
  "json-pointer",
  "relative-json-pointer",
] as const;

/** Who sends messages of a kind. */
export const SENDERS = ["server", "client", "both"] as const;
export type Sender = (typeof SENDERS)[number];

/** What a protocol descriptor takes a message for. */
export const ROLES: readonly MessageRole[] = [
  "session",
  "heartbeat",
  "refresh",
  "error",
  "reply",
  "delivery",
];
export type ContractRole = MessageRole;

/** A member whose value tells a kind from others. */
export interface Mark {
  /** JSON Pointer (RFC 6901) into the message. */
  readonly at: string;
  /** The values that messages of the kind have there. */
  readonly values: readonly MarkValue[];
}
export type MarkValue = string | number | boolean | null;

/** One kind of message. */
export interface Kind {
  /** Its name, which is also its tag: letters, digits, `_`, `-` and `.`. */
  readonly name: string;
  /** The absolute URI of its schema, JSON Pointer included: a key of {@link Contract.documents} and what follows `#`. */
  readonly schema: string;
  readonly from: Sender;
  /** What its messages have that those of other kinds have not. Empty: only its schema tells. */
  readonly marks: readonly Mark[];
  /** What the descriptor takes its messages for, where that is how they are recognised. */
  readonly role?: ContractRole | undefined;
  /** Whether it comes before all other messages of its sender. */
  readonly first?: boolean | undefined;
  /** Whether a connection has it at most once. */
  readonly once?: boolean | undefined;
  /** Kinds of which one must have come, or gone, before on the same connection. */
  readonly after?: readonly string[] | undefined;
}

/** A field or a value of an enum, of which a run says whether it was ever seen. */
export interface Item {
  /** The absolute location of the field's schema, or of the value: `contract:///a.json#/properties/state/enum/2`. */
  readonly at: string;
  /** What it is called: `order/state`, `order/state=open`. */
  readonly name: string;
}

/** A contract, read and checked: all that it takes to recognise and to validate messages. */
export interface Contract {
  /** The file that it was read from, for people. */
  readonly source: string;
  readonly draft: Draft;
  /** Every document that the schemas refer to, by its URI. */
  readonly documents: Readonly<Record<string, unknown>>;
  readonly kinds: readonly Kind[];
  readonly items: readonly Item[];
  /** Whether a pattern has a class of Unicode (`\\p{L}`), which k6's own JavaScript does not know. */
  readonly hasUnicodeClasses: boolean;
  /** Whether a schema refers to itself, so that only the message bounds how deep a validator goes. */
  readonly isRecursive: boolean;
  /** Whether messages of the client are checked, too. By default: if the contract describes any. */
  readonly checksSent: boolean;
}

/** The kind of a message that is of none: a tag beside the names of kinds. */
export const UNKNOWN = "unknown";

/** How deep messages of a contract may nest: objects and lists in one another. */
export const MOST_NESTED = 1_000;

/**
 * What a message can break beside the keywords of JSON Schema.
 *
 * - `not_json`: it is not JSON.
 * - `unknown_kind`: no schema describes it.
 * - `wrong_time`: a kind that must be the first, or come once, or come after another.
 * - `wrong_sender`: a kind that only the other side sends.
 * - `too_deep`: it nests deeper than {@link MOST_NESTED}.
 */
export const OWN_RULES = ["not_json", "unknown_kind", "wrong_time", "wrong_sender", "too_deep"] as const;

/** The keywords of JSON Schema that a message can break: values of the tag `rule`, with {@link OWN_RULES}. */
export const KEYWORD_RULES = [
  "type",
  "const",
  "enum",
  "format",
  "required",
  "additionalProperties",
  "unevaluatedProperties",
  "propertyNames",
  "minProperties",
  "maxProperties",
  "dependencies",
  "dependentRequired",
  "minLength",
  "maxLength",
  "pattern",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minItems",
  "maxItems",
  "items",
  "additionalItems",
  "unevaluatedItems",
  "uniqueItems",
  "contains",
  "anyOf",
  "oneOf",
  "not",
  "false",
] as const;

export const RULES = [...OWN_RULES, ...KEYWORD_RULES] as const;
export type Rule = (typeof RULES)[number];

/** One way in which a message breaks its contract. */
export interface Breach {
  readonly rule: Rule;
  /** JSON Pointer into the message. */
  readonly at: string;
  /** The absolute location of the keyword; `""` for a rule of our own. */
  readonly schema: string;
  /** What the contract asks for, in words. */
  readonly expected: string;
  /** What came, in words; text of the peer, which may hold secrets. */
  readonly found: string;
}

/** A contract that cannot be used. The message names the file, the place, the expected value and the actual one. */
export class ContractError extends Error {}
