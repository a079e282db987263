/** A server that writes bytes as it likes: for what no well-behaved one does. */
import { createHash } from "node:crypto";
import { createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";

/**
 * Listens on a free port and hands over each connection with its request once that is whole.
 *
 * @returns the `ws:` URL
 */
export async function rawServer(
  t: TestContext,
  onRequest: (socket: Socket, request: string) => void,
  host = "127.0.0.1",
): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("close", () => sockets.delete(socket)).on("error", () => {}));
    let request = "";
    const collect = (chunk: Buffer) => {
      request += chunk.toString("latin1");
      if (!request.includes("\r\n\r\n")) return;
      socket.off("data", collect);
      onRequest(socket, request);
    };
    socket.on("data", collect);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const name = host.includes(":") ? `[${host}]` : host;
  return `ws://${name}:${(server.address() as { port: number }).port}/ws`;
}

/** The 101 answer (RFC 6455 section 4.2.2), with more header lines where given. */
export function accept(request: string, ...lines: string[]): string {
  const key = /^Sec-WebSocket-Key: *(\S+)/im.exec(request)?.[1] ?? "";
  const proof = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  const head = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${proof}`,
    ...lines,
  ];
  return `${head.join("\r\n")}\r\n\r\n`;
}

/** A whole frame from a server, of up to 65,535 bytes. */
export function frame(opcode: number, payload: string | Uint8Array): Buffer {
  const data = Buffer.from(payload as string);
  const head =
    data.length < 126
      ? [0x80 | opcode, data.length]
      : [0x80 | opcode, 126, data.length >> 8, data.length & 0xff];
  return Buffer.concat([Buffer.from(head), data]);
}

/** A Close frame's payload. */
export const close = (code: number, reason: string): Buffer =>
  Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]);

export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
