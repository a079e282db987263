/** What a session's step waits for, in words. Its twin in Go is extension/engine/protocol/awaited.go. Pure. */
import type { ConditionSpec } from "./schema.ts";

const MOST_CHARACTERS = 60;

/**
 * Describes the message of a condition as the descriptor has it, variables unfilled: `message with /type "subscribed"`.
 * Bounded.
 */
export function describeAwaited({ text, regex, where = {} }: ConditionSpec): string {
  const fields = Object.entries(where)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([pointer, wanted]) => `${pointer || '""'} ${describeWanted(wanted)}`);
  return bounded(
    [
      "message",
      ...(text === undefined ? [] : [JSON.stringify(text)]),
      ...(regex === undefined ? [] : [`matching /${regex}/`]),
      ...(fields.length === 0 ? [] : [`with ${fields.join(", ")}`]),
    ].join(" "),
  );
}

type Wanted = NonNullable<ConditionSpec["where"]>[string];

function describeWanted(wanted: Wanted): string {
  if (typeof wanted !== "object" || wanted === null) return JSON.stringify(wanted);
  return wanted.exists ? "present" : "absent";
}

function bounded(words: string): string {
  const characters = [...words];
  return characters.length <= MOST_CHARACTERS
    ? words
    : `${characters.slice(0, MOST_CHARACTERS - 1).join("")}…`;
}
