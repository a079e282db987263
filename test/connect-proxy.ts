/** An HTTP proxy that opens tunnels to this machine, whatever name it is asked for, and counts them. */
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";

/** What the proxy is to do. */
export interface ProxyOptions {
  /** `user:password` that it wants. Default: it asks nobody. */
  readonly credentials?: string;
  /** Status line of its refusal, such as `502 Bad Gateway`; undefined opens the tunnel. Default: it opens all. */
  refuse?(tunnel: number): string | undefined;
  /** How long it takes to answer. Default: as long as it needs. */
  readonly answersAfterMs?: number;
  /** Asked at each piece of the client's; true cuts that tunnel. Default: it cuts none. */
  cut?(tunnel: number, pieces: number): boolean;
}

export interface ConnectProxy {
  /** `host:port`. */
  readonly address: string;
  /** Tunnels that it opened. */
  tunnels(): number;
  /** What it was asked for, by `CONNECT` or otherwise. */
  readonly asked: readonly string[];
}

export async function connectProxy(
  t: Pick<TestContext, "after">,
  { credentials, refuse, answersAfterMs = 0, cut }: ProxyOptions = {},
): Promise<ConnectProxy> {
  const wanted = credentials && `Basic ${Buffer.from(credentials).toString("base64")}`;
  const sockets = new Set<Socket>();
  const asked: string[] = [];
  let tunnels = 0;
  const keep = (socket: Socket) => {
    sockets.add(socket.on("close", () => sockets.delete(socket)).on("error", () => socket.destroy()));
    return socket;
  };
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(502).end();
  });
  server.on("connection", keep);
  server.on("connect", ({ url = "", headers }, client: Socket) => {
    asked.push(`CONNECT ${url}`);
    const line =
      headers["proxy-authorization"] === wanted
        ? refuse?.(tunnels)
        : "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic";
    if (line !== undefined) {
      client.end(`HTTP/1.1 ${line}\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const tunnel = tunnels++;
    const port = Number(/:(\d+)$/.exec(url)?.[1]);
    const server = keep(connect(port, "127.0.0.1"));
    server.once("connect", async () => {
      if (answersAfterMs > 0) await setTimeout(answersAfterMs);
      client.write("HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n");
      let pieces = 0;
      if (cut)
        client.on("data", () => {
          if (!cut(tunnel, ++pieces)) return;
          client.resetAndDestroy();
          server.destroy();
        });
      client.pipe(server).pipe(client);
    });
    server.once("error", () => client.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, tunnels: () => tunnels, asked };
}

/** The same by SOCKS 5 (RFC 1928), for names. Without credentials it asks nobody. */
export async function socksProxy(
  t: Pick<TestContext, "after">,
  { credentials }: Pick<ProxyOptions, "credentials"> = {},
): Promise<ConnectProxy> {
  const sockets = new Set<Socket>();
  const asked: string[] = [];
  let tunnels = 0;
  const keep = (socket: Socket) => {
    sockets.add(socket.on("close", () => sockets.delete(socket)).on("error", () => socket.destroy()));
    return socket;
  };
  const server = createTcpServer((client) => {
    keep(client);
    let step: "greeting" | "password" | "request" = "greeting";
    const hear = (bytes: Buffer) => {
      if (step === "greeting") {
        const offersPassword = bytes.subarray(2).includes(2);
        step = credentials === undefined ? "request" : "password";
        if (credentials !== undefined && !offersPassword) client.end(Buffer.from([5, 0xff]));
        else client.write(Buffer.from([5, credentials === undefined ? 0 : 2]));
      } else if (step === "password") {
        const userBytes = bytes[1]!;
        const user = bytes.toString("utf8", 2, 2 + userBytes);
        const isRight = `${user}:${bytes.toString("utf8", 3 + userBytes)}` === credentials;
        step = "request";
        if (isRight) client.write(Buffer.from([1, 0]));
        else client.end(Buffer.from([1, 1]));
      } else {
        client.off("data", hear);
        const port = bytes.readUInt16BE(bytes.length - 2);
        asked.push(`${bytes.toString("utf8", 5, bytes.length - 2)}:${port}`);
        tunnels++;
        const to = keep(connect(port, "127.0.0.1"));
        to.once("connect", () => {
          client.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
          client.pipe(to).pipe(client);
        });
        to.once("error", () => client.end(Buffer.from([5, 5, 0, 1, 0, 0, 0, 0, 0, 0])));
      }
    };
    client.on("data", hear);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, tunnels: () => tunnels, asked };
}
