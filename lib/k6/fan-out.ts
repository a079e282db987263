import type { MetricName } from "../metrics.ts";
import { Sequence } from "../order.ts";
import { Grid } from "../pacing.ts";
import { type Duration, inMs, type Ms, ms } from "../units.ts";
import { now, sleepUntil } from "./clock.ts";
import { publishWhenDue, randomMark } from "./publish.ts";
import type { Record } from "./recorder.ts";

/** What a fan-out records. */
export const FAN_OUT_METRICS = [
  "ws_publications",
  "ws_deliveries",
  "ws_fanout_lag_ms",
  "ws_fanout_spread_ms",
  "ws_delivery_success_rate",
  "ws_messages_lost",
  "ws_messages_duplicated",
  "ws_messages_reordered",
  "ws_messages_late",
  "ws_messages_foreign",
  "ws_generator_delay_ms",
] as const satisfies readonly MetricName[];

export interface FanOutOptions {
  readonly record: Record;
  /** From a publication's due time: what comes later is late, and what has not come when the fan-out ends is lost. */
  readonly timeout: Duration;
}

/** When to publish. */
export interface Publishing {
  readonly every: Duration;
  readonly for: Duration;
}

/** A publication to be sent. */
export interface FanOutPublication {
  /** What each delivery of it must carry. */
  readonly id: string;
  /** Counted by its publisher, from 1. */
  readonly seq: number;
}

/** One publication, and who has yet to receive it. */
interface Published {
  readonly due: Ms;
  /** Subscribers who were there when it was published and have not had it. */
  owed: number;
  last: Ms;
}

/**
 * One room of a script that sends and reads its messages itself (docs/guides/fan-out-in-scripts.md): its members, its
 * publications, and the times of their deliveries. Publishers and subscribers must be in one virtual user, which has
 * one clock and knows which deliveries are due.
 */
export class FanOut {
  readonly #record: Record;
  readonly #timeout: Ms;
  readonly #mark = randomMark();
  /** By publisher, in the order of their sequence. */
  readonly #published: Published[][] = [];
  readonly #members = new Set<Member>();

  constructor({ record, timeout }: FanOutOptions) {
    this.#record = record;
    this.#timeout = inMs(timeout, "timeout");
  }

  /** Adds a subscriber. Every publication from here on is due to it. */
  join(): Subscriber {
    const member: Member = {
      from: this.#published.map(({ length }) => length),
      sequences: [],
      had: 0,
    };
    this.#members.add(member);
    return {
      arrived: (id, at) => this.#arrived(member, id, at),
      leave: () => this.#leave(member),
    };
  }

  /**
   * Publishes at each due time, whatever became of earlier publications.
   *
   * @param send sends a publication; false if no connection is left to send it on, which ends the publishing
   * @returns resolves when the last publication has had its time to arrive
   */
  async publish(
    { every, for: lasts }: Publishing,
    send: (publication: FanOutPublication) => boolean | undefined,
  ): Promise<void> {
    const publisher = this.#published.length;
    const mine: Published[] = [];
    this.#published.push(mine);
    const interval = inMs(every, "every");
    const start = now();
    const end = ms(start + inMs(lasts, "for"));
    const grid = new Grid(ms(start + Math.random() * interval), interval, end);
    await publishWhenDue(grid, this.#record, (due) => {
      const seq = mine.length + 1;
      // Before it is sent, since a delivery may come while it is.
      mine.push({ due, owed: this.#members.size, last: due });
      if (send({ id: `${this.#mark}-${publisher}-${seq}`, seq }) !== false) return "published";
      mine.pop();
      return "over";
    });
    await sleepUntil(ms(now() + this.#timeout));
  }

  #arrived(member: Member, id: string, at: Ms): void {
    const record = this.#record;
    const [mark, index, digits] = id.split("-");
    const publisher = Number(index);
    const seq = Number(digits);
    const publication = mark === this.#mark ? this.#published[publisher]?.[seq - 1] : undefined;
    const from = member.from[publisher] ?? 0;
    if (!publication || seq <= from || !this.#members.has(member)) {
      record("ws_messages_foreign", 1);
      return;
    }
    member.sequences[publisher] ??= new Sequence();
    const arrival = member.sequences[publisher].arrive(seq - from);
    if (arrival !== "in-order") record(`ws_messages_${arrival}`, 1);
    if (arrival === "duplicated") return;
    member.had++;
    const { due } = publication;
    const isLate = at > due + this.#timeout;
    if (isLate) record("ws_messages_late", 1);
    record("ws_deliveries", 1);
    record("ws_delivery_success_rate", !isLate);
    record("ws_fanout_lag_ms", at - due);
    publication.owed--;
    publication.last = ms(Math.max(publication.last, at));
    if (publication.owed === 0) record("ws_fanout_spread_ms", publication.last - due);
  }

  #leave(member: Member): void {
    if (!this.#members.delete(member)) return;
    const due = this.#published.reduce((sum, { length }, i) => sum + length - (member.from[i] ?? 0), 0);
    const lost = due - member.had;
    if (lost === 0) return;
    this.#record("ws_messages_lost", lost);
    for (let i = 0; i < lost; i++) this.#record("ws_delivery_success_rate", false);
  }
}

interface Member {
  /** By publisher: what had been published before it came. */
  readonly from: readonly number[];
  readonly sequences: (Sequence | undefined)[];
  /** Publications that came, each once. */
  had: number;
}

/** One subscriber of a {@link FanOut}. */
export interface Subscriber {
  /**
   * A delivery came.
   *
   * @param id as the publication has it; one of somebody else's counts as foreign
   * @param at when it was read: `arrivalOf(event)` of a WebSocket's event
   */
  arrived(id: string, at: Ms): void;
  /** It goes, or its connection is over. Deliveries that were due and have not come are lost. */
  leave(): void;
}
