/** A server of examples/scripts/signed-protocol.ts: every message must be signed over the next number of its connection. */
import { createHmac } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import type { Cleanup } from "./k6/run.ts";

export const SIGNING_KEY = "a key for tests";

const mac = (n: number, body: string) =>
  createHmac("sha256", SIGNING_KEY).update(`${n}.${body}`).digest("hex");

/** What a client may say. */
type Said = { op: string; room?: string; resumes?: boolean; id?: string; after?: number; payload?: string };

interface Room {
  readonly members: Set<(content: object) => void>;
  readonly history: object[];
}

export interface SignedOptions {
  /** Answers that are sent with a wrong signature: every so many. Default none. */
  readonly forgeEvery?: number;
}

export async function signedServer(
  t: Cleanup,
  { forgeEvery = Number.POSITIVE_INFINITY }: SignedOptions = {},
) {
  const seen = { connections: 0, verified: 0, refused: 0, asks: 0, says: 0, resumes: 0, forged: 0 };
  const rooms = new Map<string, Room>();
  const saidBefore = { count: Number.NaN, callback: () => {} };
  const publishers = new Set<WebSocket>();
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  server.on("connection", (socket) => converse(socket));
  await once(server, "listening");
  t.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  const { port } = server.address() as AddressInfo;

  function converse(socket: WebSocket): void {
    seen.connections++;
    let received = 0;
    let sent = 0;
    let room: Room | undefined;
    const send = (content: object, forged = false) => {
      const body = JSON.stringify(content);
      const n = forged ? sent + 1 : ++sent;
      socket.send(JSON.stringify({ n, body, mac: forged ? "0" : mac(n, body) }));
    };
    socket.on("message", (data) => {
      const { n, body, mac: given } = JSON.parse(String(data));
      if (n !== received + 1 || given !== mac(n, body)) {
        seen.refused++;
        socket.close(4003, "a wrong signature");
        return;
      }
      received = n;
      seen.verified++;
      answer(JSON.parse(body));
    });
    socket.on("close", () => room?.members.delete(send));

    function answer({ op, room: name = "", resumes, id, after = 0, payload }: Said): void {
      if (op === "join") {
        room = rooms.get(name) ?? { members: new Set(), history: [] };
        rooms.set(name, room);
        // Who resumes gets what it missed before anything new.
        if (!resumes) room.members.add(send);
        send({ op: "joined" });
      } else if (op === "ask") {
        seen.asks++;
        const forged = seen.asks % forgeEvery === 0;
        if (forged) seen.forged++;
        send({ op: "answer", id }, forged);
      } else if (op === "say") {
        seen.says++;
        publishers.add(socket);
        if (seen.says === saidBefore.count) setImmediate(saidBefore.callback);
        const message = { op: "said", id, number: room!.history.length + 1, payload };
        room!.history.push(message);
        for (const member of room!.members) member(message);
      } else if (op === "resume") {
        seen.resumes++;
        send({ op: "resumed" });
        for (const message of room!.history.slice(after)) send(message);
        room!.members.add(send);
      }
    }
  }

  return {
    url: `ws://127.0.0.1:${port}`,
    seen,
    /** Calls back once, after so many publications. */
    whenSaid: (count: number, callback: () => void) => Object.assign(saidBefore, { count, callback }),
    /** Ends the connections of all who have published nothing, without a Close. */
    cutListeners: () => {
      for (const client of server.clients) if (!publishers.has(client)) client.terminate();
    },
  };
}
