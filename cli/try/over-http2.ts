/**
 * HTTP/2 for clients that know HTTP/1.1 alone: what looks to them like a connection is a stream. Its request stands for
 * theirs: an extended CONNECT for the upgrade of `ws` (RFC 8441), a plain request for that of Node.js.
 */
import { createHash } from "node:crypto";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from "node:http2";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { ConnectError } from "./handshake.ts";

/** What TLS offers where HTTP/2 is wanted (ALPN). */
export const BOTH_VERSIONS = ["h2", "http/1.1"];

/** Header fields that HTTP/1.1's handshake has beyond that of HTTP/2. */
const OF_HTTP1 = new Set(["host", "upgrade", "connection", "sec-websocket-key"]);

/** @throws {@link ConnectError} where TLS did not choose HTTP/2 */
export function overHttp2(socket: Socket, isSecure: boolean): Duplex {
  if (isSecure && (socket as TLSSocket).alpnProtocol !== "h2")
    throw new ConnectError("http2_unsupported", "the server did not choose h2 in the TLS handshake (ALPN)");
  return new OverHttp2(socket, isSecure);
}

class OverHttp2 extends Duplex {
  readonly #session: ClientHttp2Session;
  readonly #scheme: string;
  #stream: ClientHttp2Stream | undefined;
  /** Of the request, until its head is whole. */
  #head = Buffer.alloc(0);
  /** Bytes of the request's body that are still to come. */
  #left = 0;
  #settled = false;
  /** The error of the last GOAWAY, and what was said beside. */
  #away: string | undefined;

