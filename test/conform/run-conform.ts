import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { PassThrough } from "node:stream";
import type { TestContext } from "node:test";
import { type ServerOptions, WebSocket, WebSocketServer } from "ws";
import { main } from "../../cli/main.ts";

/** An echo server of a library that the tests of conformance do not know. Returns its URL. */
export async function echoServer(t: TestContext, options: ServerOptions = {}): Promise<string> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: true, ...options });
  await once(server, "listening");
  server.on("connection", (socket) => {
    socket.on("message", (data, binary) => socket.send(data, { binary }));
    socket.on("error", () => {}); // what breaks the protocol is expected here
  });
  t.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function collect(): { stream: PassThrough; text: () => string } {
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  stream.on("data", (chunk) => chunks.push(chunk));
  return { stream, text: () => Buffer.concat(chunks).toString() };
}

/** Runs `k6-realtime conform` until it ends, or is interrupted by the signal. */
export async function conform(cwd: string, args: readonly string[], signal = new AbortController().signal) {
  const out = collect();
  const err = collect();
  const exitCode = await main(["conform", ...args], {
    out: out.stream,
    err: err.stream,
    cwd,
    env: process.env,
    signal,
  });
  return { exitCode, out: out.text(), err: err.text() };
}

/** A file of JSON. */
export const jsonOf = async (path: string) => JSON.parse(await readFile(path, "utf8"));

/** A port that was free just now. */
export async function freePort(): Promise<number> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Connects until the server listens, and returns its first message. */
export async function firstMessage(base: string, path: string): Promise<string> {
  for (;;) {
    const socket = new WebSocket(base + path);
    try {
      const [data] = await once(socket, "message");
      return String(data);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ECONNREFUSED") throw error;
    }
  }
}

/** Echoes until the connection is over, however it ends. */
export async function play(url: string): Promise<void> {
  const socket = new WebSocket(url);
  socket.on("message", (data, binary) => socket.send(data, { binary }));
  socket.on("error", () => {});
  await new Promise((resolve) => socket.on("close", resolve));
}

/** Connects until the server listens, and closes. */
export async function listens(url: string): Promise<void> {
  for (;;) {
    const socket = new WebSocket(url);
    try {
      await once(socket, "open");
      socket.close();
      await once(socket, "close");
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ECONNREFUSED") throw error;
    }
  }
}
