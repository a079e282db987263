import { encodeEvent } from "./event.ts";
import { encodeFrame } from "./frame.ts";

/** A published message. It is encoded once for each wire that it is delivered over. */
export class Message {
  readonly seq: number;
  readonly #text: string;
  #frame: Buffer | undefined;
  #event: Buffer | undefined;

  constructor(seq: number, text: string) {
    this.seq = seq;
    this.#text = text;
  }

  /** As a WebSocket frame. */
  get frame(): Buffer {
    this.#frame ??= encodeFrame(this.#text);
    return this.#frame;
  }

  /** As an event whose id is the message's number. */
  get event(): Buffer {
    this.#event ??= encodeEvent({ id: String(this.seq), data: this.#text });
    return this.#event;
  }

  get bytes(): number {
    return this.frame.length;
  }
}

/** A member of a room. */
export interface Subscriber {
  readonly open: boolean;
  /** Bytes written that the kernel has not taken. */
  readonly bufferedBytes: number;
  deliver(message: Message): void;
  /** Calls back once all that was written has left, or the connection has ended. */
  whenDrained(callback: () => void): void;
  /** `code` is for wires that have one. */
  close(code: number, reason: string): void;
}