  constructor(socket: Socket, isSecure: boolean) {
    super();
    this.#scheme = isSecure ? "https" : "http";
    this.#session = connect(`${this.#scheme}://unused`, { createConnection: () => socket });
    this.#session.once("remoteSettings", () => {
      this.#settled = true;
    });
    this.#session.on("goaway", (code, _last, data?: Buffer) => {
      this.#away ??= `GOAWAY ${nameOf(code)}${data?.length ? `: ${data}` : ""}`;
    });
    this.#session.on("error", (error) => this.#lost(error));
    this.#session.on("close", () => this.#lost(undefined));
  }

  // The members of a socket that `ws` and Node.js call.
  setTimeout(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (chunk.length === 0) {
      done(); // which Node.js writes at a request's end
      return;
    }
    if (this.#stream) {
      this.#body(this.#stream, chunk, done);
      return;
    }
    this.#head = Buffer.concat([this.#head, chunk]);
    const end = this.#head.indexOf(END_OF_HEAD);
    if (end < 0) {
      done();
      return;
    }
    const head = this.#head.toString("latin1", 0, end);
    const rest = this.#head.subarray(end + END_OF_HEAD.length);
    this.#ready(() => {
      const stream = this.#ask(head);
      if (stream && rest.length > 0) this.#body(stream, rest, done);
      else done();
    });
  }

  #body(stream: ClientHttp2Stream, chunk: Buffer, done: (error?: Error | null) => void): void {
    stream.write(chunk, done);
    if (this.#left === 0) return; // a WebSocket's
    this.#left -= chunk.length;
    if (this.#left <= 0) stream.end();
  }

  /** Calls back once the server's SETTINGS have come. */
  #ready(act: () => void): void {
    if (this.#settled) act();
    else this.#session.once("remoteSettings", act);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#stream) this.#stream.end(done);
    else done();
  }

  override _read(): void {
    this.#stream?.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#stream?.close(constants.NGHTTP2_CANCEL);
    this.#session.close();
    done(error);
  }

  /** Sends the request that HTTP/1.1's stands for, if the server's SETTINGS allow it. */
  #ask(head: string): ClientHttp2Stream | undefined {
    const { method, path, fields, key } = parsed(head);
    const isWebSocket = key !== undefined;
    if (isWebSocket && !this.#session.remoteSettings.enableConnectProtocol) {
      this.destroy(
        new ConnectError(
          "http2_no_websocket",
          "the server's SETTINGS have no SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441)",
        ),
      );
      return undefined;
    }
    const fieldOf = (wanted: string) => fields.find(([name]) => name === wanted)?.[1];
    const headers: Record<string, string | string[]> = {
      ":method": isWebSocket ? "CONNECT" : method,
      ...(isWebSocket && { ":protocol": "websocket" }),
      ":scheme": this.#scheme,
      ":path": path,
      ":authority": fieldOf("host") ?? "",
    };
    for (const [name, value] of fields) if (!OF_HTTP1.has(name)) headers[name] = value;
    this.#left = isWebSocket ? 0 : Number(fieldOf("content-length") ?? 0);
    const stream = this.#session.request(headers, { endStream: !isWebSocket && this.#left === 0 });
    this.#stream = stream;
    stream.on("response", (answer, _flags, raw?: string[]) => this.#answered(answer, raw ?? [], key));
    stream.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) stream.pause();
    });
    stream.on("end", () => {
      // A stream that is reset ends, too.
      if (stream.rstCode) this.destroy(this.#reset(stream, undefined));
      else this.push(null);
    });
    stream.on("error", (error: NodeJS.ErrnoException) => this.destroy(this.#reset(stream, error)));
    stream.on("close", () => {
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) this.destroy(this.#reset(stream, undefined));
    });
    return stream;
  }

  /** Says in HTTP/1.1 what the server answered. */
  #answered(
    answer: IncomingHttpHeaders & { readonly ":status"?: number | undefined },
    raw: readonly string[],
    key: string | undefined,
  ): void {
    const { ":status": status = 0 } = answer;
    const lines: string[] = [];
    for (let i = 0; i + 1 < raw.length; i += 2)
      if (!raw[i]!.startsWith(":")) lines.push(`${raw[i]}: ${raw[i + 1]}`);
    const head =
      key !== undefined && status >= 200 && status < 300
        ? [
            "HTTP/1.1 101 Switching Protocols",
            "upgrade: websocket",
            "connection: upgrade",
            `sec-websocket-accept: ${acceptOf(key)}`,
          ]
        : [`HTTP/1.1 ${status} `, "connection: close"];
    this.push(Buffer.from([...head, ...lines, "", ""].join("\r\n"), "latin1"));
  }

  #reset(stream: ClientHttp2Stream, error: Error | undefined): Error {
    const code = stream.rstCode ?? constants.NGHTTP2_NO_ERROR;
    if (this.#away !== undefined) return new ConnectError("http2_goaway", this.#away);
    if (code === constants.NGHTTP2_NO_ERROR) return error ?? new ConnectError("closed", "the stream ended");
    const reason = code === constants.NGHTTP2_REFUSED_STREAM ? "http2_refused" : "http2_reset";
    return new ConnectError(reason, `RST_STREAM ${nameOf(code)}`);
  }

  /** The session is over. What a stream of it knew of that comes first. */
  #lost(error: NodeJS.ErrnoException | undefined): void {
    if (this.destroyed) return;
    if (this.#away !== undefined) this.destroy(new ConnectError("http2_goaway", this.#away));
    else if (!this.#settled && (error === undefined || error.code?.startsWith("ERR_HTTP2")))
      this.destroy(new ConnectError("http2_unsupported", "the server does not speak HTTP/2"));
    else if (error) this.destroy(error);
    else if (!this.#stream) this.destroy(new ConnectError("closed", "the connection ended before an answer"));
  }
}

const END_OF_HEAD = "\r\n\r\n";

const acceptOf = (key: string): string =>
  createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");

function parsed(head: string): {
  method: string;
  path: string;
  fields: readonly (readonly [name: string, value: string])[];
  /** Of a WebSocket's handshake. */
  key: string | undefined;
} {
  const [line = "", ...lines] = head.split("\r\n");
  const fields = lines
    .filter((one) => one !== "")
    .map((one) => {
      const colon = one.indexOf(":");
      return [one.slice(0, colon).toLowerCase(), one.slice(colon + 1).trim()] as const;
    });
  const key = fields.find(([name]) => name === "sec-websocket-key")?.[1];
  const [method = "GET", path = "/"] = line.split(" ");
  return { method, path, fields, key };
}

/** Error codes by their numbers (RFC 9113 section 7). */
const CODES = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
];
const nameOf = (code: number): string => CODES[code] ?? `error code ${code}`;
