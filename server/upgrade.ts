import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import { type Grant, tokenOf } from "./auth.ts";
import { Connection } from "./connection.ts";
import type { Endpoint, Shared } from "./endpoint.ts";
import { ENDPOINTS } from "./endpoints.ts";
import type { Faults } from "./faults.ts";
import type { Gate } from "./gate.ts";
import type { ResolvedOptions } from "./options.ts";
import { requestUrl } from "./request-url.ts";
import { Session } from "./session.ts";
import { type Counts, countUp } from "./stats.ts";

export interface UpgradeParts {
  readonly options: ResolvedOptions;
  readonly faults: Faults;
  readonly gate: Gate;
  readonly shared: Shared;
  readonly counts: Counts;
  /** Those open now, kept here. */
  readonly connections: Set<Connection>;
  /** Ends the TCP connection under `socket` with a reset. */
  readonly reset: (socket: Duplex) => void;
}

/** The version of the WebSocket protocol (RFC 6455 section 4.1). */
const VERSION = "13";
/** A key for a request whose own is overlooked. */
const ANY_KEY = "AAAAAAAAAAAAAAAAAAAAAA==";

/** Why an upgrade is refused. */
interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly headers?: readonly string[];
}

/** Turns upgrade requests into connections, or refuses them with an HTTP status. */
export class Upgrader {
  /** Requests that get no answer. */
  readonly #unanswered = new Set<Duplex>();
  readonly #parts: UpgradeParts;
  readonly #wss: WebSocketServer;

  constructor(parts: UpgradeParts) {
    this.#parts = parts;
    const { subprotocols, maxPayloadBytes, closeTimeoutMs, compression } = parts.options;
    const options = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: compression === "deflate" && { threshold: 0 },
      maxPayload: maxPayloadBytes,
      // ws takes 16384 by default, whatever the largest message is: so a long one in short fragments would end with 1008.
      maxFragments: Math.max(16_384, maxPayloadBytes / 64),
      closeTimeout: closeTimeoutMs, // not in @types/ws yet
      handleProtocols: (offered: Set<string>) =>
        subprotocols.find((name) => offered.has(name)) ??
        (parts.faults.overlooks("subprotocol") ? [...offered][0]! : false),
    };
    this.#wss = new WebSocketServer(options);
    this.#wss.on("wsClientError", (error, socket) => {
      this.#refuse(socket, { status: 400, reason: error.message });
    });
  }

  /** Handles the `upgrade` event of an HTTP server. */
  readonly handle = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on("error", () => socket.destroy()); // a peer that resets while its request waits
    this.#parts.gate.run(() => this.#decide(request, socket, head));
  };

  /** Asks every connection to end; ws ends the ones that do not answer. */
  close(): void {
    for (const connection of this.#parts.connections) connection.close(1001, "server shutting down");
    for (const socket of this.#unanswered) socket.destroy();
  }

  #decide(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { faults } = this.#parts;
    if (faults.hit("neverUpgrade")) {
      this.#unanswered.add(socket.once("close", () => this.#unanswered.delete(socket)));
      return;
    }
    const refusal = faults.hit("refuseUpgrades");
    const verdict = refusal ? { status: refusal.status, reason: "refused on purpose" } : this.#admit(request);
    if ("status" in verdict) {
      this.#refuse(socket, verdict);
      return;
    }
    this.#wss.handleUpgrade(request, socket, head, (ws) => this.#open(ws, socket, verdict));
  }

  #admit(request: IncomingMessage): Admission | Refusal {
    const { options, shared, faults } = this.#parts;
    const malformed = this.#checkHandshake(request);
    if (malformed) return malformed;
    const url = requestUrl(request);
    const endpoint = url && ENDPOINTS.find(({ path }) => path.test(url.pathname));
    if (!endpoint) return { status: 404, reason: "no such endpoint" };
    const { origin } = request.headers;
    const isForeign = origin !== undefined && options.origins.length > 0 && !options.origins.includes(origin);
    if (isForeign && !faults.overlooks("origin")) {
      return { status: 403, reason: "origin not allowed" };
    }
    const token = tokenOf(request, url);
    const later = token === undefined && endpoint.authByMessage && url.searchParams.get("auth") === "message";
    if (later) return { endpoint, url, grant: undefined };
    const grant = shared.authority.check(token);
    if ("status" in grant) return faults.overlooks(grant.defect) ? { endpoint, url, grant: {} } : grant;
    if (grant.user !== undefined && endpoint.allows && !endpoint.allows(grant.user, url)) {
      return { status: 403, reason: "token of another user" };
    }
    return { endpoint, url, grant };
  }

  /** What of RFC 6455 section 4.2.1 `ws` does not check, or could not overlook. */
  #checkHandshake({ httpVersion, headers, headersDistinct }: IncomingMessage): Refusal | undefined {
    const { faults } = this.#parts;
    if (httpVersion === "1.0" || headersDistinct.host?.length !== 1) {
      return { status: 400, reason: "expected HTTP/1.1 and one Host header" };
    }
    if (headers["sec-websocket-version"] !== VERSION) {
      if (!faults.overlooks("version")) {
        return {
          status: 426,
          reason: `expected version ${VERSION} of the WebSocket protocol`,
          headers: [`Sec-WebSocket-Version: ${VERSION}`, "Upgrade: websocket"],
        };
      }
      headers["sec-websocket-version"] = VERSION;
    }
    const hasKey = /^[+/0-9A-Za-z]{22}==$/.test(headers["sec-websocket-key"] ?? "");
    if (!hasKey && faults.overlooks("key")) headers["sec-websocket-key"] = ANY_KEY;
    return undefined;
  }

  #open(ws: WebSocket, socket: Duplex, { endpoint, url, grant }: Admission): void {
    const { options, faults, gate, shared, counts, connections, reset } = this.#parts;
    counts.connectionsOpened++;
    counts.connectionsOpen++;
    const connection = new Connection(counts, ws, socket, () => reset(socket));
    connections.add(connection);
    const session = new Session(connection, gate);
    if (grant) session.grant(grant);
    else session.endAt(Date.now() + options.authTimeoutMs, "no token in time");
    const handler = endpoint.open(shared, connection, session, url);
    ws.on("message", (data: RawData, isBinary: boolean) => {
      const receivedAtMs = performance.now();
      counts.messagesReceived++;
      if (connection.resetsNow()) return;
      gate.run(() => handler.message(data as Buffer, isBinary, receivedAtMs));
    });
    ws.on("error", () => {}); // the close event that follows has the code
    ws.on("close", (code) => {
      counts.connectionsOpen--;
      countUp(counts.closesSeen, code);
      connections.delete(connection);
      session.stop();
      handler.closed?.();
    });
    faults.opened(connection);
  }

  #refuse(socket: Duplex, { status, reason, headers = [] }: Refusal): void {
    countUp(this.#parts.counts.upgradesRefused, status);
    const body = `${JSON.stringify({ error: reason })}\n`;
    const lines = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Refused"}`,
      "Connection: close",
      "Content-Type: application/json",
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...(status === 401 ? ["WWW-Authenticate: Bearer"] : []),
      ...headers,
    ];
    socket.once("finish", () => socket.destroy());
    socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
  }
}

interface Admission {
  readonly endpoint: Endpoint;
  readonly url: URL;
  /** Absent when the token comes as the first message. */
  readonly grant: Grant | undefined;
}
