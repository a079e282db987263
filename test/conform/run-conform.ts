import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { type ServerOptions, WebSocket, WebSocketServer } from "ws";
import { runMain } from "../cli/run-main.ts";

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

/** Runs `k6-realtime conform` until it ends, or is interrupted by the signal. */
export async function conform(cwd: string, args: readonly string[], signal?: AbortSignal) {
  const { code, out, err } = await runMain(["conform", ...args], {
    cwd,
    env: process.env,
    ...(signal && { signal }),
  });
  return { exitCode: code, out, err };
}

/** A file of JSON. */
export const jsonOf = async (path: string) => JSON.parse(await readFile(path, "utf8"));

/** Connects until the server listens, and returns what `use` makes of the connection. */
async function connected<T>(url: string, use: (socket: WebSocket) => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await use(new WebSocket(url));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ECONNREFUSED") throw error;
    }
  }
}

/** Connects until the server listens, and returns its first message. */
export const firstMessage = (base: string, path: string): Promise<string> =>
  connected(base + path, async (socket) => String((await once(socket, "message"))[0]));

/** Connects until the server listens, and closes. */
export const listens = (url: string): Promise<void> =>
  connected(url, async (socket) => {
    await once(socket, "open");
    socket.close();
    await once(socket, "close");
  });

/** Echoes until the connection is over, however it ends. */
export async function play(url: string): Promise<void> {
  const socket = new WebSocket(url);
  socket.on("message", (data, binary) => socket.send(data, { binary }));
  socket.on("error", () => {});
  await new Promise((resolve) => socket.on("close", resolve));
}
