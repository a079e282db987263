/** In which order sequences are tried: by a seed, so that it can be had again. Pure. */
import { placeOf } from "./finding.ts";
import type { Sequence } from "./sequence.ts";

/** A seed of its own for each round. */
export const mixed = (seed: number, round: number): number =>
  (Math.imul(seed ^ (round * 0x9e3779b1), 0x85ebca6b) >>> 0) & 0x7fffffff;

/** By chance, but places take turns: of what there is little of, such as Close codes, all comes early. */
export function inTurn(sweep: readonly Sequence[], seed: number): Sequence[] {
  const places = new Map<string, Sequence[]>();
  for (const sequence of shuffled(sweep, seed)) {
    const place =
      sequence.steps.length > 0 ? `${sequence.steps.length} ${placeOf(sequence.steps[0]!)}` : "opening";
    places.set(place, [...(places.get(place) ?? []), sequence]);
  }
  const longest = Math.max(0, ...[...places.values()].map(({ length }) => length));
  return [...Array(longest).keys()].flatMap((turn) => [...places.values()].flatMap((all) => all[turn] ?? []));
}

/** The same order for the same seed (Fisher and Yates, with a small generator of numbers). */
function shuffled<T>(list: readonly T[], seed: number): T[] {
  const all = [...list];
  let state = seed >>> 0 || 1;
  const random = () => {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [all[i], all[j]] = [all[j]!, all[i]!];
  }
  return all;
}
