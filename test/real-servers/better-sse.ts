import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createSession, type Session } from "better-sse";
import type { Cleanup } from "../k6/run.ts";

/** What a server on better-sse did, by its own count. */
export interface BetterSseCounts {
  opened: number;
  /** Streams that went on from a `Last-Event-ID`. */
  resumed: number;
  published: number;
  /** Events that it wrote as they were published. */
  delivered: number;
  /** Events that it wrote to who resumed. */
  replayed: number;
}

/**
 * Rooms as people write them with better-sse: a history, replayed from `Last-Event-ID` on, and a POST that publishes.
 *
 * @param spoil which events of replays, counted from 1, are left out
 */
export async function betterSseServer(t: Cleanup, spoil: (replay: number) => boolean = () => false) {
  const seen: BetterSseCounts = { opened: 0, resumed: 0, published: 0, delivered: 0, replayed: 0 };
  const rooms = new Map<string, { history: unknown[]; sessions: Set<Session> }>();
  let replays = 0;
  let spoilt = 0;
  const http = createServer(async (request, response) => {
    const name = request.url ?? "/";
    const room = rooms.get(name) ?? { history: [], sessions: new Set() };
    rooms.set(name, room);
    if (request.method === "POST") {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      seen.published++;
      const data = JSON.parse(Buffer.concat(chunks).toString());
      const id = String(room.history.push(data));
      for (const session of room.sessions) {
        session.push(data, "message", id);
        seen.delivered++;
      }
      response.writeHead(204).end();
      return;
    }
    const session = await createSession(request, response, { retry: 100 });
    seen.opened++;
    if (session.lastId !== "") {
      seen.resumed++;
      for (let id = Number(session.lastId) + 1; id <= room.history.length; id++) {
        if (spoil(++replays)) {
          spoilt++;
          continue;
        }
        session.push(room.history[id - 1], "message", String(id));
        seen.replayed++;
      }
    }
    room.sessions.add(session);
    session.once("disconnected", () => room.sessions.delete(session));
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    http.close();
    http.closeAllConnections();
  });
  const { port } = http.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/\${room}`,
    seen,
    spoilt: () => spoilt,
  };
}
