import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import type { Cleanup } from "./run.ts";

/**
 * A server that takes publications at one path and delivers them at another, `/pub/ROOM` and `/sub/ROOM`. A
 * subscriber must say that it is one; a publisher must offer the subprotocol `produce`.
 */
export async function twoWayServer(t: Cleanup) {
  const seen = { publishers: 0, subscribers: 0, published: 0, delivered: 0, offences: [] as string[] };
  const rooms = new Map<string, Set<WebSocket>>();
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  server.on("connection", (socket, request) => {
    const [, kind, room = ""] = (request.url ?? "").split("/");
    const members = rooms.get(room) ?? new Set();
    rooms.set(room, members);
    const offend = (data: unknown) => seen.offences.push(`${kind}: ${data}`);
    if (kind === "pub" && socket.protocol === "produce") {
      seen.publishers++;
      socket.on("message", (data) => {
        if (!/^\{"id":/.test(String(data))) offend(data);
        seen.published++;
        for (const member of members) {
          seen.delivered++;
          member.send(String(data));
        }
      });
    } else if (kind === "sub" && socket.protocol === "") {
      socket.on("close", () => members.delete(socket));
      socket.on("message", (data) => {
        if (String(data) !== "subscribe") return offend(data);
        seen.subscribers++;
        members.add(socket);
        socket.send('{"subscribed":true}');
      });
    } else {
      offend(`${request.url} with "${socket.protocol}"`);
      socket.close(1008);
    }
  });
  await once(server, "listening");
  t.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}
