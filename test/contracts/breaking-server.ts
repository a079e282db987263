/** A server that keeps to orders.json, but for twelve ways in which it breaks it, each a known number of times. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

const order = (id: number) => ({
  type: "order" as unknown,
  id: id as unknown,
  side: id % 2 ? "buy" : "sell",
  qty: (id % 1_000) + 1,
  price: (100 + (id % 7) / 4) as unknown,
  at: "2026-11-30T15:00:00Z",
  note: (id % 3 ? null : "as agreed") as unknown,
  owner: { name: "Ann", desk: "D1" },
  fills: [
    { px: 100.25, n: 2 },
    { px: 100.5, n: 1 },
  ],
});
type Order = ReturnType<typeof order>;

/** What a way comes to: the kind and rule that count it, and what is said of it. */
interface Way {
  readonly about: string;
  readonly kind: string;
  readonly rule: string;
  readonly said: string;
  readonly breaks: (order: Order) => object;
}

export const WAYS: readonly Way[] = [
  {
    about: "missing",
    kind: "order",
    rule: "required",
    said: `order: expected a member "qty", got none (required)`,
    breaks: ({ qty, ...rest }) => rest,
  },
  {
    about: "extra",
    kind: "order",
    rule: "additionalProperties",
    said: `order: expected no member "hint", got one (additionalProperties)`,
    breaks: (order) => ({ ...order, hint: 1 }),
  },
  {
    about: "wrong type",
    kind: "order",
    rule: "type",
    said: "order /note: expected null or string, got 7 (type)",
    breaks: (order) => ({ ...order, note: 7 }),
  },
  {
    about: "enum",
    kind: "order",
    rule: "enum",
    said: `order /side: expected one of "buy", "sell", got "hold" (enum)`,
    breaks: (order) => ({ ...order, side: "hold" }),
  },
  {
    about: "range",
    kind: "order",
    rule: "maximum",
    said: "order /qty: expected maximum 1000, got 1001 (maximum)",
    breaks: (order) => ({ ...order, qty: 1001 }),
  },
  {
    about: "format",
    kind: "order",
    rule: "format",
    said: `order /at: expected a text in the format date-time, got "yesterday" (format)`,
    breaks: (order) => ({ ...order, at: "yesterday" }),
  },
  {
    about: "null",
    kind: "order",
    rule: "type",
    said: "order /id: expected integer, got null (type)",
    breaks: (order) => ({ ...order, id: null }),
  },
  {
    about: "nested",
    kind: "order",
    rule: "minLength",
    said: `order /owner/name: expected minLength 1, got "" (minLength)`,
    breaks: (order) => ({ ...order, owner: { name: "" } }),
  },
  {
    about: "array item",
    kind: "order",
    rule: "minimum",
    said: "order /fills/1/n: expected minimum 1, got 0 (minimum)",
    breaks: (order) => ({ ...order, fills: [order.fills[0], { px: 1, n: 0 }] }),
  },
  {
    about: "unknown kind",
    kind: "unknown",
    rule: "unknown_kind",
    said: `unknown: expected a message that a schema describes, got /type "cancel" (unknown_kind)`,
    breaks: (order) => ({ ...order, type: "cancel" }),
  },
  {
    about: "kind at the wrong time",
    kind: "welcome",
    rule: "wrong_time",
    said: "welcome: expected to be the first message, got one that came before it (wrong_time)",
    breaks: () => ({ type: "welcome" }),
  },
  {
    about: "number as text",
    kind: "order",
    rule: "type",
    said: `order /price: expected number, got "100.25" (type)`,
    breaks: (order) => ({ ...order, price: "100.25" }),
  },
];

export interface BreakingServer {
  readonly url: string;
  /** Settled when every connection has handled all. */
  readonly done: Promise<void>;
  /** Messages to the connections, the first of each and answers to probes apart. */
  readonly sent: () => number;
  close(): void;
}

export interface Plan {
  readonly connections: number;
  readonly perConnection: number;
  /** How often each way comes, by its place in {@link WAYS}. */
  readonly times: readonly number[];
  /** Characters that fill each message up. Default 0. */
  readonly pad?: number;
  /**
   * How it is known that a connection has handled all that it read: by its answer to a ping (default), or to a message,
   * as a script's sockets answer a ping before the script has handled what came. They may also pass over what comes before
   * they have said that they are open, so nothing is sent before they ask.
   */
  readonly handledBy?: "pong" | "message";
  /** Messages in a second, of all connections together. Default: as many as they read. */
  readonly perSecond?: number;
}

/** Begins to send once all connections are there. */
export async function breakingServer({
  connections,
  perConnection,
  times,
  pad = 0,
  perSecond,
  handledBy = "pong",
}: Plan): Promise<BreakingServer> {
  const total = connections * perConnection;
  const broken = spread(total, times);
  const padding = "x".repeat(pad);
  let sent = 0;
  const message = (id: number): string => {
    const whole = { ...order(id), ...(pad > 0 && { pad: padding }) };
    const way = broken.get(id);
    return JSON.stringify(way === undefined ? whole : WAYS[way]!.breaks(whole));
  };
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
  await once(server, "listening");
  let finish = () => {};
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const all: WebSocket[] = [];
  let left = connections;
  const push = async () => {
    const began = performance.now();
    for (let round = 0; round < perConnection; round++) {
      for (const [i, socket] of all.entries()) {
        socket.send(message(round * connections + i + 1));
        sent++;
      }
      const due = perSecond === undefined ? 0 : began + (sent * 1_000) / perSecond - performance.now();
      await new Promise((resolve) => (due > 0 ? setTimeout(resolve, due) : setImmediate(resolve)));
    }
    for (const socket of all) {
      if (handledBy === "pong") socket.ping();
      else socket.send(`{"type":"sync"}`);
    }
  };
  server.on("connection", (socket) => {
    let welcomed = false;
    const welcome = () => {
      if (welcomed) return;
      welcomed = true;
      socket.send(`{"type":"welcome"}`);
      all.push(socket);
      if (all.length === connections) void push();
    };
    const handled = () => {
      if (--left === 0) finish();
    };
    socket.on("message", (data) => {
      welcome();
      const { type, id } = JSON.parse(String(data)) as { type: string; id?: string };
      if (type === "synced") handled();
      else socket.send(JSON.stringify({ type: "answer", id }));
    });
    socket.once("pong", () => {
      if (handledBy === "pong") handled();
    });
    if (handledBy === "pong") welcome();
  });
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    done,
    sent: () => sent,
    close: () => {
      for (const socket of server.clients) socket.terminate();
      server.close();
    },
  };
}

/** Which messages are broken in which way: spread evenly, the ways in turn. */
function spread(total: number, times: readonly number[]): ReadonlyMap<number, number> {
  const left = [...times];
  const turns: number[] = [];
  while (left.some((n) => n > 0)) for (const way of left.keys()) if (left[way]!-- > 0) turns.push(way);
  const gap = total / turns.length;
  if (gap < 1) throw new RangeError(`${total} messages cannot be broken ${turns.length} times`);
  return new Map(turns.map((way, i) => [Math.floor(i * gap) + 1, way]));
}
