import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import { type Authority, tokenOf } from "./auth.ts";
import { chat } from "./chat.ts";
import { Connection } from "./connection.ts";
import { echo } from "./echo.ts";
import type { Endpoint, Shared } from "./endpoint.ts";
import type { Gate } from "./gate.ts";
import type { ResolvedOptions } from "./options.ts";
import { countUp } from "./stats.ts";

const ENDPOINTS: readonly { path: RegExp; endpoint: Endpoint }[] = [
  { path: /^\/ws\/chat$/, endpoint: chat },
  { path: /^\/ws\/echo$/, endpoint: echo },
];

/** Turns upgrade requests into connections, or refuses them with an HTTP status. */
export class Upgrader {
  readonly connections = new Set<Connection>();
  readonly #authority: Authority;
  readonly #gate: Gate;
  readonly #shared: Shared;
  readonly #wss: WebSocketServer;

  constructor(options: ResolvedOptions, authority: Authority, gate: Gate, shared: Shared) {
    this.#authority = authority;
    this.#gate = gate;
    this.#shared = shared;
    this.#wss = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: options.maxPayloadBytes,
    });
  }

  /** Handles the `upgrade` event of an HTTP server. */
  readonly handle = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on("error", () => socket.destroy()); // a peer that resets while we hold its request
    this.#gate.run(() => this.#decide(request, socket, head));
  };

  #decide(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const url = new URL(request.url ?? "/", "http://server");
    const endpoint = ENDPOINTS.find(({ path }) => path.test(url.pathname))?.endpoint;
    const session = this.#authority.check(tokenOf(request, url));
    if (!endpoint) this.#refuse(socket, 404, `no such endpoint: ${url.pathname}`);
    else if ("status" in session) this.#refuse(socket, session.status, session.reason);
    else this.#wss.handleUpgrade(request, socket, head, (ws) => this.#open(endpoint, ws, socket, url));
  }

  /** Asks every connection to end; ws ends those that do not answer. */
  close(): void {
    for (const { ws } of this.connections) ws.close(1001, "server shutting down");
  }

  #open(endpoint: Endpoint, ws: WebSocket, socket: Duplex, url: URL): void {
    const { stats } = this.#shared;
    const connection = new Connection(++stats.connectionsOpened, ws, socket);
    stats.connectionsOpen++;
    this.connections.add(connection);
    const handler = endpoint.open(this.#shared, connection, url);
    ws.on("message", (data: RawData, isBinary: boolean) => {
      const receivedAtMs = performance.now();
      stats.messagesReceived++;
      this.#gate.run(() => handler.message(data as Buffer, isBinary, receivedAtMs));
    });
    ws.on("error", () => {}); // the close event that follows has the code
    ws.on("close", (code) => {
      stats.connectionsOpen--;
      countUp(stats.closesSeen, code);
      this.connections.delete(connection);
      handler.closed?.();
    });
  }

  #refuse(socket: Duplex, status: number, reason: string): void {
    countUp(this.#shared.stats.upgradesRefused, status);
    const body = `${JSON.stringify({ error: reason })}\n`;
    const challenge = status === 401 ? "WWW-Authenticate: Bearer\r\n" : "";
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: application/json\r\n${challenge}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }
}
