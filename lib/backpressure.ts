/** What a server did about readers that did not keep up, and to those beside them. Pure: what came when is given. */
import { Sequence } from "./order.ts";
import type { Outcome } from "./reasons.ts";
import { SettingsError } from "./settings.ts";
import { type Ms, ms } from "./units.ts";

/** What happens one after the other; everybody reads in the first, and from `resume` on again. */
export type Phase = "baseline" | "pause" | "burst" | "hold" | "resume" | "drain";

/** What becomes of a slow reader. */
export const SLOW_READER_OUTCOMES = [
  "queued",
  "dropped",
  "closed",
  "blocked",
  "unclear",
  "not_ready",
] as const satisfies readonly Outcome[];
export type SlowReaderOutcome = (typeof SLOW_READER_OUTCOMES)[number];

export const SLOW_READER_MEANINGS: Readonly<Record<SlowReaderOutcome, string>> = {
  queued: "everything came in the end: the server queued the unread messages",
  dropped: "the connection stayed, and messages are missing",
  closed: "the server ended the connection, but not an equally silent one that was owed no messages",
  blocked: "everything came, but the other readers had to wait for the slow one",
  unclear:
    "the connection ended, and an equally silent one that was owed no messages did not outlast it, as with an idle timeout",
  not_ready: "the connection or its session never opened, or no publisher was ready",
};

/** What a specification may promise, as `EXPECT` has it, and what a reader sees of it. */
const POLICIES: Readonly<Record<string, SlowReaderOutcome>> = {
  queue: "queued",
  drop: "dropped",
  close: "closed",
  block: "blocked",
};

/**
 * The outcomes that `EXPECT` allows: all of a server's policies where it is empty.
 *
 * @throws {@link SettingsError} on a policy that there is not
 */
export function expectedOutcomes(expect: string): readonly SlowReaderOutcome[] {
  if (expect === "") return Object.values(POLICIES);
  return expect.split(",").map((name) => {
    const outcome = Object.hasOwn(POLICIES, name) ? POLICIES[name] : undefined;
    if (outcome) return outcome;
    throw new SettingsError(
      `EXPECT: expected some of ${Object.keys(POLICIES).join(", ")}, got ${JSON.stringify(name)}`,
    );
  });
}

/** A publication that was made; its number is its place in the list, counted from 1. */
export interface Published {
  readonly due: Ms;
  /** When it was handed to the connection. */
  readonly at: Ms;
  readonly bytes: number;
  readonly phase: Phase;
}

/** What one reader had of the publications. */
export class Reading {
  private readonly sequence = new Sequence();
  /** By number. */
  private readonly arrivals = new Map<number, Ms>();

  arrive(seq: number, at: Ms): "in-order" | "reordered" | "duplicated" {
    const arrival = this.sequence.arrive(seq);
    if (arrival !== "duplicated") this.arrivals.set(seq, at);
    return arrival;
  }

  arrivedAt(seq: number): Ms | undefined {
    return this.arrivals.get(seq);
  }

  /** Numbers up to `last` that have not come, in order. */
  missing(last: number): number[] {
    const { highest, missing } = this.sequence;
    const after = Array.from({ length: Math.max(0, last - highest) }, (_, index) => highest + 1 + index);
    return [...missing].sort((a, b) => a - b).concat(after);
  }
}

/** Between when a reader was slow. */
export interface Slowness {
  readonly from: Ms;
  readonly to: Ms;
  /** Since when the others waited for it: see {@link withheldSince}. */
  readonly othersWaitedSince?: Ms | undefined;
}

/** What was seen of one slow reader. */
export interface SlowReaderSighting {
  /** Whether its session was ready, and it became slow. */
  readonly ready: boolean;
  /** When its connection ended without our doing; undefined where it did not. */
  readonly endedAt: Ms | undefined;
  /** The same of the {@link Control}. */
  readonly control: Control;
  /** How many publications it never had. */
  readonly missing: number;
  /** Whether the others waited for it: see {@link withheldSince}. */
  readonly othersWaited: boolean;
}

