/** An echo server that takes down each upgrade request and answers as it is told. */
import { createServer, type IncomingMessage, STATUS_CODES } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { WebSocketServer } from "ws";
import type { Cleanup } from "./run.ts";

export interface Picky {
  readonly url: string;
  /** Every request so far, upgrade or not. */
  readonly requests: readonly IncomingMessage[];
}

export interface Answers {
  /** 101 to accept; "never" leaves the client waiting. Default: 101. */
  status?(request: IncomingMessage, ordinal: number): number | "never";
  /** Header lines of a 101. */
  headers?(ordinal: number): readonly string[];
}

export async function pickyServer(t: Cleanup, { status = () => 101, headers }: Answers = {}): Promise<Picky> {
  const requests: IncomingMessage[] = [];
  const sockets = new Set<Socket>();
  const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  const server = createServer((request, response) => {
    requests.push(request);
    response.writeHead(426).end();
  });
  server.on("connection", (socket) => {
    sockets.add(socket.on("close", () => sockets.delete(socket)).on("error", () => {}));
  });
  server.on("upgrade", (request, socket, head) => {
    const ordinal = requests.push(request);
    const answer = status(request, ordinal);
    if (answer === "never") return;
    if (answer !== 101) {
      socket.end(
        `HTTP/1.1 ${answer} ${STATUS_CODES[answer]}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
      );
      return;
    }
    webSockets.once("headers", (lines) => lines.push(...(headers?.(ordinal) ?? [])));
    webSockets.handleUpgrade(request, socket, head, (ws) => {
      ws.on("message", (data, isBinary) => ws.send(data, { binary: isBinary })).on("error", () => {});
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}
