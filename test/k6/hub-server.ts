import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import type { Cleanup } from "./run.ts";

/** What ends each message of SignalR's JSON hub protocol. */
const END = "\u001e";

interface HubMessage {
  readonly type?: number;
  readonly invocationId?: string;
  readonly target?: string;
  readonly arguments?: readonly unknown[];
  readonly result?: unknown;
  readonly error?: string;
}

/**
 * A hub with rooms and an echo, as SignalR's JSON hub protocol has it. What it has for a client it writes every 10 ms
 * in one message, a text or binary by turns, with a ping before each completion. Every nth echo fails.
 */
export async function hubServer(t: Cleanup, { noEvery = Number.POSITIVE_INFINITY } = {}) {
  const seen = {
    ...{ joins: 0, echoes: 0, noes: 0, published: 0, delivered: 0 },
    /** Messages of the protocol that it wrote, and those of WebSocket that they came in. */
    ...{ messages: 0, frames: 0 },
    offences: [] as string[],
  };
  const rooms = new Map<unknown, Set<(message: HubMessage) => void>>();
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  server.on("connection", (socket) => {
    let pending = "";
    const write = (message: HubMessage) => {
      seen.messages++;
      pending += JSON.stringify(message) + END;
    };
    const flushing = setInterval(() => {
      if (pending !== "") socket.send(seen.frames++ % 2 === 0 ? pending : Buffer.from(pending));
      pending = "";
    }, 10);
    const invoke = (target: string | undefined, [given]: readonly unknown[]): Partial<HubMessage> => {
      if (target === "Echo") {
        if (++seen.echoes % noEvery !== 0) return { result: given };
        seen.noes++;
        return { error: "not this one" };
      }
      if (target === "Join") {
        seen.joins++;
        rooms.set(given, (rooms.get(given) ?? new Set()).add(write));
      } else if (target === "Publish") {
        seen.published++;
        for (const deliver of rooms.get((given as { room: string }).room) ?? []) {
          seen.delivered++;
          deliver({ type: 1, target: "message", arguments: [given] });
        }
      }
      return {};
    };
    socket.on("message", (data) => {
      const [text = "", ...more] = String(data).split(END);
      if (more.join() !== "") seen.offences.push(`not one message and its end: ${data}`);
      const { type, invocationId, target, arguments: given = [] } = JSON.parse(text) as HubMessage;
      if (type === undefined) return write({});
      if (type !== 1) return;
      const result = invoke(target, given);
      if (invocationId === undefined) return;
      write({ type: 6 });
      write({ type: 3, invocationId, ...result });
    });
    socket.on("close", () => {
      clearInterval(flushing);
      for (const members of rooms.values()) members.delete(write);
    });
  });
  t.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, "listening");
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}
