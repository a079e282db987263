import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import type { Cleanup } from "./run.ts";

/**
 * Rooms with two addresses. Subscribers are at `url`, whose path is the room. Publishers connect at `publishUrl`, or
 * send a request: `/rooms/ROOM`. Neither takes what belongs to the other.
 */
export async function twoAddresses(t: Cleanup) {
  const seen = {
    ...{ subscribers: 0, publishers: 0, requests: 0, published: 0, delivered: 0, asked: 0 },
    /** By header and query, each as often as it came with a publication by HTTP. */
    credentials: new Map<string, number>(),
    /** What publishers' paths began with, before the room. */
    paths: new Set<string>(),
    offences: [] as string[],
  };
  const rooms = new Map<string, Set<WebSocket>>();
  const membersOf = (room: string) => {
    const members = rooms.get(room) ?? new Set();
    rooms.set(room, members);
    return members;
  };
  const deliver = (room: string, text: string) => {
    if (!/^\{"id":/.test(text)) seen.offences.push(text);
    seen.published++;
    for (const member of membersOf(room)) {
      seen.delivered++;
      member.send(text);
    }
  };
  const roomOf = ({ url = "" }: IncomingMessage) => /([^/?]*)(\?.*)?$/.exec(url)?.[1] ?? "";

  const subscribers = createServer((request, response) => {
    seen.offences.push(`${request.method} ${request.url} at the subscribers' address`);
    response.writeHead(404).end();
  });
  new WebSocketServer({ server: subscribers }).on("connection", (socket, request) => {
    seen.subscribers++;
    const members = membersOf(roomOf(request));
    members.add(socket);
    socket.on("close", () => members.delete(socket));
    socket.on("message", (data) => seen.offences.push(`a subscriber sent ${data}`));
  });

  const publishers = createServer(async (request, response) => {
    if (request.method === "HEAD") {
      seen.asked++;
      return response.writeHead(405).end();
    }
    let text = "";
    for await (const chunk of request) text += chunk;
    const { authorization, "x-key": key } = request.headers;
    const credentials = `${authorization} ${key} ${request.url?.replace(/^.*?(\?|$)/, "?")}`;
    seen.credentials.set(credentials, (seen.credentials.get(credentials) ?? 0) + 1);
    seen.requests++;
    deliver(roomOf(request), text);
    response.end();
  });
  new WebSocketServer({ server: publishers }).on("connection", (socket, request) => {
    seen.publishers++;
    seen.paths.add(request.url!.replace(/\/[^/]*$/, ""));
    socket.on("message", (data) => deliver(roomOf(request), String(data)));
  });

  const addressOf = async (server: typeof publishers) => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => {
      server.close();
      server.closeAllConnections();
    });
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  return { subscribersAt: await addressOf(subscribers), publishersAt: await addressOf(publishers), seen };
}
