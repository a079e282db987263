/** A pact of version 4, made from the messages that a server sent. Pure. */
import { isLosslessNumber } from "lossless-json";
import { KIND_FIELD } from "./kind-field.ts";
import { AnyNumber } from "./loosen.ts";
import { showPath } from "./path.ts";
import type { Passed } from "./traffic.ts";

export interface Parties {
  readonly consumer: string;
  readonly provider: string;
  /** Of this program. */
  readonly version: string;
}

type Fields = { readonly [name: string]: unknown };
type Rules = Record<string, { readonly combine: "AND"; readonly matchers: readonly Fields[] }>;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !isLosslessNumber(value);

/** More kinds are not kinds. */
const MOST_KINDS = 200;

/** What is left out of a pact, and why. */
export interface Written {
  readonly pact: unknown;
  readonly messages: number;
  readonly exchanges: number;
}

export function pactOf(traffic: readonly Passed[], { consumer, provider, version }: Parties): Written {
  const exchanges = exchangesIn(traffic);
  const answered = new Set(exchanges.flatMap(({ replies }) => replies));
  const kinds = kindsOf(traffic.filter((passed) => passed.from === "server" && !answered.has(passed)));
  const kindsAnswered = kindsBy(exchanges, ({ request, reply }) => `${keyOf(request)} ${keyOf(reply)}`);
  const interactions = [
    ...kinds.map(([description, messages]) => ({
      type: "Asynchronous/Messages",
      description,
      pending: false,
      ...partOf(messages),
      metadata: {},
    })),
    ...named(kindsAnswered, ({ request, reply }) => `${nameOf(request)}, answered with ${nameOf(reply)}`).map(
      ([description, several]) => ({
        type: "Synchronous/Messages",
        description,
        pending: false,
        request: { ...partOf(several.map(({ request }) => request)), metadata: {} },
        response: [{ ...partOf(several.map(({ reply }) => reply)), metadata: {} }],
      }),
    ),
  ];
  return {
    pact: {
      consumer: { name: consumer },
      provider: { name: provider },
      interactions,
      metadata: { pactSpecification: { version: "4.0" }, "k6-realtime": { version } },
    },
    messages: kinds.length,
    exchanges: interactions.length - kinds.length,
  };
}

interface Exchange {
  readonly request: Passed;
  readonly reply: Passed;
  readonly replies: readonly Passed[];
}

/** Probes, with the first reply of each. */
function exchangesIn(traffic: readonly Passed[]): Exchange[] {
  return traffic.flatMap((request): Exchange[] => {
    if (request.from !== "client" || request.probe === undefined) return [];
    const replies = traffic.filter(({ from, probe }) => from === "server" && probe === request.probe);
    return replies[0] ? [{ request, reply: replies[0], replies }] : [];
  });
}

/** Messages that look alike, by a description that no others have. */
const kindsOf = (messages: readonly Passed[]) => named(kindsBy(messages, keyOf), nameOf);

/** Kinds with descriptions, of which no two are the same. */
function named<T>(kinds: readonly T[][], nameOf: (first: T) => string): [string, readonly T[]][] {
  const taken = new Map<string, number>();
  return kinds.map((several) => {
    const name = nameOf(several[0]!);
    const count = (taken.get(name) ?? 0) + 1;
    taken.set(name, count);
    return [count === 1 ? name : `${name}, form ${count}`, several];
  });
}

function kindsBy<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const kinds = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const kind = kinds.get(key);
    if (kind) kind.push(item);
    else if (kinds.size < MOST_KINDS) kinds.set(key, [item]);
  }
  return [...kinds.values()];
}

/** What messages of one kind share: the kind of a contract, or which fields there are and what says the kind. */
function keyOf({ value, kind }: Passed): string {
  if (kind !== undefined) return `of ${kind}`;
  if (!isFields(value)) return Array.isArray(value) ? "list" : typeof value;
  return Object.keys(value)
    .sort()
    .map((key) => (KIND_FIELD.test(key) ? `${key}=${textOf(value[key])}` : key))
    .join("&");
}

