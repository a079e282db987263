import type { IncomingMessage, ServerResponse } from "node:http";
import { type Denial, type Grant, tokenOf } from "./auth.ts";
import { completions } from "./completions.ts";
import type { Shared } from "./endpoint.ts";
import { EventStream, type EventStreamParts } from "./event-stream.ts";
import type { Gate } from "./gate.ts";
import type { ResolvedOptions } from "./options.ts";
import { publishToRoom, roomEvents } from "./room-events.ts";
import { Session } from "./session.ts";
import { countUp } from "./stats.ts";
import { InvalidInput } from "./validation.ts";

export interface StreamParts extends EventStreamParts {
  readonly options: ResolvedOptions;
  readonly gate: Gate;
  readonly shared: Shared;
}

/** One request to an endpoint of event streams, from somebody who may make it. */
export interface StreamRequest {
  readonly parts: StreamParts;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  /** When the request arrived, by `performance.now()`. */
  readonly arrivedAtMs: number;
  /** Opens the stream; undefined where a fault refuses it, which is answered then. */
  open(): EventStream | undefined;
}

/** What runs behind a method and a path. */
export interface StreamEndpoint {
  readonly method: "GET" | "POST";
  readonly path: RegExp;
  run(request: StreamRequest): void | Promise<void>;
  /** The body of a refusal. Default `{"error":"token missing"}` and the like. */
  error?(message: string, status: number): object;
}

/** What the server speaks over event streams. */
export const STREAM_ENDPOINTS: readonly StreamEndpoint[] = [roomEvents, publishToRoom, completions];

/** All event streams of the server. */
export class Streams {
  readonly #parts: StreamParts;
  readonly #open: Set<EventStream>;

  constructor(parts: StreamParts, open: Set<EventStream>) {
    this.#parts = parts;
    this.#open = open;
  }

  /** Runs the endpoint if the request's token and origin let it. */
  async answer(
    endpoint: StreamEndpoint,
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
  ): Promise<void> {
    const arrivedAtMs = performance.now();
    const refuse = (status: number, reason: string, headers: Record<string, string> = {}): undefined => {
      countUp(this.#parts.counts.streamsRefused, status);
      const body = endpoint.error?.(reason, status) ?? { error: reason };
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(status === 204 ? undefined : `${JSON.stringify(body)}\n`);
    };
    const grant = this.#admit(request, url);
    if ("status" in grant) return refuse(grant.status, grant.reason);
    const open = (): EventStream | undefined => {
      const fault = this.#parts.faults.hit("refuseStreams");
      if (!fault) return this.#openStream(response, grant);
      const { status, retryAfterSeconds } = fault;
      const retryAfter = retryAfterSeconds === undefined ? {} : { "retry-after": `${retryAfterSeconds}` };
      return refuse(status, "refused on purpose", retryAfter);
    };
    try {
      await endpoint.run({ parts: this.#parts, request, response, url, arrivedAtMs, open });
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      refuse(400, error.message);
    }
  }

  #admit(request: IncomingMessage, url: URL): Grant | Pick<Denial, "status" | "reason"> {
    const { options, shared, faults } = this.#parts;
    const { origin } = request.headers;
    const isForeign = origin !== undefined && options.origins.length > 0 && !options.origins.includes(origin);
    if (isForeign && !faults.overlooks("origin")) return { status: 403, reason: "origin not allowed" };
    const grant = shared.authority.check(tokenOf(request, url));
    return "status" in grant && faults.overlooks(grant.defect) ? {} : grant;
  }

  #openStream(response: ServerResponse, grant: Grant): EventStream {
    const stream = new EventStream(this.#parts, response);
    const session = new Session(stream, this.#parts.gate);
    session.grant(grant);
    this.#open.add(stream);
    stream.whenClosed(() => {
      this.#open.delete(stream);
      session.stop();
    });
    this.#parts.faults.streamOpened(stream);
    return stream;
  }

  /** Ends every stream in good order. */
  close(): void {
    for (const stream of this.#open) stream.end();
  }
}
