import http from "k6/http";
import * as sockets from "k6/websockets";
import { type Compression, NO_COMPRESSION } from "../compression.ts";
import { HTTP_1_1, type HttpVersion } from "../http-version.ts";
import { withoutQueries } from "../peer-text.ts";
import { utf8Length } from "../protocols/utf8.ts";
import { proxyFor } from "../proxy.ts";
import {
  type ConnectReason,
  connectReason,
  type DropCause,
  type MessageReason,
  messageReason,
} from "../reasons.ts";
import { SETTINGS, type Settings } from "../settings.ts";
import { type Ms, ms } from "../units.ts";
import { arrivalOf, type SocketEvent } from "./arrival.ts";
import { callAt, now } from "./clock.ts";
import { type Keeper, keepNotices } from "./notices.ts";

type Timeouts = import("k6/x/realtime").Timeouts;

/** A WebSocket message: text, or bytes. */
export type Frame = string | Uint8Array;

/** What happened on a socket, with the time at which it did. Exactly one of `failed` and `opened` comes first. */
export interface SocketObserver {
  /**
   * The 101 response came, or the head of an event stream, whose first byte came at `firstByteAt`. `compressed` says
   * whether compression was agreed on.
   */
  opened(at: Ms, compressed: boolean, firstByteAt?: Ms): void;
  /** The connection failed. `said` holds the socket's words, beside the reason. */
  failed(reason: ConnectReason, said: string): void;
  /** A message: when its bytes were read, and when this call was made. */
  received(frame: Frame, at: Ms, handledAt: Ms): void;
  /** The peer broke WebSocket itself, which stock k6 does not tell, or a limit of ours: either ends the connection. */
  breached?(reason: MessageReason): void;
  /**
   * An opened connection ended; `code` is the peer's, undefined where no Close frame came. `by` is who ended it where
   * it was meant to stay; `timeout` also where the peer did not answer our Close in time. `text` is what its Close
   * frame said beside. An event stream that its server ended has the code 0.
   */
  closed(code: number | undefined, by: DropCause, text: string, resumption?: Resumption): void;
}

