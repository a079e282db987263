import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server, type ServerOptions } from "socket.io";
import type { Cleanup } from "../k6/run.ts";

/** What a Socket.IO server did, by its own count of Engine.IO's packets and of its events. */
export interface SocketIoCounts {
  connected: number;
  refused: number;
  joins: number;
  /** Acknowledgements that it wrote, those of `join` among them. */
  acks: number;
  /** Publications that came. */
  published: number;
  /** `message` events that it wrote, one for each member of the room. */
  delivered: number;
  pings: number;
  pongs: number;
  /** Why its clients went, as Socket.IO calls it. */
  readonly ends: Record<string, number>;
}

/**
 * Rooms and an echo as people write them with Socket.IO, for clients whose token is `test-token`.
 *
 * @param refused numbers, from 1, of clients that are refused although theirs is
 * @param more options of the server
 */
export async function socketIoServer(
  t: Cleanup,
  refused: readonly number[] = [],
  more: Partial<ServerOptions> = {},
) {
  const http = createServer();
  const io = new Server(http, { transports: ["websocket"], pingInterval: 250, pingTimeout: 5_000, ...more });
  const seen: SocketIoCounts = {
    ...{ connected: 0, refused: 0, joins: 0, acks: 0, published: 0, delivered: 0, pings: 0, pongs: 0 },
    ends: {},
  };
  io.engine.on("connection", (client) => {
    client.on("packetCreate", ({ type, data }: { type: string; data?: string }) => {
      if (type === "ping") seen.pings++;
      if (type === "message" && data?.startsWith("3")) seen.acks++;
      if (type === "message" && data?.startsWith('2["message"')) seen.delivered++;
    });
    client.on("packet", ({ type }: { type: string }) => {
      if (type === "pong") seen.pongs++;
    });
  });
  io.use((socket, next) => {
    const isWelcome = !refused.includes(seen.connected + seen.refused + 1);
    if (isWelcome && socket.handshake.auth.token === "test-token") return next();
    seen.refused++;
    next(new Error("not you"));
  });
  io.on("connection", (socket) => {
    seen.connected++;
    socket.on("join", async (room, ack) => {
      await socket.join(room);
      seen.joins++;
      ack("joined");
    });
    socket.on("echo", (text, ack) => ack(text));
    socket.on("publish", (message) => {
      seen.published++;
      io.to(message.room).emit("message", message);
    });
    socket.on("disconnect", (reason) => {
      seen.ends[reason] = (seen.ends[reason] ?? 0) + 1;
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  t.after(() => io.close());
  return { url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}`, seen, io };
}
