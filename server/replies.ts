import type { Connection } from "./connection.ts";
import type { Faults } from "./faults.ts";
import type { Scheduler } from "./scheduler.ts";
import type { ServerStats } from "./stats.ts";

/** Sends replies: late, never or twice where a fault says so. */
export class Replies {
  readonly #faults: Faults;
  readonly #scheduler: Scheduler;
  readonly #stats: ServerStats;

  constructor(faults: Faults, scheduler: Scheduler, stats: ServerStats) {
    this.#faults = faults;
    this.#scheduler = scheduler;
    this.#stats = stats;
  }

  /**
   * Sends `frame` in answer to what arrived at `receivedAtMs`, `afterMs` and the delay fault later.
   * `reply` is the name under which the applied delay is recorded.
   */
  send(connection: Connection, reply: string, receivedAtMs: number, frame: Buffer, afterMs = 0): void {
    const delayMs = this.#faults.drawDelayMs() + afterMs;
    if (delayMs === 0) this.#sendNow(connection, reply, receivedAtMs, frame);
    else
      this.#scheduler.at(receivedAtMs + delayMs, () => this.#sendNow(connection, reply, receivedAtMs, frame));
  }

  #sendNow(connection: Connection, reply: string, receivedAtMs: number, frame: Buffer): void {
    if (!connection.open) return;
    if (this.#faults.hits("loseReplies")) {
      this.#stats.repliesLost++;
      return;
    }
    this.#faults.delays.record(reply, performance.now() - receivedAtMs);
    connection.write(frame);
    this.#stats.repliesSent++;
    if (!this.#faults.hits("repeatReplies")) return;
    connection.write(frame);
    this.#stats.repliesRepeated++;
  }
}