/** The point from which an event stream resumes. */
export interface Resumption {
  /** To be sent as `Last-Event-ID`, unless it is empty. */
  readonly lastEventId: string;
  /** How long the server asked to wait before. */
  readonly retryMs: Ms | undefined;
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

/**
 * The parameters of a socket beside its URL. The engine's takes timeouts and has no cookie jar; with k6's own it is
 * the reverse.
 */
interface ConnectParams extends MessageLimits, Compression, HttpVersion {
  readonly headers: { readonly [name: string]: string };
  readonly timeouts?: Timeouts;
  readonly jar?: http.CookieJar;
}

interface MessageLimits {
  readonly messageBytes: number;
  readonly bufferedBytes: number;
}

/** Of all sockets of the script. */
let limits: MessageLimits = {
  messageBytes: Number(SETTINGS.MESSAGE_BYTES.default),
  bufferedBytes: Number(SETTINGS.BUFFERED_BYTES.default),
};

/** Sets the largest message that sockets take from here on. */
export function limitMessages(settings: Settings<"MESSAGE_BYTES" | "BUFFERED_BYTES">): void {
  limits = { messageBytes: settings.MESSAGE_BYTES, bufferedBytes: settings.BUFFERED_BYTES };
}

/** The largest message that connections take, in bytes. */
export const messageBytes = (): number => limits.messageBytes;

let httpVersion = HTTP_1_1;

/** Sets by which version of HTTP sockets connect from here on. Those of stock k6 know one. */
export function connectBy(version: HttpVersion): void {
  httpVersion = version;
}

let compression = NO_COMPRESSION;

/** Sets what sockets offer from here on. */
export function compressMessages(offered: Compression): void {
  compression = offered;
}

/**
 * What `k6/websockets` really gives; its published types leave out most of the events' fields. In `dist/x` it is the
 * WebSocket of `k6/x/realtime`, which has more.
 */
export interface K6WebSocket {
  readonly readyState: number;
  /** The agreed extensions. Stock k6 gives one text for each header line. */
  readonly extensions: string | readonly string[];
  binaryType: "arraybuffer" | "blob";
  /** `firstByteMs` is how long before the event the answer's first byte came; the engine's alone, of event streams. */
  onopen: (event: SocketEvent & { readonly firstByteMs?: number }) => void;
  onmessage: (event: SocketEvent & { readonly data: string | ArrayBuffer }) => void;
  /** `message` is the engine's alone. */
  onerror: (event: SocketEvent & { readonly error: string; readonly message?: string }) => void;
  onclose: (
    event: SocketEvent & {
      readonly code?: number;
      readonly reason?: string;
      readonly by?: string;
      readonly lastEventId?: string;
      readonly retryMs?: number;
    },
  ) => void;
  send(data: string | ArrayBuffer | Uint8Array): void;
  ping(): void;
  close(code?: number): void;
  /** The engine's alone: ends the connection by a RST. */
  reset?(): void;
  /** The engine's alone: whether a proxy has not opened the way yet. */
  readonly awaitsProxy?: boolean;
}
const K6WebSocket = sockets.WebSocket as unknown as new (
  url: string,
  subprotocols: readonly string[],
  params: Partial<ConnectParams>,
) => K6WebSocket;

/**
 * Whether the module that goes by the name of `k6/websockets` is k6's own, whose sockets take messages of any size: in
 * `dist/x` it is the extension.
 */
export const onStockSockets = !("Swarm" in sockets);
if (!onStockSockets) keepNotices(sockets as unknown as Keeper);

/**
 * Each client has an empty cookie jar of its own. k6 gives the sockets of a virtual user one jar, so the next client
 * would send a cookie that was set for another.
 */
const withK6: NonNullable<SocketOptions["connect"]> = (url, subprotocols, { headers, ...more }) =>
  new K6WebSocket(
    url,
    subprotocols,
    onStockSockets ? { headers, jar: new http.CookieJar(), ...offeredByStock(more) } : { headers, ...more },
  );

const offeredByStock = ({ compression }: Partial<Compression>) =>
  compression === "deflate" ? { compression } : {};

/** What a message too big is answered with (RFC 6455 section 7.4.1). */
const MESSAGE_TOO_BIG = 1009;

/** Makes the engine's sockets, for scenarios whose load it drives whatever `k6/websockets` is. */
export const engineSocket =
  (Engine: typeof import("k6/x/realtime").WebSocket): NonNullable<SocketOptions["connect"]> =>
  (url, subprotocols, params) =>
    new Engine(url, subprotocols, params as object) as unknown as K6WebSocket; // the same calls and events

const OPEN = 1;

/** What k6 gives for a connection that ended without a Close frame, if it gives a code at all. */
export const NO_CLOSE_FRAME = 1006;

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
      ...limits,
      ...compression,
      ...httpVersion,
    });
    this.socket.binaryType = "arraybuffer";

    let error = "";
    let message = "";
    const isProxied = () => proxyFor(url, __ENV) !== undefined;
    this.stopWaiting = callAt(connectBy, () => {
      // Which of the two does not answer, the engine knows, and stock k6 does not: it is not put down to the server.
      const reason = isProxied() && (this.socket.awaitsProxy ?? true) ? "proxy_timeout" : "timeout";
      this.abandon();
      observer.failed(reason, "");
    });
    this.socket.onopen = (event) => {
      this.stopWaiting();
      if (this.state === "over") {
        this.socket.close();
        return;
      }
      this.state = "open";
      const isCompressed = String(this.socket.extensions).includes("permessage-deflate");
      const { firstByteMs } = event;
      const at = arrivalOf(event, now());
      observer.opened(at, isCompressed, firstByteMs === undefined ? undefined : ms(at - firstByteMs));
    };
    this.socket.onmessage = (event) => {
      const handledAt = now();
      const { data } = event;
      if (this.state !== "open") return;
      if (onStockSockets && isLargerThan(limits.messageBytes, data)) {
        this.refuse("message_too_big");
        return;
      }
      const frame = typeof data === "string" ? data : new Uint8Array(data);
      observer.received(frame, arrivalOf(event, handledAt), handledAt);
    };
    this.socket.onerror = (event) => {
      error = event.error;
      message = event.message ?? error;
      if (this.state === "open" && this.socket.reset) observer.breached?.(messageReason(error));
    };
    this.socket.onclose = ({ code, by, reason = "", lastEventId, retryMs }) => {
      this.stopWaiting();
      if (this.state === "connecting")
        this.fail(connectReason(error, isProxied()), failureText(error, message));
      else if (this.state === "open") {
        this.state = "over";
        const retry = retryMs === undefined ? undefined : ms(retryMs);
        const resumption = lastEventId === undefined ? undefined : { lastEventId, retryMs: retry };
        observer.closed(code, dropCause(code, by), reason, resumption);
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
   * Sends Close and ends the TCP connection without waiting for an answer. A peer that is gone never answers, and
   * would hold k6 past the end of the test. Stock k6 has no such call, but it ends a connection when a write fails. A
   * write must fail after a Close. send() refuses by itself, unless the Close comes while it looks at what to send.
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

  /** Ends the connection for a limit of ours. Stock k6 can send no 1009. */
  private refuse(reason: MessageReason): void {
    this.state = "over";
    this.socket.close(1000);
    this.observer.breached?.(reason);
    this.observer.closed(MESSAGE_TOO_BIG, "generator", "");
  }

  private fail(reason: ConnectReason, said: string): void {
    if (this.state !== "connecting") return;
    this.state = "over";
    this.observer.failed(reason, said);
  }
}

/** The status that the engine gives as an error, with what it says of it. Of a URL, stock k6 repeats the query. */
const failureText = (error: string, message: string): string =>
  /^(http|proxy)_\d{3}$/.test(error)
    ? `${error}${/^it redirects to /.test(message) ? `: ${message}` : ""}`
    : withoutQueries(message);

/** Below the engine's own bound on each phase of connecting (10 s). */
const WITHIN_ITS_BOUNDS = ms(9_000);
/** Never reached. One value for all, since the engine has a loop for each set of bounds. */
const NO_BOUND = 3_600_000;

/** The engine's bounds: beyond `connectBy`, which is this side's to notice, so that all sockets give up alike. */
function timeoutsOf({ connectBy, closeWithin }: SocketOptions): Timeouts {
  const connecting =
    connectBy - now() > WITHIN_ITS_BOUNDS &&
    ({
      resolveMs: NO_BOUND,
      tcpMs: NO_BOUND,
      proxyMs: NO_BOUND,
      tlsMs: NO_BOUND,
      upgradeMs: NO_BOUND,
    } as const);
  return { ...connecting, ...(closeWithin !== undefined && { closeMs: closeWithin }) };
}

/** Stock k6 does not say who: a connection without a Close frame was ended by the network. */
function dropCause(code: number | undefined, by: string | undefined): DropCause {
  if (by === "timeout" || by === "generator" || by === "network" || by === "server") return by;
  return code === undefined || code === NO_CLOSE_FRAME ? "network" : "server";
}

function isLargerThan(bytes: number, data: string | ArrayBuffer): boolean {
  if (typeof data !== "string") return data.byteLength > bytes;
  // At most three bytes of UTF-8 to a unit of UTF-16.
  return data.length * 3 > bytes && (data.length > bytes || utf8Length(data) > bytes);
}

/** The message's own bytes: k6 sends a view's whole buffer. */
function exactBuffer(bytes: Uint8Array): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}
