import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { encodeFrame } from "./frame.ts";

/** What an endpoint does with the messages of one connection. */
export interface MessageHandler {
  /** `receivedAtMs` is the time of arrival by `performance.now()`. */
  message(data: Buffer, isBinary: boolean, receivedAtMs: number): void;
  closed?(): void;
}

/** One open WebSocket connection. */
export class Connection {
  /** Unique within the server: `c1`, `c2`, … in the order of opening. */
  readonly id: string;
  readonly ws: WebSocket;
  readonly #socket: Duplex;
  #holds = 0;

  constructor(ordinal: number, ws: WebSocket, socket: Duplex) {
    this.id = `c${ordinal}`;
    this.ws = ws;
    this.#socket = socket;
  }

  get open(): boolean {
    return this.ws.readyState === this.ws.OPEN;
  }

  sendJson(message: object): void {
    this.write(encodeFrame(JSON.stringify(message)));
  }

  /**
   * Writes an encoded frame past `ws`, which would encode it anew for each connection and write header and payload
   * apart. Safe because nothing else is ever half sent: there is no compression and no fragmentation.
   */
  write(frame: Buffer): void {
    if (this.open) this.#socket.write(frame);
  }

  /** Stops reading until each hold is released. */
  holdReading(): void {
    if (this.#holds++ === 0) this.ws.pause();
  }

  releaseReading(): void {
    if (--this.#holds === 0) this.ws.resume();
  }
}
