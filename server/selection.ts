import * as v from "valibot";

const positive = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

export const SelectionSchema = v.union([
  v.strictObject({ every: positive, count: v.optional(positive) }),
  v.strictObject({ ordinals: v.array(positive) }),
]);

/**
 * Which of a stream of events a fault hits. Events are numbered from 1 when the fault is set: each `every`th, at most
 * `count` of them (default without limit), or exactly the `ordinals`.
 */
export type Selection = v.InferInput<typeof SelectionSchema>;

/** Makes the function that is called once for each event and says whether the fault hits it. */
export function selector(selection: Selection): () => boolean {
  let seen = 0;
  if ("ordinals" in selection) {
    const ordinals = new Set(selection.ordinals);
    return () => ordinals.has(++seen);
  }
  const last = selection.every * (selection.count ?? Number.POSITIVE_INFINITY);
  return () => ++seen % selection.every === 0 && seen <= last;
}
