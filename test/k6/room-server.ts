import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import type { Cleanup } from "./run.ts";

/** Deliveries that go wrong, by their number from 1. */
export interface DeliveryFaults {
  readonly lose?: (n: number) => boolean;
  readonly repeat?: (n: number) => boolean;
  /** Held back until the same subscriber's next one. */
  readonly delay?: (n: number) => boolean;
  /** The first connection that they hit, by its header X-Connection; default 0. */
  readonly from?: number;
}

export interface RoomServer {
  readonly url: string;
  readonly did: { lost: number; repeated: number; reordered: number; delivered: number };
}

const never = () => false;

/** Speaks the chat protocol's rooms, sends nobody their own messages, and counts what it does wrong. */
export async function roomServer(t: Cleanup, faults: DeliveryFaults = {}): Promise<RoomServer> {
  const { lose = never, repeat = never, delay = never, from = 0 } = faults;
  const http: Server = createServer();
  const sockets = new WebSocketServer({ server: http });
  const did = { lost: 0, repeated: 0, reordered: 0, delivered: 0 };
  const rooms = new Map<string, Set<WebSocket>>();
  const held = new Map<WebSocket, string>();
  let numbered = 0;

  const spared = new Set<WebSocket>();

  const deliver = (to: WebSocket, message: string): void => {
    if (spared.has(to)) {
      did.delivered++;
      to.send(message);
      return;
    }
    const n = ++numbered;
    const before = held.get(to);
    if (lose(n)) {
      did.lost++;
      return;
    }
    if (before === undefined && delay(n)) {
      held.set(to, message);
      return;
    }
    did.delivered++;
    to.send(message);
    if (repeat(n)) {
      did.repeated++;
      to.send(message);
    }
    if (before !== undefined) {
      held.delete(to);
      did.reordered++;
      did.delivered++;
      to.send(before);
    }
  };

  sockets.on("connection", (socket, { headers }) => {
    if (Number(headers["x-connection"]) < from) spared.add(socket);
    let room = new Set<WebSocket>();
    socket.on("message", (data) => {
      const message = JSON.parse(String(data));
      if (message.type === "subscribe") {
        room = rooms.get(message.room) ?? new Set();
        rooms.set(message.room, room.add(socket));
        socket.send(JSON.stringify({ type: "subscribed", room: message.room }));
      } else if (message.type === "publish") {
        const { id, seq } = message;
        const text = JSON.stringify({
          type: "message",
          room: message.room,
          id,
          publisherSeq: seq,
          timestamp: Date.now(),
        });
        for (const other of room) if (other !== socket) deliver(other, text);
      }
    });
    socket.on("close", () => room.delete(socket));
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets.clients) socket.terminate();
    http.close();
  });
  return { url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}/`, did };
}