/**
 * What became of a reader that was as silent as the slow ones, for as long, but was owed nothing. If both end the
 * same way, slowness is not the cause.
 */
export interface Control {
  /** Whether it was there to compare with. */
  readonly ready: boolean;
  readonly endedAt: Ms | undefined;
}

/** An idle timeout may find one of two connections that much later than the other, because servers look in rounds. */
const ROUND = ms(1_000);

const wasForSlowness = (endedAt: Ms, control: Control): boolean =>
  control.ready && (control.endedAt === undefined || endedAt < control.endedAt - ROUND);

export function slowReaderOutcome(seen: SlowReaderSighting): SlowReaderOutcome {
  if (!seen.ready) return "not_ready";
  if (seen.endedAt !== undefined) return wasForSlowness(seen.endedAt, seen.control) ? "closed" : "unclear";
  if (seen.missing > 0) return "dropped";
  return seen.othersWaited ? "blocked" : "queued";
}

/**
 * When the other readers began to wait for the slow ones. That is the time of the first publication that reached the
 * others late. At the `moment` when the slow readers read again, it was older than `patience` and had reached none of
 * the others.
 */
export function withheldSince(
  others: readonly Reading[],
  published: readonly Published[],
  from: Ms,
  moment: Ms,
  patience: Ms,
): Ms | undefined {
  return published.find(({ at }, index) => {
    if (at < from || at > moment - patience) return false;
    const arrivals = others
      .map((reading) => reading.arrivedAt(index + 1))
      .filter((time) => time !== undefined);
    return arrivals.length > 0 && arrivals.every((time) => time > moment);
  })?.at;
}

/** What the server took in for a slow reader, and how the reader came by it. */
export interface SlowReaderAccount {
  /** Since it became slow, up to the first publication that it never had or that nobody had, or to when it read again. */
  readonly heldFor: Ms;
  /** The bytes published meanwhile, all of which it had in the end. */
  readonly heldBytes: number;
  /** Reading again to the last of what had been published before; undefined where nothing newer came after. */
  readonly catchUp: Ms | undefined;
}

export function accountOf(
  reading: Reading,
  published: readonly Published[],
  { from, to, othersWaitedSince = to }: Slowness,
): SlowReaderAccount {
  let until = othersWaitedSince;
  let heldBytes = 0;
  let last: Ms = to;
  let newer = false;
  for (const [index, { at, bytes }] of published.entries()) {
    const arrival = reading.arrivedAt(index + 1);
    if (at >= to) {
      newer ||= arrival !== undefined;
      continue;
    }
    if (arrival !== undefined) last = ms(Math.max(last, arrival));
    if (at < from || at >= until) continue;
    if (arrival === undefined) until = at;
    else heldBytes += bytes;
  }
  return { heldFor: ms(until - from), heldBytes, catchUp: newer ? ms(last - to) : undefined };
}

/** The smallest value that 95 % of them do not exceed; undefined of none. */
export function p95(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(0.95 * sorted.length) - 1];
}

/** The measurements of one healthy reader: while everybody read, and beside the slow ones. */
export interface Comparison {
  readonly before: readonly number[];
  readonly beside: readonly number[];
}

/** Whether it rose by more than is allowed. What has no values on one side cannot tell. */
export function rose({ before, beside }: Comparison, allowance: Ms): boolean {
  const [low, high] = [p95(before), p95(beside)];
  return low !== undefined && high !== undefined && high - low > allowance;
}

/** Which of so many messages, in words: `1 of 60 messages (number 22)`, `4 of 60 messages (numbers 3-5, 9)`. */
export function whichOf(numbers: readonly number[], published: number): string {
  const what = numbers.length === 1 ? "number" : "numbers";
  return `${numbers.length} of ${published} messages (${what} ${ranges(numbers)})`;
}

/** Numbers in ascending order as people write them: `3-5, 9`. */
export function ranges(numbers: readonly number[]): string {
  const parts: [first: number, last: number][] = [];
  for (const number of numbers) {
    const part = parts.at(-1);
    if (part && part[1] === number - 1) part[1] = number;
    else parts.push([number, number]);
  }
  return parts.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(", ");
}
