import type { AddressInfo } from "node:net";
import { Room, Server } from "@colyseus/core";
import { WebSocketTransport } from "@colyseus/ws-transport";
import type { Cleanup } from "../k6/run.ts";

/** What a Colyseus server did, by its own count. */
export interface ColyseusCounts {
  rooms: number;
  /** Seats taken by a connection; a reservation that nobody takes is none. */
  joined: number;
  left: number;
  echoes: number;
  published: number;
  /** Broadcast, one for each client of the room. */
  delivered: number;
}

/** An echo, type 1, and a broadcast, type 2, in rooms of up to 1,000 clients. */
export async function colyseusServer(t: Cleanup) {
  const seen: ColyseusCounts = { rooms: 0, joined: 0, left: 0, echoes: 0, published: 0, delivered: 0 };
  class Bench extends Room {
    override maxClients = 1_000;

    override onCreate(): void {
      seen.rooms++;
      this.onMessageBytes(1, (client: { sendBytes(type: number, bytes: Buffer): void }, bytes: Buffer) => {
        seen.echoes++;
        client.sendBytes(1, bytes);
      });
      this.onMessageBytes(2, (_: unknown, bytes: Buffer) => {
        seen.published++;
        seen.delivered += this.clients.length;
        this.broadcastBytes(2, bytes, {});
      });
    }

    override onJoin(): void {
      seen.joined++;
    }

    override onLeave(): void {
      seen.left++;
    }
  }
  const transport = new WebSocketTransport();
  const server = new Server({ transport, greet: false, gracefullyShutdown: false });
  server.define("bench", Bench).filterBy(["room"]);
  await server.listen(0, "127.0.0.1");
  t.after(() => server.gracefullyShutdown(false));
  const { port } = (transport.server as unknown as { address(): AddressInfo }).address();
  return { url: `ws://127.0.0.1:${port}/\${processId}/\${roomId}?sessionId=\${sessionId}`, seen };
}
