import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { encodeFrame, isBinary, payloadOf } from "./frame.ts";
import { type Counts, countUp } from "./stats.ts";
import type { Message, Subscriber } from "./subscriber.ts";

/** What an endpoint does with the messages of one connection. */
export interface MessageHandler {
  /** `receivedAtMs` is the time of arrival by `performance.now()`. */
  message(data: Buffer, isBinary: boolean, receivedAtMs: number): void;
  closed?(): void;
}

/** One open WebSocket connection. */
export class Connection implements Subscriber {
  /** Unique within the server: `c1`, `c2`, … in the order of opening. */
  readonly id: string;
  readonly ws: WebSocket;
  /** Ends the TCP connection with a reset: no Close frame, nothing more is sent. */
  readonly reset: () => void;
  /** Replies that wait for their time. */
  repliesWaiting = 0;
  readonly #socket: Duplex;
  readonly #counts: Counts;
  #ignoresClose = false;
  #holds = 0;
  #messagesToReset = 0;

  constructor(counts: Counts, ws: WebSocket, socket: Duplex, reset: () => void) {
    this.id = `c${counts.connectionsOpened}`;
    this.ws = ws;
    this.reset = reset;
    this.#socket = socket;
    this.#counts = counts;
  }

  get open(): boolean {
    return this.ws.readyState === this.ws.OPEN;
  }

  /** Bytes written that the kernel has not taken: a reader that keeps up leaves none. */
  get bufferedBytes(): number {
    return this.ws.bufferedAmount;
  }

  sendJson(message: object): void {
    this.write(encodeFrame(JSON.stringify(message)));
  }

  /** Tells the peer the fault of its message, and which of its probes that settles. */
  sendError(reason: string, detail: string, echoId?: string | number): void {
    this.#counts.errorsSent++;
    this.sendJson({ type: "error", reason, detail, echoId });
  }

  /**
   * Writes an encoded frame past `ws`, which would encode it anew for each connection and write header and payload
   * apart. Safe because nothing else is ever half sent: there is no fragmentation. With compression, `ws` sends it
   * after all: the compressed bytes depend on the connection.
   */
  write(frame: Buffer): void {
    if (!this.open) return;
    if (this.ws.extensions === "") this.#socket.write(frame);
    else this.ws.send(payloadOf(frame), { binary: isBinary(frame) });
  }

  deliver(message: Message): void {
    this.write(message.frame);
  }

  /** Calls back once all that was written has left, or the connection has ended. */
  whenDrained(callback: () => void): void {
    const once = () => {
      this.#socket.off("drain", once).off("close", once);
      callback();
    };
    if (this.#socket.destroyed) setImmediate(callback);
    else this.#socket.on("drain", once).on("close", once);
  }

  close(code: number, reason: string): void {
    if (!this.open || this.#ignoresClose) return;
    countUp(this.#counts.closesSent, code);
    this.ws.close(code, reason);
  }

  /** From now on no Close frame is sent, neither as an answer nor otherwise. `ws` answers by its own `close`. */
  ignoreClose(): void {
    this.#ignoresClose = true;
    this.ws.close = () => {};
  }

  /** Resets the connection instead of handling its `nth` message from now; 0 for never. */
  resetOnMessage(nth: number): void {
    this.#messagesToReset = nth;
  }

  /** Counts a message; true when it is the one that resets the connection. */
  resetsNow(): boolean {
    if (this.#messagesToReset === 0 || --this.#messagesToReset > 0) return false;
    this.reset();
    return true;
  }

  /** Stops reading until each hold is released. */
  holdReading(): void {
    if (this.#holds++ === 0) this.ws.pause();
  }

  releaseReading(): void {
    if (--this.#holds === 0) this.ws.resume();
  }
}
