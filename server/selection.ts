import * as v from "valibot";
import { positive } from "./validation.ts";

/** Which of a stream of events are hit. */
const selectionEntries = {
  /** Each `every`th event. Default 1, all of them. */
  every: v.optional(positive),
  /** At most so many of them. Default without limit. */
  count: v.optional(positive),
  /** Instead of the two above: exactly these events, numbered from 1. */
  ordinals: v.optional(v.array(positive)),
};

/** Schema of what happens to some of a stream of events, with `entries` besides which they are. */
export const some = <E extends v.ObjectEntries>(entries: E) =>
  v.pipe(
    v.strictObject({ ...selectionEntries, ...entries }),
    v.check(
      ({ every, count, ordinals }) => !ordinals || (every === undefined && count === undefined),
      "expected either ordinals, or every and count, got both",
    ),
  );

/** Which events are hit. They are numbered from 1 when the selection is set. */
export interface Selection {
  readonly every?: number | undefined;
  readonly count?: number | undefined;
  readonly ordinals?: readonly number[] | undefined;
}

/** Makes the function that is called once for each event and says whether it is hit. */
export function selector({
  every = 1,
  count = Number.POSITIVE_INFINITY,
  ordinals,
}: Selection): () => boolean {
  let seen = 0;
  if (ordinals) {
    const hit = new Set(ordinals);
    return () => hit.has(++seen);
  }
  const last = every * count;
  return () => ++seen % every === 0 && seen <= last;
}
