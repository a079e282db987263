/** HTTP/2 before a server of HTTP/1.1, by Node.js's own. It speaks both versions, by TLS (ALPN) and without it. */
import { once } from "node:events";
import { createServer as createHttp1, type IncomingMessage, request, type ServerResponse } from "node:http";
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import { type AddressInfo, createServer as createTcp, type Socket } from "node:net";
import type { Cleanup } from "./k6/run.ts";

type Asked = IncomingMessage | Http2ServerRequest;
type Answer = ServerResponse | Http2ServerResponse;

export interface Http2Front {
  readonly origin: string;
  readonly did: { sessions: number; requests: Record<string, number> };
}

export interface Http2FrontOptions {
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Does something else with a request, if it returns true. */
  readonly instead?: (asked: Http2ServerRequest, answer: Http2ServerResponse) => boolean;
}

/** Header fields of one connection, which HTTP/2 has none of. */
const OF_CONNECTION = /^(connection|keep-alive|transfer-encoding|upgrade|host|http2-settings)$/;

export async function http2Front(
  t: Cleanup,
  target: string,
  { tls, instead = () => false }: Http2FrontOptions = {},
): Promise<Http2Front> {
  const did: Http2Front["did"] = { sessions: 0, requests: {} };
  const passOn = (asked: Asked, answer: Answer) => {
    const key = `${asked.method} by ${asked.httpVersion}`;
    did.requests[key] = (did.requests[key] ?? 0) + 1;
    if (asked.httpVersion === "2.0" && instead(asked as Http2ServerRequest, answer as Http2ServerResponse))
      return;
    const headers = Object.entries(asked.headers).filter(
      ([name]) => !name.startsWith(":") && !OF_CONNECTION.test(name),
    );
    const passedOn = request(target + asked.url, {
      method: asked.method,
      headers: Object.fromEntries(headers),
      agent: false,
    });
    passedOn.on("response", (answered) => {
      for (const [name, value] of Object.entries(answered.headers))
        if (!OF_CONNECTION.test(name)) answer.setHeader(name, value!);
      answer.writeHead(answered.statusCode!);
      if ("flushHeaders" in answer) answer.flushHeaders();
      answered.on("data", (bytes) => (answer as ServerResponse).write(bytes));
      answered.on("end", () => answer.end());
      answered.on("error", () => cut(answer));
    });
    passedOn.on("error", () => cut(answer));
    answer.on("close", () => passedOn.destroy());
    asked.pipe(passedOn);
  };
  const sessions = new Set<ServerHttp2Session>();
  const server = (tls ? createSecureServer({ ...tls, allowHTTP1: true }) : createServer()) as Http2Server;
  server.on("session", (session) => {
    did.sessions++;
    sessions.add(session);
    session.on("close", () => sessions.delete(session)).on("error", () => {});
  });
  server.on("request", passOn).on("sessionError", () => {});
  const http1 = createHttp1(passOn);
  const sockets = new Set<Socket>();
  // No request of HTTP/1.1 begins as HTTP/2 does.
  const front = tls
    ? server
    : createTcp((socket) => {
        socket.once("data", (first) => {
          socket.pause();
          socket.unshift(first);
          const isHttp2 = first.toString("latin1", 0, 3) === "PRI";
          (isHttp2 ? server : http1).emit("connection", socket);
          if (!isHttp2) socket.resume();
        });
      });
  front.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => {});
  });
  front.listen(0, "127.0.0.1");
  await once(front, "listening");
  t.after(() => {
    front.close();
    for (const session of sessions) session.destroy();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = front.address() as AddressInfo;
  return { origin: `${tls ? "https" : "http"}://127.0.0.1:${port}`, did };
}

/** Breaks an answer off. */
function cut(answer: Answer): void {
  if ("stream" in answer) answer.stream.destroy(new Error("broken off"));
  else answer.destroy();
}
