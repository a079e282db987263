import exec from "k6/execution";
import { type Ms, ms } from "../units.ts";

/**
 * Milliseconds since the test began, monotonic and fractional. `Date.now()` has whole milliseconds only
 * and may be set back.
 */
export const now = (): Ms => ms(exec.instance.currentTestRunDuration);

/** What to add to an instant of this clock to get Unix time, to the millisecond. */
export const unixOffset = (): Ms => ms(Date.now() - now());

/** Calls back at `at` on this clock, or soon if that has passed. Returns what ends the wait early. */
export function callAt(at: Ms, callback: () => void): () => void {
  const wait = () => setTimeout(fire, Math.max(0, at - now()));
  // k6 may run a timer early: one that had fired but was cleared before the event loop came to it takes the
  // next in the queue along (js/tc55/timers, runFirstTask).
  const fire = () => {
    if (now() < at) timer = wait();
    else callback();
  };
  let timer = wait();
  return () => clearTimeout(timer);
}

/** Resolves at `at` on this clock. */
export const sleepUntil = (at: Ms): Promise<void> => new Promise((resolve) => void callAt(at, resolve));
