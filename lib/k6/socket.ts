import { WebSocket } from "k6/websockets";
import { type ConnectReason, connectReason, type MessageReason, messageReason } from "../reasons.ts";
import { type Ms, ms } from "../units.ts";
import { WallOffset } from "../wall-offset.ts";
import { callAt, now } from "./clock.ts";

/** A WebSocket message: text, or bytes. */
export type Frame = string | Uint8Array;

/** What happened on a socket, with the time at which it did. Exactly one of `failed` and `opened` comes first. */
export interface SocketObserver {
  /** The 101 response came. */
  opened(at: Ms): void;
  /** There will be no connection. */
  failed(reason: ConnectReason): void;
  /** A message: when its bytes were read, and when this call was made. */
  received(frame: Frame, at: Ms, handledAt: Ms): void;
  /** The peer broke WebSocket itself, which ends the connection; stock k6 does not tell. */
  breached?(reason: MessageReason): void;
  /**
   * An opened connection ended; `code` is the peer's, undefined where no Close frame came. `unanswered`: because the
   * peer did not answer our Close in time.
   */
  closed(code: number | undefined, unanswered: boolean): void;
}

export interface SocketOptions {
  readonly url: string;
  readonly subprotocols: readonly string[];
  readonly headers: { readonly [name: string]: string };
  /** When to give up waiting for the 101. */
  readonly connectBy: Ms;
  /** Makes the connection. Default: that of `k6/websockets`. */
  connect?(url: string, subprotocols: readonly string[], params: ConnectParams): K6WebSocket;
}

interface ConnectParams {
  readonly headers: { readonly [name: string]: string };
}

/**
 * What `k6/websockets` really gives; its published types leave out most of the events' fields. In `dist/x` it is the
 * WebSocket of `k6/x/realtime`, which has more.
 */
export interface K6WebSocket {
  readonly readyState: number;
  binaryType: "arraybuffer" | "blob";
  onopen: (event: K6Event) => void;
  onmessage: (event: K6Event & { readonly data: string | ArrayBuffer }) => void;
  onerror: (event: K6Event & { readonly error: string }) => void;
  onclose: (event: K6Event & { readonly code?: number; readonly by?: string }) => void;
  send(data: string | ArrayBuffer | Uint8Array): void;
  ping(): void;
  close(code?: number): void;
  /** The engine's alone: ends the connection by a RST. */
  reset?(): void;
}
interface K6Event {
  /** Milliseconds since 1970, fractional. */
  readonly timestamp: number;
  /** The engine's alone: how long ago it happened, in milliseconds. */
  readonly ageMs?: number;
}
const K6WebSocket = WebSocket as unknown as new (
  url: string,
  subprotocols: readonly string[],
  params: ConnectParams,
) => K6WebSocket;

const withK6: NonNullable<SocketOptions["connect"]> = (...given) => new K6WebSocket(...given);

const OPEN = 1;

/** One clock offset for all sockets of a virtual user: they share both clocks. */
const wallOffset = new WallOffset();

/** One connection of `k6/websockets`, with the traps of stock k6's avoided; the engine's has none of them. */
export class Socket {
  private readonly socket: K6WebSocket;
  private readonly observer: SocketObserver;
  private state: "connecting" | "open" | "over" = "connecting";
  private readonly stopWaiting: () => void;

  constructor(options: SocketOptions, observer: SocketObserver) {
    const { url, subprotocols, headers, connectBy, connect = withK6 } = options;
    this.observer = observer;
    this.socket = connect(url, subprotocols, { headers: { ...headers } });
    this.socket.binaryType = "arraybuffer";

    let error = "";
    this.stopWaiting = callAt(connectBy, () => {
      this.abandon();
      observer.failed("timeout");
    });
    this.socket.onopen = (event) => {
      this.stopWaiting();
      if (this.state === "over") {
        this.socket.close();
        return;
      }
      this.state = "open";
      observer.opened(arrival(event, now()));
    };
    this.socket.onmessage = (event) => {
      const handledAt = now();
      const { data } = event;
      if (this.state !== "open") return;
      const frame = typeof data === "string" ? data : new Uint8Array(data);
      observer.received(frame, arrival(event, handledAt), handledAt);
    };
    this.socket.onerror = (event) => {
      error = event.error;
      if (this.state === "open" && this.socket.reset) observer.breached?.(messageReason(error));
    };
    this.socket.onclose = ({ code, by }) => {
      this.stopWaiting();
      if (this.state === "connecting") this.fail(connectReason(error));
      else if (this.state === "open") {
        this.state = "over";
        observer.closed(code, by === "timeout");
      }
    };
  }

  /** Sends a message; false when the connection is no longer open. */
  send(frame: Frame): boolean {
    if (this.socket.readyState !== OPEN) return false;
    this.socket.send(typeof frame === "string" ? frame : exactBuffer(frame));
    return true;
  }

  /**
   * Sends Close. `closed` follows when the peer answers, or never. A socket that is still connecting is given up
   * instead: its observer hears nothing more.
   */
  close(code: number): void {
    if (this.state === "open") this.socket.close(code);
    else this.abandon();
  }

  /** Sends a Ping (RFC 6455 section 5.5.2); k6 counts the Pong as `ws_ping`. */
  ping(): void {
    if (this.socket.readyState === OPEN) this.socket.ping();
  }

  /**
   * Sends Close and ends the TCP connection without waiting for an answer: a peer that is gone never answers, and
   * would hold k6 past the end of the test. Stock k6 has no such call, but ends a connection that it fails to write to,
   * as it must after a Close; send() refuses to by itself, unless the Close comes while it looks at what to send.
   */
  cut(): void {
    if (this.state === "connecting") this.abandon();
    if (this.socket.readyState !== OPEN) return;
    if (this.socket.reset) {
      this.socket.close(1000);
      this.socket.reset();
      return;
    }
    const { isView } = ArrayBuffer;
    ArrayBuffer.isView = (value: unknown): value is ArrayBufferView => {
      this.socket.close(1000);
      return isView(value);
    };
    try {
      this.socket.send(new Uint8Array(1));
    } finally {
      ArrayBuffer.isView = isView;
    }
  }

  /**
   * Gives up a socket that is connecting. close() on one hangs stock k6 for good: it is closed once it opens, if it
   * does.
   */
  private abandon(): void {
    if (this.state !== "connecting") return;
    this.state = "over";
    this.stopWaiting();
    if (this.socket.reset) this.socket.close();
  }

  private fail(reason: ConnectReason): void {
    if (this.state !== "connecting") return;
    this.state = "over";
    this.observer.failed(reason);
  }
}

/**
 * When an event happened, on the script's clock. The engine says how long ago that was. Stock k6 stamps it in the
 * goroutine that read the socket (js/modules/k6/websockets, readPump); the handler runs whenever the event loop
 * comes to it.
 */
const arrival = ({ timestamp, ageMs }: K6Event, handledAt: Ms): Ms =>
  ageMs === undefined ? wallOffset.arrival(timestamp, handledAt) : ms(handledAt - ageMs);

/** The message's own bytes: k6 sends a view's whole buffer. */
function exactBuffer(bytes: Uint8Array): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}
