/** WebSocket over HTTP/2 (RFC 8441) by Node.js's HTTP/2 and `ws`: neither is ours. Echoes, and counts. */
import { once } from "node:events";
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocket } from "ws";
import type { Cleanup } from "./k6/run.ts";

export interface Http2Options {
  /** Whether its SETTINGS allow WebSocket. Default true. */
  readonly connect?: boolean;
  readonly maxStreams?: number;
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Does something else with a request, if it returns true. `n` counts from 1. */
  readonly instead?: (stream: ServerHttp2Stream, n: number) => boolean;
}

export interface Http2Echo {
  readonly url: string;
  readonly did: { sessions: number; streams: number; opened: number; received: number; closed: number };
  readonly headers: Record<string, unknown>[];
}

/** What `ws` itself calls once a handshake is over. */
interface Adopting {
  new (
    address: null,
    protocols: undefined,
    options: object,
  ): WebSocket & { setSocket(socket: Duplex, head: Buffer, options: object): void };
}

function adopt(stream: ServerHttp2Stream): WebSocket {
  const socket = new (WebSocket as unknown as Adopting)(null, undefined, {});
  socket.setSocket(stream, Buffer.alloc(0), {
    allowSynchronousEvents: true,
    maxPayload: 0,
    skipUTF8Validation: false,
  });
  return socket;
}

export async function http2Echo(t: Cleanup, options: Http2Options = {}): Promise<Http2Echo> {
  const { connect = true, maxStreams, tls, instead = () => false } = options;
  const settings = {
    enableConnectProtocol: connect,
    ...(maxStreams && { maxConcurrentStreams: maxStreams }),
  };
  const server: Http2Server = tls
    ? (createSecureServer({ ...tls, settings }) as unknown as Http2Server)
    : createServer({ settings });
  const did = { sessions: 0, streams: 0, opened: 0, received: 0, closed: 0 };
  const headers: Record<string, unknown>[] = [];
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    did.sessions++;
    sessions.add(session);
    session.on("close", () => sessions.delete(session)).on("error", () => {});
  });
  server.on("stream", (stream, asked) => {
    did.streams++;
    headers.push(asked);
    stream.on("error", () => {});
    if (instead(stream, did.streams)) return;
    if (asked[":method"] !== "CONNECT" || asked[":protocol"] !== "websocket") {
      stream.respond({ ":status": 404 }, { endStream: true });
      return;
    }
    stream.respond({ ":status": 200 });
    did.opened++;
    const socket = adopt(stream);
    socket.on("message", (data: Buffer, isBinary) => {
      did.received++;
      socket.send(data, { binary: isBinary });
    });
    socket.on("close", () => did.closed++).on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `${tls ? "wss" : "ws"}://127.0.0.1:${port}/`, did, headers };
}
