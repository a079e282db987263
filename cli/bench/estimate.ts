/**
 * What rounds come to: a trimmed mean of logarithms, with its interval by Student's t (Yuen 1974). A fifth of the rounds
 * at either end is left out, so a pause of the machine in a few rounds moves nothing. Pure.
 */
import jstat from "jstat";
import { average, FALSE_ALARMS, squares } from "../gate/prediction.ts";

const { studentt } = jstat.jStat;

/** Fewer values do not show how far they differ. */
export const LEAST_ROUNDS = 3;

/** The share of the values that is left out at either end. */
const TRIMMED = 0.2;

/** The middle of some values, and half of the interval that holds it but for {@link FALSE_ALARMS} of all times. */
export interface Middle {
  readonly middle: number;
  /** Infinity of fewer than {@link LEAST_ROUNDS} values. */
  readonly half: number;
}

/** NaN of no values. */
export function middleOf(values: readonly number[]): Middle {
  const sorted = [...values].sort((a, b) => a - b);
  const out = Math.floor(sorted.length * TRIMMED);
  const kept = sorted.slice(out, sorted.length - out);
  const middle = average(kept);
  if (values.length < LEAST_ROUNDS) return { middle, half: Number.POSITIVE_INFINITY };
  const [least, most] = [kept[0]!, kept[kept.length - 1]!];
  const winsorized = sorted.map((value) => Math.min(Math.max(value, least), most));
  const error = Math.sqrt(squares(winsorized) / (kept.length * (kept.length - 1)));
  return { middle, half: studentt.inv(1 - FALSE_ALARMS / 2, kept.length - 1) * error };
}

/** How far two such middles lie apart, with the interval of that. */
export const between = (one: Middle, other: Middle): Middle => ({
  middle: one.middle - other.middle,
  half: Math.hypot(one.half, other.half),
});
