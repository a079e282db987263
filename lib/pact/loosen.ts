/** Leaves of a message what its contract promises of all of its kind. Pure. */
import { isLosslessNumber, LosslessNumber } from "lossless-json";

type Fields = { readonly [name: string]: unknown };

/** A number that may have decimal places and needs none. */
export class AnyNumber extends LosslessNumber {}

/**
 * @param value as lossless-json reads it
 * @param optional JSON Pointers of members to leave out
 * @param numbers JSON Pointers of numbers of which the decimal places tell nothing
 */
export function loosened(
  value: unknown,
  optional: ReadonlySet<string>,
  numbers: ReadonlySet<string>,
  at = "",
): unknown {
  if (isLosslessNumber(value)) return numbers.has(at) ? new AnyNumber(value.value) : value;
  if (Array.isArray(value)) return value.map((item, i) => loosened(item, optional, numbers, `${at}/${i}`));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value as Fields)
      .map(([name, member]) => ({ name, member, below: `${at}/${escaped(name)}` }))
      .filter(({ below }) => !optional.has(below))
      .map(({ name, member, below }) => [name, loosened(member, optional, numbers, below)]),
  );
}

/** As JSON Pointer writes it (RFC 6901). */
const escaped = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");
