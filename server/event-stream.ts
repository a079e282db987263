import type { ServerResponse } from "node:http";
import type { Faults, StreamFault } from "./faults.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Counts } from "./stats.ts";
import type { Message, Subscriber } from "./subscriber.ts";

/** How long the second half of a character waits. */
const HALF_CHARACTER_MS = 5;

export interface EventStreamParts {
  readonly faults: Faults;
  readonly scheduler: Scheduler;
  readonly counts: Counts;
  /** Ends the TCP connection under a response with a reset. */
  readonly reset: (response: ServerResponse) => void;
}

export type Cut = StreamFault<"cutStreams">["how"];
type Item = { readonly kind: "event" | "rest" | "comment" | "end"; readonly bytes: Buffer };

/** A response that is a stream of events. What is written passes the faults that hit this stream. */
export class EventStream implements Subscriber {
  readonly #parts: EventStreamParts;
  readonly #response: ServerResponse;
  readonly #halve: StreamFault<"halveCharacters"> | undefined;
  readonly #bufferBytes: number;
  #stall: StreamFault<"stallStreams"> | undefined;
  #cut: StreamFault<"cutStreams"> | undefined;
  /** Events until the cut. */
  #untilCut = 0;
  /** Events written, as far as faults count them. */
  #written = 0;
  #waiting: Item[] | undefined;
  #buffered: Buffer[] = [];
  #bufferedBytes = 0;
  #open = true;

  constructor(parts: EventStreamParts, response: ServerResponse) {
    this.#parts = parts;
    this.#response = response;
    const { faults, counts } = parts;
    this.#halve = faults.hit("halveCharacters");
    this.#stall = faults.hit("stallStreams");
    this.#bufferBytes = faults.hit("bufferStreams")?.bytes ?? 0;
    counts.streamsOpened++;
    counts.streamsOpen++;
    response.once("close", () => {
      counts.streamsOpen--;
      this.#open = false;
      this.#waiting = undefined;
    });
    response.on("error", () => {}); // the peer has gone: `close` follows
    response.writeHead(200, {
      "content-type": faults.hit("mistypeStreams")?.type ?? "text/event-stream",
      "cache-control": "no-cache",
    });
    if (this.#bufferBytes === 0) response.flushHeaders();
  }

  get open(): boolean {
    return this.#open;
  }

  get bufferedBytes(): number {
    return this.#response.writableLength;
  }

  /** Calls back when the stream has ended, whoever ended it. */
  whenClosed(callback: () => void): void {
    this.#response.once("close", callback);
  }

  whenDrained(callback: () => void): void {
    const once = () => {
      this.#response.off("drain", once).off("close", once);
      callback();
    };
    if (this.#open) this.#response.on("drain", once).on("close", once);
    else setImmediate(callback);
  }

  deliver(message: Message): void {
    this.event(message.event);
  }

  /** Writes an encoded event. False where the stream has ended, or is cut in its place. */
  event(bytes: Buffer): boolean {
    this.#pass({ kind: "event", bytes });
    return this.#open;
  }

  /** Writes a comment, which keeps connections from being taken for dead. */
  comment(text: string): void {
    this.#parts.counts.streamComments++;
    this.#pass({ kind: "comment", bytes: Buffer.from(`: ${text}\n\n`) });
  }

  /** Tells the client how long to wait before it connects again. */
  retry(ms: number): void {
    this.#pass({ kind: "comment", bytes: Buffer.from(`retry: ${ms}\n\n`) });
  }

  /** Ends the response in good order, after what waits. */
  end(): void {
    this.#pass({ kind: "end", bytes: Buffer.alloc(0) });
  }

  close(): void {
    this.end();
  }

  /** Cuts the stream in place of a later event. `undefined` takes that back. */
  cutLater(cut: StreamFault<"cutStreams"> | undefined): void {
    this.#cut = cut;
    this.#untilCut = cut?.afterEvents ?? 0;
  }

  /** Cuts the stream now. */
  cut(how: Cut): void {
    if (!this.#open) return;
    this.#open = false;
    if (how === "end") {
      this.#response.end();
      return;
    }
    // What was written leaves at the end of this turn of the loop.
    setImmediate(() => {
      if (how === "reset") this.#parts.reset(this.#response);
      else this.#response.socket?.end();
    });
  }

  #pass(item: Item): void {
    if (!this.#open) return;
    if (this.#waiting) this.#waiting.push(item);
    else this.#emit(item);
  }

  #emit(item: Item): void {
    if (item.kind === "event" && this.#hitByFault(item)) return;
    if (item.kind === "end") {
      this.#flush();
      this.#open = false;
      this.#response.end();
      return;
    }
    if (item.kind === "event") {
      this.#written++;
      this.#parts.counts.streamEvents++;
    }
    if (item.kind === "event" && this.#halve) this.#writeHalved(item.bytes, this.#halve.how);
    else this.#write(item.bytes);
  }

  /** Whether something else happens than that the event is written now. */
  #hitByFault(item: Item): boolean {
    if (this.#cut?.afterEvents !== undefined && this.#untilCut-- === 0) {
      if (this.#cut.inEvent) this.#write(item.bytes.subarray(0, item.bytes.length >> 1));
      this.#flush();
      this.cut(this.#cut.how);
      return true;
    }
    if (this.#stall && this.#written === this.#stall.afterEvents) {
      const { forMs } = this.#stall;
      this.#stall = undefined;
      if (this.#cut) this.#untilCut++; // the event comes again
      this.#pause(forMs, [item]);
      return true;
    }
    return false;
  }

  /** Lets `first`, and all that comes, wait for a time. */
  #pause(forMs: number, first: Item[] = []): void {
    this.#waiting = first;
    this.#parts.scheduler.at(performance.now() + forMs, () => {
      const items = this.#waiting ?? [];
      this.#waiting = undefined;
      for (const item of items) this.#pass(item);
    });
  }

  /** Writes an event whose first character of several bytes may be halved. */
  #writeHalved(bytes: Buffer, how: "split" | "invalid"): void {
    const lead = bytes.findIndex((byte) => byte >= 0xc0);
    if (lead < 0) {
      this.#write(bytes);
      return;
    }
    this.#write(bytes.subarray(0, lead + 1));
    const rest = bytes.subarray(lead + 1);
    if (how === "split") this.#pause(HALF_CHARACTER_MS, [{ kind: "rest", bytes: rest }]);
    else this.#write(rest.subarray(rest.findIndex((byte) => byte < 0x80)));
  }

  #write(bytes: Buffer): void {
    if (this.#bufferBytes === 0) {
      this.#response.write(bytes);
      return;
    }
    this.#buffered.push(bytes);
    this.#bufferedBytes += bytes.length;
    if (this.#bufferedBytes >= this.#bufferBytes) this.#flush();
  }

  #flush(): void {
    if (this.#buffered.length === 0) return;
    this.#response.write(Buffer.concat(this.#buffered));
    this.#buffered = [];
    this.#bufferedBytes = 0;
  }
}
