/** What messages that were seen say of changes. Pure. */
import { counted } from "../counted.ts";
import { formsOf } from "../import/fields.ts";
import { type Known, nearest } from "../import/nearest.ts";
import { validatorOf } from "../import/sample.ts";
import { parsePointer } from "../protocols/pointer.ts";
import type { Change } from "./diff.ts";
import type { KindSchema } from "./kinds.ts";

/** A message that was seen. */
export interface Seen {
  readonly from: "server" | "client";
  readonly value: unknown;
}

/** A change, with what was seen of it. */
export interface Weighed extends Change {
  /** A few words; undefined where no messages were given. */
  readonly seen?: string;
}

/**
 * Says of each change how many messages have what it is about, and of each kind that clients were seen to send whether the
 * new contract takes it.
 */
export function weigh(
  changes: readonly Change[],
  before: readonly KindSchema[],
  after: readonly KindSchema[],
  messages: readonly Seen[],
): readonly Weighed[] {
  const byKind = sorted(before, messages);
  const weighed = changes.map((change): Weighed => {
    const values = byKind.get(`${change.from} ${change.kind}`) ?? [];
    return { ...change, seen: seenOf(change, values) };
  });
  return [...refusals(after, byKind), ...weighed];
}

function sorted(kinds: readonly KindSchema[], messages: readonly Seen[]): Map<string, unknown[]> {
  const known = kinds.map((kind): KindSchema & Known => ({
    ...kind,
    validate: validatorOf(kind.schema),
    forms: formsOf(kind.schema),
  }));
  const byKind = new Map<string, unknown[]>();
  for (const { from, value } of messages) {
    const candidates = known.filter((kind) => kind.from === from || kind.from === "both");
    const kind = nearest(candidates, () => value);
    if (!kind) continue;
    const key = `${from} ${kind.name}`;
    const values = byKind.get(key);
    if (values) values.push(value);
    else byKind.set(key, [value]);
  }
  return byKind;
}

function seenOf({ at, rule, subject }: Change, values: readonly unknown[]): string {
  const all = counted(values.length, "message");
  if (values.length === 0) return "no such message was seen";
  const tokens = parsePointer(at) ?? [];
  const having = values.filter((value) => {
    const found = at === "" ? [value] : valuesAt(value, tokens);
    return rule === "value" && subject !== undefined
      ? found.some((one) => JSON.stringify(one) === JSON.stringify(subject))
      : found.length > 0;
  });
  return having.length === 0 ? `not in any of ${all} seen` : `in ${having.length} of ${all} seen`;
}

/** All values at a pointer in which `*` stands for each item, or each field. */
function valuesAt(value: unknown, [token, ...rest]: readonly string[]): unknown[] {
  if (token === undefined) return [value];
  if (typeof value !== "object" || value === null) return [];
  if (token === "*") return Object.values(value).flatMap((item) => valuesAt(item, rest));
  return Object.hasOwn(value, token) ? valuesAt((value as Record<string, unknown>)[token], rest) : [];
}

/** Kinds that clients were seen to send and that the new contract would refuse. */
function refusals(after: readonly KindSchema[], byKind: ReadonlyMap<string, unknown[]>): Weighed[] {
  return after.flatMap(({ name, from, schema }): Weighed[] => {
    const values = from === "server" ? [] : (byKind.get(`client ${name}`) ?? []);
    const validate = validatorOf(schema);
    const errors = values.flatMap((value) => (validate(value) ? [] : [validate.errors?.[0]]));
    if (errors.length === 0) return [];
    const [first] = errors;
    return [
      {
        level: "breaking",
        kind: name,
        from: "client",
        at: first?.instancePath ?? "",
        rule: "seen",
        what: `messages that clients were seen to send would be refused: ${first?.message ?? "it is not valid"}`,
        seen: `in ${errors.length} of ${counted(values.length, "message")} seen`,
      },
    ];
  });
}