function nameOf({ value, meaning, kind }: Passed): string {
  const field = isFields(value) ? Object.keys(value).find((key) => KIND_FIELD.test(key)) : undefined;
  const told = (field !== undefined && textOf((value as Fields)[field])) || (kind ?? "");
  return told !== "" ? `a message "${told.slice(0, 60)}"` : `a message, ${meaning ?? "of no known kind"}`;
}

const textOf = (value: unknown): string =>
  isLosslessNumber(value) || typeof value === "string" || typeof value === "boolean" ? String(value) : "";

/** The first of several as an example, with rules that all of them keep. */
function partOf(messages: readonly Passed[]) {
  const rules: Rules = {};
  const values = messages.map(({ value, promised = value }) => promised);
  const content = example(values, [], rules);
  const isText = typeof values[0] === "string" && messages[0]!.text === values[0];
  return {
    contents: { content, contentType: isText ? "text/plain" : "application/json", encoded: false },
    matchingRules: { body: rules },
  };
}

/** @returns undefined where no rule fits all values */
function example(values: readonly unknown[], path: readonly (string | number)[], rules: Rules): unknown {
  const [first] = values;
  const matcher = matcherOf(values, path.at(-1));
  if (matcher === null) return undefined;
  if (matcher) rules[showPath(path)] = { combine: "AND", matchers: [matcher] };
  if (isFields(first)) {
    const fields = values as readonly Fields[];
    // What some of them lack is not expected of any.
    const shared = Object.keys(first).filter((key) => fields.every((one) => Object.hasOwn(one, key)));
    const entries = shared.map((key) => [
      key,
      example(
        fields.map((one) => one[key]),
        [...path, key],
        rules,
      ),
    ]);
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  }
  if (Array.isArray(first)) return listOf(values as readonly (readonly unknown[])[], path, rules);
  return isLosslessNumber(first) ? Number(first.value) : first;
}

/** One item stands for all; lists whose items are of several kinds say only that they are lists. */
function listOf(
  lists: readonly (readonly unknown[])[],
  path: readonly (string | number)[],
  rules: Rules,
): unknown {
  const items = lists.flat();
  if (items.length === 0) return [];
  const inner: Rules = {};
  const item = example(items, [...path, 0], inner);
  if (item === undefined) return [];
  const own = showPath([...path, 0]);
  for (const [at, rule] of Object.entries(inner)) rules[at.replace(own, `${showPath(path)}[*]`)] = rule;
  return [item];
}

/** The narrowest rule that all values keep; undefined for equality, null for none. */
function matcherOf(values: readonly unknown[], name: string | number | undefined): Fields | undefined | null {
  const kinds = new Set(values.map(kindOf));
  const areNumbers = [...kinds].every((one) => NUMBERS.includes(one));
  if (areNumbers && (kinds.size > 1 || kinds.has("number"))) return { match: "number" };
  const [kind] = kinds;
  if (kinds.size !== 1) return null;
  const isKind = typeof name === "string" && KIND_FIELD.test(name) && new Set(values.map(textOf)).size === 1;
  if (isKind || kind === "object") return undefined;
  if (kind === "null") return { match: "null" };
  // Many servers write 2.0 as 2: one number does not tell that all have decimal places.
  if (kind === "decimal" && values.length === 1) return { match: "number" };
  if (kind === "integer" || kind === "decimal") return { match: kind };
  return { match: "type" };
}

const NUMBERS: readonly string[] = ["integer", "decimal", "number"];

function kindOf(value: unknown): string {
  if (value instanceof AnyNumber) return "number";
  if (value === null) return "null";
  if (Array.isArray(value)) return "list";
  if (isLosslessNumber(value)) return /^-?\d+$/.test(value.value) ? "integer" : "decimal";
  return typeof value;
}
