import http from "k6/http";
import * as sockets from "k6/websockets";
import { type ConnectReason, connectReason, type MessageReason, messageReason } from "../reasons.ts";
import { type Ms, ms } from "../units.ts";
import { WallOffset } from "../wall-offset.ts";
import { callAt, now } from "./clock.ts";

type Timeouts = import("k6/x/realtime").Timeouts;

/** A WebSocket message: text, or bytes. */
export type Frame = string | Uint8Array;

/** What happened on a socket, with the time at which it did. Exactly one of `failed` and `opened` comes first. */
export interface SocketObserver {
  /** The 101 response came. */
  opened(at: Ms): void;
  /** There will be no connection. `error` is what the socket said, "" where it said nothing. */
  failed(reason: ConnectReason, error: string): void;
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
  /** How long the engine waits for the answer to our Close. Default: 5 s. */
  readonly closeWithin?: Ms;
  /** Makes the connection. Default: that of `k6/websockets`. */
  connect?(url: string, subprotocols: readonly string[], params: ConnectParams): K6WebSocket;
}

/** What a socket is given beside its URL: the engine's takes time-outs and has no cookie jar, k6's own the reverse. */
interface ConnectParams {
  readonly headers: { readonly [name: string]: string };
  readonly timeouts?: Timeouts;
  readonly jar?: http.CookieJar;
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
  onerror: (event: K6Event & { readonly error: string; readonly message?: string }) => void;
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
const K6WebSocket = sockets.WebSocket as unknown as new (
  url: string,
  subprotocols: readonly string[],
  params: ConnectParams,
) => K6WebSocket;

/** Whether the module that goes by the name of `k6/websockets` is k6's own: in `dist/x` it is the extension. */
export const onStockSockets = !("Swarm" in sockets);

/**
 * k6 gives the sockets of a virtual user one cookie jar, out of which a cookie that one simulated client was given
 * would be sent by the next: each has an empty jar of its own.
 */
const withK6: NonNullable<SocketOptions["connect"]> = (url, subprotocols, { headers, timeouts }) =>
  new K6WebSocket(
    url,
    subprotocols,
    onStockSockets ? { headers, jar: new http.CookieJar() } : { headers, ...(timeouts && { timeouts }) },
  );

/** Makes the engine's sockets, for scenarios whose load it drives whatever `k6/websockets` is. */
export const engineSocket =
  (Engine: typeof import("k6/x/realtime").WebSocket): NonNullable<SocketOptions["connect"]> =>
  (url, subprotocols, params) =>
    new Engine(url, subprotocols, params as object) as unknown as K6WebSocket; // the same calls and events

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
    this.socket = connect(url, subprotocols, {
      headers: { ...headers },
      timeouts: timeoutsOf(options),
    });
    this.socket.binaryType = "arraybuffer";

    let error = "";
    let message = "";
    this.stopWaiting = callAt(connectBy, () => {
      this.abandon();
      observer.failed("timeout", "");
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
      message = event.message ?? "";
      if (this.state === "open" && this.socket.reset) observer.breached?.(messageReason(error));
    };
    this.socket.onclose = ({ code, by }) => {
      this.stopWaiting();
      if (this.state === "connecting")
        this.fail(connectReason(error), [error, message].filter(Boolean).join(": "));
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

  /** Ends the connection where nobody looks at how the peer takes it, soon even if it does not answer our Close. */
  leave(): void {
    if (this.socket.reset) this.close(1000);
    else this.cut();
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

  private fail(reason: ConnectReason, error: string): void {
    if (this.state !== "connecting") return;
    this.state = "over";
    this.observer.failed(reason, error);
  }
}

/** Below the engine's own bound on each phase of connecting (10 s). */
const WITHIN_ITS_BOUNDS = ms(9_000);
/** Never reached. One value for all, since the engine has a loop for each set of bounds. */
const NO_BOUND = 3_600_000;

/** The engine's bounds: beyond `connectBy`, which is this side's to notice, so that all sockets give up alike. */
function timeoutsOf({ connectBy, closeWithin }: SocketOptions): Timeouts {
  const connecting =
    connectBy - now() > WITHIN_ITS_BOUNDS &&
    ({ resolveMs: NO_BOUND, tcpMs: NO_BOUND, tlsMs: NO_BOUND, upgradeMs: NO_BOUND } as const);
  return { ...connecting, ...(closeWithin !== undefined && { closeMs: closeWithin }) };
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
