/** In which order a room's messages reached its subscribers. Pure: callers report publications and arrivals. */

/** What one delivery was. */
export type Arrival = "in-order" | "reordered" | "duplicated" | "foreign";

/** What one subscriber had of one publisher, whose sequence counts from 1. */
export class Sequence {
  /** The highest number that came. */
  highest = 0;
  /** Numbers below it that have not come. */
  readonly missing = new Set<number>();

  arrive(seq: number): Exclude<Arrival, "foreign"> {
    if (seq > this.highest) {
      for (let skipped = this.highest + 1; skipped < seq; skipped++) this.missing.add(skipped);
      this.highest = seq;
      return "in-order";
    }
    return this.missing.delete(seq) ? "reordered" : "duplicated";
  }
}

/** One room: everybody in it publishes, and is to receive what everybody publishes, each publisher's in its order. */
export class RoomOrder {
  /** How many messages each publisher has sent. */
  private readonly published: number[];
  /** By publisher: the numbers of messages that the server did not take. */
  private readonly withdrawn: Set<number>[];
  /** By subscriber and publisher. */
  private readonly sequences: Sequence[][];
  /** By subscriber: the messages as they came first, as one number each. */
  private readonly arrivals: number[][];
  private readonly members: number;

  constructor(members: number) {
    this.members = members;
    this.published = Array.from({ length: members }, () => 0);
    this.withdrawn = this.published.map(() => new Set());
    this.sequences = this.published.map(() => this.published.map(() => new Sequence()));
    this.arrivals = this.published.map(() => []);
  }

  /** The number of the publisher's next message. */
  next(publisher: number): number {
    this.published[publisher] = this.published[publisher]! + 1;
    return this.published[publisher];
  }

  /** Takes a publication back which the server did not take, or may not have taken: nobody is due it. */
  withdraw(publisher: number, seq: number): void {
    this.withdrawn[publisher]!.add(seq);
  }

  arrive(subscriber: number, publisher: number, seq: number): Arrival {
    const sent = this.published[publisher];
    if (sent === undefined || !(seq >= 1 && seq <= sent)) return "foreign";
    const arrival = this.sequences[subscriber]![publisher]!.arrive(seq);
    if (arrival !== "duplicated") this.arrivals[subscriber]!.push(seq * this.members + publisher);
    return arrival;
  }

  /** Deliveries to the subscriber that were due and have not come. */
  lost(subscriber: number): number {
    return this.sequences[subscriber]!.reduce((sum, { highest, missing }, publisher) => {
      const notDue = [...this.withdrawn[publisher]!].filter((seq) => seq > highest || missing.has(seq));
      return sum + missing.size + this.published[publisher]! - highest - notDue.length;
    }, 0);
  }

  /**
   * Deliveries that came to the subscriber after a message which the room's first subscriber had later: to the two
   * of them the room's story differs. What only one of them had does not count.
   */
  crossed(subscriber: number): number {
    const places = new Map(this.arrivals[0]!.map((message, place) => [message, place]));
    let furthest = -1;
    let crossed = 0;
    for (const message of this.arrivals[subscriber]!) {
      const place = places.get(message) ?? furthest;
      if (place < furthest) crossed++;
      else furthest = place;
    }
    return crossed;
  }
}
