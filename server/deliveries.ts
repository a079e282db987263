import type { Connection } from "./connection.ts";
import type { Faults } from "./faults.ts";
import type { Scheduler } from "./scheduler.ts";
import { decideDelivery, type SlowReaderPolicy } from "./slow-reader.ts";
import type { Counts } from "./stats.ts";

/** How long a delivery that is to be reordered waits for one to go before it. */
const HOLD_MS = 1_000;

export interface DeliveryOptions {
  readonly slowReader: SlowReaderPolicy;
  readonly maxBufferedBytes: number;
}

/** Makes deliveries: as the slow-reader policy says, and lost, twice or out of order where a fault says so. */
export class Deliveries {
  readonly #options: DeliveryOptions;
  readonly #faults: Faults;
  readonly #scheduler: Scheduler;
  readonly #counts: Counts;
  /** By subscriber and publisher, the delivery that waits to be overtaken. */
  readonly #held = new WeakMap<Connection, Map<string, Buffer>>();

  constructor(options: DeliveryOptions, faults: Faults, scheduler: Scheduler, counts: Counts) {
    this.#options = options;
    this.#faults = faults;
    this.#scheduler = scheduler;
    this.#counts = counts;
  }

  /** Makes one delivery. False when it must be tried again once the subscriber has drained. */
  make(subscriber: Connection, publisher: string, frame: Buffer): boolean {
    if (!subscriber.open) return true;
    const { slowReader, maxBufferedBytes } = this.#options;
    switch (decideDelivery(slowReader, subscriber.bufferedBytes, frame.length, maxBufferedBytes)) {
      case "send":
        if (this.#faults.actOnDeliveries) this.#makeFaulty(subscriber, publisher, frame);
        else this.#send(subscriber, frame);
        return true;
      case "drop":
        this.#counts.slowReaderDrops++;
        return true;
      case "close":
        this.#counts.slowReaderCloses++;
        subscriber.close(1013, "reads too slowly");
        return true;
      case "wait":
        return false;
    }
  }

  /** Sends again, in order, what a subscriber missed that was away. */
  replay(subscriber: Connection, missed: readonly Buffer[]): void {
    const frames = missed.filter(() => {
      const lost = this.#faults.hit("loseReplays") !== undefined;
      if (lost) this.#counts.replaysLost++;
      return !lost;
    });
    for (let index = 0; index + 1 < frames.length; index++) {
      if (!this.#faults.hit("reorderReplays")) continue;
      [frames[index], frames[index + 1]] = [frames[index + 1]!, frames[index]!];
      this.#counts.replaysReordered++;
      index++; // a frame is moved once
    }
    for (const frame of frames) {
      subscriber.write(frame);
      this.#counts.replaysSent++;
      if (!this.#faults.hit("repeatReplays")) continue;
      subscriber.write(frame);
      this.#counts.replaysRepeated++;
    }
  }

  #makeFaulty(subscriber: Connection, publisher: string, frame: Buffer): void {
    if (this.#faults.hit("loseDeliveries")) {
      this.#counts.deliveriesLost++;
      return;
    }
    const held = this.#takeHeld(subscriber, publisher);
    if (held) {
      this.#send(subscriber, frame);
      this.#send(subscriber, held);
      this.#counts.deliveriesReordered++;
    } else if (this.#faults.hit("reorderDeliveries")) {
      this.#hold(subscriber, publisher, frame);
    } else {
      this.#send(subscriber, frame);
      if (!this.#faults.hit("repeatDeliveries")) return;
      subscriber.write(frame);
      this.#counts.deliveriesRepeated++;
    }
  }

  #send(subscriber: Connection, frame: Buffer): void {
    subscriber.write(frame);
    this.#counts.deliveriesSent++;
  }

  #hold(subscriber: Connection, publisher: string, frame: Buffer): void {
    const held = this.#held.get(subscriber) ?? new Map<string, Buffer>();
    this.#held.set(subscriber, held.set(publisher, frame));
    this.#scheduler.at(performance.now() + HOLD_MS, () => {
      if (held.get(publisher) !== frame || !subscriber.open) return;
      held.delete(publisher);
      this.#send(subscriber, frame);
    });
  }

  #takeHeld(subscriber: Connection, publisher: string): Buffer | undefined {
    const held = this.#held.get(subscriber);
    const frame = held?.get(publisher);
    held?.delete(publisher);
    return frame;
  }
}
