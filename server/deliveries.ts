import type { Faults } from "./faults.ts";
import type { Scheduler } from "./scheduler.ts";
import { decideDelivery, type SlowReaderPolicy } from "./slow-reader.ts";
import type { Counts } from "./stats.ts";
import type { Message, Subscriber } from "./subscriber.ts";

/** How long a delivery that is to be reordered waits for one to go before it. */
const HOLD_MS = 1_000;

export interface DeliveryOptions {
  readonly slowReader: SlowReaderPolicy;
  readonly maxBufferedBytes: number;
}

/** Makes deliveries: by the slow-reader policy, and lost, twice or out of order if a fault asks for it. */
export class Deliveries {
  readonly #options: DeliveryOptions;
  readonly #faults: Faults;
  readonly #scheduler: Scheduler;
  readonly #counts: Counts;
  /** By subscriber and publisher, the delivery that waits to be overtaken. */
  readonly #held = new WeakMap<Subscriber, Map<string, Message>>();

  constructor(options: DeliveryOptions, faults: Faults, scheduler: Scheduler, counts: Counts) {
    this.#options = options;
    this.#faults = faults;
    this.#scheduler = scheduler;
    this.#counts = counts;
  }

  /** Makes one delivery. False when it must be tried again once the subscriber has drained. */
  make(subscriber: Subscriber, publisher: string, message: Message): boolean {
    if (!subscriber.open) return true;
    const { slowReader, maxBufferedBytes } = this.#options;
    switch (decideDelivery(slowReader, subscriber.bufferedBytes, message.bytes, maxBufferedBytes)) {
      case "send":
        if (this.#faults.actOnDeliveries) this.#makeFaulty(subscriber, publisher, message);
        else this.#send(subscriber, message);
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
  replay(subscriber: Subscriber, missed: readonly Message[]): void {
    const messages = missed.filter(() => {
      const lost = this.#faults.hit("loseReplays") !== undefined;
      if (lost) this.#counts.replaysLost++;
      return !lost;
    });
    for (let index = 0; index + 1 < messages.length; index++) {
      if (!this.#faults.hit("reorderReplays")) continue;
      [messages[index], messages[index + 1]] = [messages[index + 1]!, messages[index]!];
      this.#counts.replaysReordered++;
      index++; // a message is moved once
    }
    for (const message of messages) {
      subscriber.deliver(message);
      this.#counts.replaysSent++;
      if (!this.#faults.hit("repeatReplays")) continue;
      subscriber.deliver(message);
      this.#counts.replaysRepeated++;
    }
  }

  #makeFaulty(subscriber: Subscriber, publisher: string, message: Message): void {
    if (this.#faults.hit("loseDeliveries")) {
      this.#counts.deliveriesLost++;
      return;
    }
    const held = this.#takeHeld(subscriber, publisher);
    if (held) {
      this.#send(subscriber, message);
      this.#send(subscriber, held);
      this.#counts.deliveriesReordered++;
    } else if (this.#faults.hit("reorderDeliveries")) {
      this.#hold(subscriber, publisher, message);
    } else {
      this.#send(subscriber, message);
      if (!this.#faults.hit("repeatDeliveries")) return;
      subscriber.deliver(message);
      this.#counts.deliveriesRepeated++;
    }
  }

  #send(subscriber: Subscriber, message: Message): void {
    subscriber.deliver(message);
    this.#counts.deliveriesSent++;
  }

  #hold(subscriber: Subscriber, publisher: string, message: Message): void {
    const held = this.#held.get(subscriber) ?? new Map<string, Message>();
    this.#held.set(subscriber, held.set(publisher, message));
    this.#scheduler.at(performance.now() + HOLD_MS, () => {
      if (held.get(publisher) !== message || !subscriber.open) return;
      held.delete(publisher);
      this.#send(subscriber, message);
    });
  }

  #takeHeld(subscriber: Subscriber, publisher: string): Message | undefined {
    const held = this.#held.get(subscriber);
    const message = held?.get(publisher);
    held?.delete(publisher);
    return message;
  }
}
