import exec from "k6/execution";
import TinyQueue from "tinyqueue";
import { type Duration, inMs, type Ms, ms } from "../units.ts";

/**
 * Milliseconds since the test began, monotonic and fractional. `Date.now()` has whole milliseconds only
 * and may be set back.
 */
export const now = (): Ms => ms(exec.instance.currentTestRunDuration);

/** What to add to an instant of this clock to get Unix time, to the millisecond. */
export const unixOffset = (): Ms => ms(Date.now() - now());

interface Call {
  readonly at: Ms;
  /** Timers due at the same instant fire in the order of the calls that set them. */
  readonly number: number;
  /** Nothing once it is called, or called off. */
  callback: (() => void) | undefined;
}

/**
 * What this virtual user waits for. k6 has one timer for all of it: it writes a line for each that a run which is
 * interrupted leaves behind.
 */
const calls = new TinyQueue<Call>([], (a, b) => a.at - b.at || a.number - b.number);
let asked = 0;
let timer: ReturnType<typeof setTimeout> | undefined;
let timerAt: Ms | undefined;
let calling = false;

/** Calls back at `at` on this clock, or soon if that has passed. Returns what ends the wait early. */
export function callAt(at: Ms, callback: () => void): () => void {
  const call: Call = { at, number: asked++, callback };
  calls.push(call);
  awaitFirst();
  return () => {
    call.callback = undefined;
    awaitFirst();
  };
}

/** Sets the timer to the first call; without one there is none, for k6 ends no iteration before its timers. */
function awaitFirst(): void {
  if (calling) return;
  let first = calls.peek();
  for (; first && !first.callback; first = calls.peek()) calls.pop();
  if (first?.at === timerAt) return;
  if (timer !== undefined) clearTimeout(timer);
  timerAt = first?.at;
  timer = first && setTimeout(callDue, Math.max(0, first.at - now()));
}

/**
 * k6 may run a timer early: one that had fired but was cleared before the event loop came to it takes the next in
 * the queue along (js/tc55/timers, runFirstTask).
 */
function callDue(): void {
  timer = timerAt = undefined;
  calling = true;
  try {
    for (let first = calls.peek(); first && first.at <= now(); first = calls.peek()) {
      calls.pop();
      const { callback } = first;
      first.callback = undefined;
      callback?.();
    }
  } finally {
    calling = false;
    awaitFirst();
  }
}

/** Resolves at `at` on this clock. */
export const sleepUntil = (at: Ms): Promise<void> => new Promise((resolve) => void callAt(at, resolve));

/** Resolves after so long, as "1s" or in milliseconds. Unlike k6's own `sleep`, it lets messages come meanwhile. */
export const sleep = (duration: Duration): Promise<void> =>
  sleepUntil(ms(now() + inMs(duration, "duration")));

/** Resolves with the first of the promises, at `at` at the latest. No promise may reject. */
export async function firstUntil(at: Ms, promises: readonly Promise<unknown>[]): Promise<void> {
  let stopWaiting = () => {};
  const over = new Promise<void>((resolve) => {
    stopWaiting = callAt(at, resolve);
  });
  await Promise.race([over, ...promises]);
  stopWaiting();
}

/** Calls back every `interval` from now, where `until` is given up to that. Returns what ends that. */
export function every(
  interval: Ms,
  callback: () => void,
  until: Ms = ms(Number.POSITIVE_INFINITY),
): () => void {
  let stop = () => {};
  const next = (at: Ms) => {
    if (at >= until) return;
    stop = callAt(at, () => {
      callback();
      next(ms(at + interval));
    });
  };
  next(ms(now() + interval));
  return () => stop();
}
