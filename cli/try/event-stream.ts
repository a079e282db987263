/** One event stream (WHATWG HTML section 9.2), read as the engine reads it. */
import { EventEmitter } from "node:events";
import { type ClientRequest, type IncomingMessage, request as startRequest } from "node:http";
import type { Socket } from "node:net";
import { pipeline, type Readable } from "node:stream";
import { createGunzip, createInflate } from "node:zlib";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { HEADER_BYTES } from "../../lib/generator-faults.ts";
import type { UpgradeRequest } from "../../lib/request.ts";
import { ConnectError, sendAsGiven } from "./handshake.ts";

export interface EventStreamOptions {
  readonly request: UpgradeRequest;
  readonly userAgent: string | undefined;
  /** The largest event, and the largest line, in bytes. */
  readonly messageBytes: number;
  /** Makes the TCP connection, with TLS where that is asked for. */
  connect(): Promise<Socket>;
}

interface Events {
  /** The stream is open. */
  open: [response: IncomingMessage];
  /** The answer is not an event stream. */
  refused: [response: IncomingMessage];
  event: [text: string];
  comment: [text: string];
  retry: [ms: number];
  /** There is no answer, or an event is larger than this side takes. */
  error: [error: Error];
  /** It is over, by the end of the response or without one; `broken` is how HTTP/2 names the latter. */
  close: [isComplete: boolean, broken: ConnectError | undefined];
}

/** An event as descriptors see it. */
export function eventText({ event = "message", id, data }: EventSourceMessage): string {
  return `{"event":${JSON.stringify(event)}${id === undefined ? "" : `,"id":${JSON.stringify(id)}`},"data":${asJson(data)}}`;
}

function asJson(data: string): string {
  try {
    JSON.parse(data);
    return data;
  } catch {
    return JSON.stringify(data);
  }
}

const INFLATE = { gzip: createGunzip, deflate: createInflate };

export class EventStreamReader extends EventEmitter<Events> {
  readonly #options: EventStreamOptions;
  readonly #asked: ClientRequest;
  #body: Readable | undefined;
  #isOver = false;
  /** How HTTP/2 says that the connection ended. */
  #broken: ConnectError | undefined;

  constructor(options: EventStreamOptions) {
    super();
    this.#options = options;
    const { request, userAgent, connect } = options;
    this.#asked = startRequest({
      // The types know no connection that is made later, as Node.js does.
      createConnection: ((_: unknown, made: (error: Error | null, socket?: Socket) => void) => {
        connect().then((socket) => {
          socket.once("error", (error) => {
            if (error instanceof ConnectError) this.#broken = error;
          });
          made(null, socket);
        }, made);
      }) as never,
      maxHeaderSize: HEADER_BYTES,
    });
    for (const [name, value] of [
      ["Accept", "text/event-stream"],
      ["Cache-Control", "no-cache"],
    ] as const)
      this.#asked.setHeader(name, value);
    if (userAgent) this.#asked.setHeader("User-Agent", userAgent);
    this.#asked.on("response", (response) => this.#answered(response));
    this.#asked.on("error", (error) => {
      if (!this.#body) this.emit("error", error);
    });
    sendAsGiven(request, this.#asked);
  }

  pause(): void {
    this.#body?.pause();
  }

  resume(): void {
    this.#body?.resume();
  }

  /** Ends the connection. HTTP has no word for that. */
  terminate(): void {
    this.#isOver = true;
    this.#asked.destroy();
  }

  #answered(response: IncomingMessage): void {
    const { statusCode, headers } = response;
    const [type = ""] = headers["content-type"]?.toLowerCase().split(";", 1) ?? [];
    const encoding = headers["content-encoding"]?.toLowerCase().replace(/^x-gzip$/, "gzip") ?? "identity";
    const isKnown = encoding === "identity" || Object.hasOwn(INFLATE, encoding);
    if (statusCode !== 200 || type.trim() !== "text/event-stream" || !isKnown) {
      this.emit("refused", response);
      return;
    }
    this.emit("open", response);
    const ended = () => this.#ended(response.complete);
    this.#body =
      encoding === "identity"
        ? response
        : pipeline(response, INFLATE[encoding as keyof typeof INFLATE](), () => {});
    this.#read(this.#body);
    this.#body.on("end", ended).on("error", ended).on("close", ended);
  }

  #read(body: Readable): void {
    const decoder = new TextDecoder();
    const { messageBytes } = this.#options;
    const parser = createParser({
      // In UTF-16; what is beyond in bytes is seen below.
      maxBufferSize: messageBytes,
      onEvent: (event) => {
        if (Buffer.byteLength(event.data) > messageBytes) this.#tooBig();
        else if (!this.#isOver) this.emit("event", eventText(event));
      },
      onComment: (text) => this.emit("comment", text),
      onRetry: (ms) => this.emit("retry", ms),
      onError: ({ type }) => {
        if (type === "max-buffer-size-exceeded") this.#tooBig();
      },
    });
    body.on("data", (bytes: Buffer) => {
      if (!this.#isOver) parser.feed(decoder.decode(bytes, { stream: true }));
    });
  }

  #tooBig(): void {
    this.emit(
      "error",
      Object.assign(new Error("an event is too large"), { code: "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH" }),
    );
    this.#ended(false);
  }

  #ended(isComplete: boolean): void {
    if (this.#isOver) return;
    this.terminate();
    this.emit("close", isComplete, this.#broken);
  }
}
