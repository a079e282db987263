/** When the next message is due, and how long to wait before another try. Pure: times and chance are given. */
import { type Settings, SettingsError } from "./settings.ts";
import { formatDuration, type Ms, ms } from "./units.ts";

/** When messages are due, one after the other. */
export interface DueTimes {
  /** The earliest due time not yet taken; undefined when there is none left. */
  next(): Ms | undefined;
  /** Takes the next due time if it has come by `now`; undefined when none has. */
  take(now: Ms): Ms | undefined;
}

/** Due at these very times, in ascending order. A {@link Grid} may miss its last by the rounding of a sum. */
export function dueAt(...times: readonly Ms[]): DueTimes {
  let taken = 0;
  const next = () => times[taken];
  const take = (now: Ms) => {
    const due = next();
    if (due === undefined || due > now) return undefined;
    taken++;
    return due;
  };
  return { next, take };
}

/**
 * Due times on a fixed grid: `first`, `first + interval`, … up to `last`. The grid does not move when a
 * message was late or a connection was away (an open model: users do not wait for each other's replies).
 */
export class Grid implements DueTimes {
  private readonly first: Ms;
  private readonly interval: Ms;
  private readonly last: Ms;
  private taken = 0;

  constructor(first: Ms, interval: Ms, last: Ms) {
    this.first = first;
    this.interval = interval;
    this.last = last;
  }

  next(): Ms | undefined {
    const due = ms(this.first + this.taken * this.interval);
    return due <= this.last ? due : undefined;
  }

  take(now: Ms): Ms | undefined {
    const due = this.next();
    if (due === undefined || due > now) return undefined;
    this.taken++;
    return due;
  }
}

/**
 * How many fall due in `duration` at a steady rate, the first at once. What would be due at its very end does not: 10
 * in a second for a second are 10.
 */
export function dueIn(perSecond: number, duration: Ms): number {
  const exact = (perSecond * duration) / 1_000;
  const nearest = Math.round(exact);
  // 8.3 in a second for 30 s are 249, which as floating-point numbers are 249.00000000000003.
  return Math.abs(exact - nearest) <= exact * 1e-12 ? nearest : Math.ceil(exact);
}

/** The due times that {@link dueIn} counts, from `start`. */
export function steady(start: Ms, perSecond: number, duration: Ms): Grid {
  const interval = 1_000 / perSecond;
  // Half an interval behind the last, where no rounding can reach.
  const last = start + (dueIn(perSecond, duration) - 0.5) * interval;
  return new Grid(start, ms(interval), ms(last));
}

/** How reconnection backs off. */
export interface Backoff {
  /** The first try waits between 0 and this. */
  readonly base: Ms;
  /** No try waits longer than this. */
  readonly cap: Ms;
}

/**
 * The back-off that the settings ask for.
 *
 * @throws {@link SettingsError} where the cap is below the base
 */
export function backoffOf({ BACKOFF_BASE, BACKOFF_CAP }: Settings<"BACKOFF_BASE" | "BACKOFF_CAP">): Backoff {
  if (BACKOFF_CAP < BACKOFF_BASE) {
    const [base, cap] = [formatDuration(BACKOFF_BASE), formatDuration(BACKOFF_CAP)];
    throw new SettingsError(`BACKOFF_CAP: expected at least BACKOFF_BASE (${base}), got ${cap}`);
  }
  return { base: BACKOFF_BASE, cap: BACKOFF_CAP };
}

/**
 * Exponential back-off with full jitter: uniform between 0 and min(cap, base × 2^attempt), so that
 * clients cut off together do not come back together.
 *
 * @param attempt 0 for the first try after a drop
 * @param random uniform in [0, 1)
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function backoffMs({ base, cap }: Backoff, attempt: number, random: number): Ms {
  return ms(random * Math.min(cap, base * 2 ** attempt));
}
