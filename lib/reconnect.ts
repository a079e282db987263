/**
 * Which of a room's messages a subscriber has in the end, although it was cut off. Pure: the caller reports the
 * publications and the deliveries.
 */
import { Sequence } from "./order.ts";
import type { GAP_FATES, Outcome } from "./reasons.ts";

/** What clients come to when their server cuts connections, what is right first. */
export const RECONNECT_OUTCOMES = [
  "came_back",
  "stayed",
  "gone",
  "not_ready",
] as const satisfies readonly Outcome[];

export const RECONNECT_MEANINGS: Readonly<Record<(typeof RECONNECT_OUTCOMES)[number], string>> = {
  came_back: "was cut off, and whole again before the end",
  stayed: "was never cut off",
  gone: "was cut off and not whole again by the end",
  not_ready: "the first connection or its session never opened",
};

/** What became of a message that was published while a subscriber was away. */
export type Fate = (typeof GAP_FATES)[number];

/** What one delivery was: a message of a gap, or one published while the subscriber was there. */
export type GapArrival =
  | { readonly fate: Exclude<Fate, "lost"> }
  | { readonly fate: undefined; readonly arrival: "in-order" | "reordered" | "duplicated" };

/** From the last message before a drop, exclusive, to the last one before the client was whole again, inclusive. */
interface Gap {
  readonly after: number;
  upTo: number;
  /**
   * The last message that the server surely had before the new connection: later ones may come live, before or among the replay,
   * so that its order says nothing.
   */
  replayedUpTo: number;
  /** The highest number up to there that came. */
  highest: number;
}

/** One subscriber of a room with one publisher, whose sequence counts from 1. */
export class GapAccount {
  private readonly sequence = new Sequence();
  private readonly gaps: Gap[] = [];
  private away = false;
  /** What this connection asked the server to go on after. */
  private askedAfter = Number.POSITIVE_INFINITY;
  /** What this connection brought of a gap: a message comes to it once, even where it asked for it again. */
  private readonly brought = new Set<number>();

  /** The connection ended without our doing. */
  dropped(): void {
    if (this.away) return;
    this.away = true;
    const { highest } = this.sequence;
    this.gaps.push({ after: highest, upTo: Number.POSITIVE_INFINITY, replayedUpTo: highest, highest });
  }

  /**
   * A new connection is open, and its session begins.
   *
   * @param delivered the highest number that anybody had up to now
   * @param askedAfter the number after which it asks the server to go on, where that is known
   */
  opened(delivered: number, askedAfter = Number.POSITIVE_INFINITY): void {
    this.askedAfter = askedAfter;
    this.brought.clear();
    if (this.away) this.gaps.at(-1)!.replayedUpTo = delivered;
  }

  /** The client is whole again; `published` is the number of the last message up to now. */
  whole(published: number): void {
    if (!this.away) return;
    this.away = false;
    this.gaps.at(-1)!.upTo = published;
  }

  /** Whether it is whole, and had all that was published while it was away. */
  get caughtUp(): boolean {
    const gap = this.gaps.at(-1);
    if (this.away || !gap) return !this.away;
    if (this.sequence.highest < gap.upTo) return false;
    return ![...this.sequence.missing].some((seq) => seq > gap.after && seq <= gap.upTo);
  }

  arrive(seq: number): GapArrival {
    const arrival = this.sequence.arrive(seq);
    const gap = this.gapOf(seq);
    // Only a replay brings again a message from before the last cut, whether the client is whole by then or not. In a
    // protocol whose sessions have no steps, the client is whole at once.
    const isOld = seq <= (this.gaps.at(-1)?.after ?? 0);
    if (arrival === "duplicated" && (gap || isOld)) {
      // Who was cut off while it caught up asks for some of it again.
      if (seq > this.askedAfter && !this.brought.has(seq)) {
        this.brought.add(seq);
        return { fate: undefined, arrival: "in-order" };
      }
      return { fate: "repeated" };
    }
    if (!gap) return { fate: undefined, arrival };
    this.brought.add(seq);
    if (seq > gap.replayedUpTo) return { fate: "replayed" };
    if (seq < gap.highest) return { fate: "reordered" };
    gap.highest = seq;
    return { fate: "replayed" };
  }

  /** Messages up to number `published` that never came, within the gaps and outside; `due` says which were. */
  missing(published: number, due: (seq: number) => boolean): { inGap: number; outside: number } {
    const missing = { inGap: 0, outside: 0 };
    const count = (seq: number) => {
      if (due(seq)) missing[this.gapOf(seq) ? "inGap" : "outside"]++;
    };
    for (const seq of this.sequence.missing) count(seq);
    for (let seq = this.sequence.highest + 1; seq <= published; seq++) count(seq);
    return missing;
  }

  private gapOf(seq: number): Gap | undefined {
    return this.gaps.find(({ after, upTo }) => seq > after && seq <= upTo);
  }
}
