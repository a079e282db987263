import type { Connection } from "./connection.ts";
import type { Faults } from "./faults.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Counts } from "./stats.ts";

/** An answer to one message. */
export interface Reply {
  /** Under which its applied delay is recorded. */
  readonly name: string;
  readonly frame: Buffer;
  /** When the message arrived, by `performance.now()`. */
  readonly receivedAtMs: number;
  /** From when the delay counts. Default `receivedAtMs`. */
  readonly fromMs?: number;
}

/** Sends replies: late, never or twice if a fault asks for it. */
export class Replies {
  readonly #faults: Faults;
  readonly #scheduler: Scheduler;
  readonly #counts: Counts;

  constructor(faults: Faults, scheduler: Scheduler, counts: Counts) {
    this.#faults = faults;
    this.#scheduler = scheduler;
    this.#counts = counts;
  }

  /** Sends a reply when its own delay is over: it may overtake one before it. */
  send(connection: Connection, reply: Reply): void {
    const { receivedAtMs, fromMs = receivedAtMs } = reply;
    const dueMs = fromMs + this.#faults.drawDelayMs();
    if (dueMs <= receivedAtMs) this.#sendNow(connection, reply);
    else this.#scheduler.at(dueMs, () => this.#sendNow(connection, reply));
  }

  /** Makes the function that sends replies over one connection without one overtaking another; it returns when they are due. */
  inOrder(connection: Connection): (reply: Reply) => number {
    let lastDueMs = 0;
    return (reply) => {
      const { receivedAtMs, fromMs = receivedAtMs } = reply;
      lastDueMs = Math.max(lastDueMs, fromMs + this.#faults.drawDelayMs());
      if (lastDueMs <= receivedAtMs && connection.repliesWaiting === 0) {
        this.#sendNow(connection, reply);
      } else {
        connection.repliesWaiting++;
        this.#scheduler.at(lastDueMs, () => {
          connection.repliesWaiting--;
          this.#sendNow(connection, reply);
        });
      }
      return lastDueMs;
    };
  }

  #sendNow(connection: Connection, { name, frame, receivedAtMs }: Reply): void {
    if (!connection.open) return;
    if (this.#faults.hit("loseReplies")) {
      this.#counts.repliesLost++;
      return;
    }
    this.#faults.delays.record(name, performance.now() - receivedAtMs);
    connection.write(frame);
    this.#counts.repliesSent++;
    if (!this.#faults.hit("repeatReplies")) return;
    connection.write(frame);
    this.#counts.repliesRepeated++;
  }
}
