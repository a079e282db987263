let offsetMs = performance.timeOrigin;

/**
 * Milliseconds since the epoch, with a fraction. `Date.now()` follows the system's clock but has whole milliseconds
 * only; `performance.now()` has the fraction but drifts over a long run. Keeping their sum within the millisecond
 * that `Date.now()` names bounds the error to 1 ms for as long as the process lives.
 */
export function wallNowMs(): number {
  const now = performance.now() + offsetMs;
  const whole = Date.now();
  const bounded = Math.min(Math.max(now, whole), whole + 0.999);
  offsetMs += bounded - now;
  return bounded;
}
