/** A server whose connections take a login: a token for all, then a seat for each that works once. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import type { Cleanup } from "./run.ts";

/** What it counted. */
export interface LoginCounts {
  tokens: number;
  seats: number;
  /** Requests refused. */
  refused: number;
  /** Connections with a seat of their own. */
  seated: number;
  /** Connections refused, for their seat was taken or none. */
  unseated: number;
  /** Tokens that came in messages of the protocol. */
  renewed: number;
  echoes: number;
  /** Connections cut off after their last echo. */
  cuts: number;
}

export interface LoginServer {
  readonly http: string;
  readonly ws: string;
  readonly counts: LoginCounts;
  /** Who connected, by their seats. */
  readonly users: string[];
}

export interface LoginServerOptions {
  /** Of a token, in seconds. */
  readonly expiresIn?: number;
  /** The status of every nth answer to a request for a seat instead; 0 answers nothing, ever. */
  readonly failing?: { readonly every: number; readonly status: number };
  /** How many echoes a connection gets before it is cut. */
  readonly cutAfter?: number;
}

export async function loginServer(t: Cleanup, options: LoginServerOptions = {}): Promise<LoginServer> {
  const { expiresIn = 3_600, failing, cutAfter } = options;
  const counts: LoginCounts = {
    tokens: 0,
    seats: 0,
    refused: 0,
    seated: 0,
    unseated: 0,
    renewed: 0,
    echoes: 0,
    cuts: 0,
  };
  const tokens = new Set<string>();
  const seats = new Map<string, { readonly user: string; readonly sid: string }>();
  const users: string[] = [];
  let asked = 0;

  const server = createServer((request, response) => {
    void answer(request, response);
  });
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const refuse = (status: number, said = "no\n") => {
      counts.refused++;
      response.writeHead(status).end(said);
    };
    if (request.method === "POST" && request.url === "/oauth/token") {
      const form = new URLSearchParams(body);
      const basic = `Basic ${Buffer.from("bench:s3cret/ä&").toString("base64")}`;
      if (request.headers.authorization !== basic || form.get("grant_type") !== "client_credentials")
        return refuse(401);
      const token = `token-${++counts.tokens}`;
      tokens.add(token);
      response.writeHead(200, { "Content-Type": "application/json" });
      response.end(JSON.stringify({ access_token: token, expires_in: expiresIn }));
      return;
    }
    if (request.method === "POST" && request.url?.startsWith("/seats/")) {
      if (failing && ++asked % failing.every === 0) {
        if (failing.status === 0) return;
        return refuse(failing.status);
      }
      if (!tokens.has((request.headers.authorization ?? "").replace("Bearer ", ""))) return refuse(403);
      const { user } = JSON.parse(body) as { user: string };
      const seat = `seat/${++counts.seats}`;
      const sid = `sid-of-${user}`;
      seats.set(seat, { user, sid });
      response.writeHead(201, { "Set-Cookie": `sid=${sid}; HttpOnly`, "X-Region": "eu 1" });
      response.end(JSON.stringify({ seat: { id: seat, number: 9007199254740993n.toString() } }));
      return;
    }
    refuse(404);
  }

  const sockets = new WebSocketServer({ noServer: true });
  server.on("upgrade", (request, socket, head) => {
    const url = new URL(request.url ?? "", "http://localhost");
    if (url.pathname === "/open") return open(request, socket, head);
    const seat = url.searchParams.get("seat") ?? "";
    const found = seats.get(seat);
    const { cookie, "x-region": region } = request.headers;
    if (!found || cookie !== `sid=${found.sid}` || region !== "eu 1") {
      counts.unseated++;
      socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    seats.delete(seat);
    counts.seated++;
    users.push(found.user);
    open(request, socket, head);
  });
  function open(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    sockets.handleUpgrade(request, socket, head, (opened) => {
      let echoes = 0;
      opened.on("message", (data) => {
        const [, token] = /"token":"([^"]*)"/.exec(String(data)) ?? [];
        if (token !== undefined) {
          if (tokens.has(token)) counts.renewed++;
          opened.send('{"renewed":true}');
          return;
        }
        counts.echoes++;
        opened.send(String(data));
        if (++echoes !== cutAfter) return;
        counts.cuts++;
        opened.terminate();
      });
    });
  }
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const client of sockets.clients) client.terminate();
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { http: `http://127.0.0.1:${port}`, ws: `ws://127.0.0.1:${port}`, counts, users };
}

/** A token by client credentials, then a seat. */
export const LOGIN = {
  env: { client_secret: "BENCH_SECRET" },
  requests: [
    {
      url: "/oauth/token",
      basic: { user: "bench", password: "${client_secret}" },
      form: { grant_type: "client_credentials" },
      capture: { token: "/access_token" },
    },
    {
      method: "POST",
      url: "/seats/${room}",
      headers: { Authorization: "Bearer ${token}", "Content-Type": "application/json" },
      body: '{"user":${user}}',
      status: [201],
      capture: {
        seat: "/seat/id",
        sid: { cookie: "sid" },
        region: { header: "x-region" },
        number: "/seat/number",
      },
    },
  ],
} as const;

export const SECRET = "s3cret/ä&";

/** A protocol whose messages hold the seat that the connection's login gave. */
export const SEATS = {
  name: "seats",
  probe: { send: '{"id":${id},"seat":${seat},"n":${number}}' },
  reply: [{ name: "echo", match: "id", id: "/id" }],
};

/** Where the seat goes. */
export const SEATED = { HEADERS: JSON.stringify({ Cookie: "sid=${sid}", "X-Region": "${region}" }) };
