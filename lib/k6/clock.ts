import exec from "k6/execution";
import { type Ms, ms } from "../units.ts";

/**
 * Milliseconds since the test began, monotonic and fractional. `Date.now()` has whole milliseconds only
 * and may be set back.
 */
export const now = (): Ms => ms(exec.instance.currentTestRunDuration);

/** Calls back at `at` on this clock, or at once if that has passed. Returns what ends the wait early. */
export function callAt(at: Ms, callback: () => void): () => void {
  const timer = setTimeout(callback, Math.max(0, at - now()));
  return () => clearTimeout(timer);
}

/** Resolves at `at` on this clock. */
export const sleepUntil = (at: Ms): Promise<void> => new Promise((resolve) => void callAt(at, resolve));
