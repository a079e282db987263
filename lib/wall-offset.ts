import { type Ms, ms } from "./units.ts";

/** Long enough to see an undelayed event, short enough to forget a stepped wall clock. */
const WINDOW_MS = 10_000;

/**
 * Puts wall-clock stamps on a monotonic clock.
 *
 * k6 stamps events by the wall clock in the goroutine that read them; scripts have a monotonic clock of
 * their own. Each event tells that `offset ≥ stamp - now`, equality being an event handled at once, so the
 * largest difference seen is the best estimate. Two windows in turn bound how long an old one counts.
 */
export class WallOffset {
  private current = Number.NEGATIVE_INFINITY;
  private previous = Number.NEGATIVE_INFINITY;
  private windowEnd = Number.NEGATIVE_INFINITY;

  /** Learns from an event stamped `stamp` (ms since 1970) and handled at `now`; returns when it came. */
  arrival(stamp: number, now: Ms): Ms {
    if (now >= this.windowEnd) {
      this.previous = this.current;
      this.current = Number.NEGATIVE_INFINITY;
      this.windowEnd = now + WINDOW_MS;
    }
    this.current = Math.max(this.current, stamp - now);
    // A stamp has 13 digits before the point: what is left of it may be a quarter of a microsecond off.
    return ms(Math.min(now, stamp - Math.max(this.current, this.previous)));
  }
}
