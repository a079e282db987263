// The rival of fan-out: the same rooms, subscribers and publications by stock k6's own module.
//   k6 run -e URL=ws://… -e CONNECTIONS=5000 -e ROOMS=10 -e PUBLISH_RATE=20 -e DURATION_S=10 -e VUS=10 bench/k6-fan-out.ts
import exec from "k6/execution";
import { Counter, Trend } from "k6/metrics";
import { WebSocket } from "k6/websockets";

const { URL = "", CONNECTIONS, ROOMS, PUBLISH_RATE, PAYLOAD_BYTES, DURATION_S, VUS } = __ENV;
const [connections, rooms, vus, rate] = [CONNECTIONS, ROOMS, VUS, PUBLISH_RATE].map(Number) as [
  number,
  number,
  number,
  number,
];
/** Until all are surely open, and after the last publication. */
const SETTLE_MS = 10_000;
const DRAIN_MS = 4_000;
const holdMs = Number(DURATION_S) * 1_000;

const deliveries = new Counter("deliveries");
/** The server's stamp to the time at which the script was given the message: what most scripts take. */
const lagHandled = new Trend("lag_handled");
/** The server's stamp to the time that the event carries. */
const lagRead = new Trend("lag_read");

export const options = {
  scenarios: {
    subscribe: { executor: "per-vu-iterations", vus, iterations: 1, maxDuration: "10m", gracefulStop: "10s" },
  },
  summaryTrendStats: ["min", "p(50)", "p(90)", "p(99)", "max"],
};

interface Delivery {
  readonly type: string;
  readonly timestamp: number;
}

export default function () {
  const vu = exec.vu.idInTest - 1;
  const sockets: WebSocket[] = [];
  const open = (room: string, isSubscriber: boolean) => {
    const socket = new WebSocket(URL);
    sockets.push(socket);
    if (!isSubscriber) return socket;
    socket.onopen = () => socket.send(JSON.stringify({ type: "subscribe", room }));
    socket.onmessage = (event) => {
      const { data, timestamp } = event!;
      const message = JSON.parse(String(data)) as Delivery;
      if (message.type !== "message") return;
      deliveries.add(1);
      lagHandled.add(Date.now() - message.timestamp);
      lagRead.add(timestamp - message.timestamp);
    };
    return socket;
  };
  for (let i = vu; i < connections; i += vus) open(`room-${i % rooms}`, true);
  setTimeout(
    () => {
      for (const socket of sockets) socket.close();
    },
    SETTLE_MS + holdMs + DRAIN_MS,
  );
  if (vu !== 0) return;

  const payload = "x".repeat(Number(PAYLOAD_BYTES));
  const publishers = Array.from({ length: rooms }, (_, room) => open(`room-${room}`, false));
  let published = 0;
  setTimeout(() => {
    const ticking = setInterval(() => {
      const room = published % rooms;
      const seq = Math.floor(published / rooms);
      const text = { type: "publish", room: `room-${room}`, id: `stock.${room}.${seq}`, seq, payload };
      publishers[room]!.send(JSON.stringify(text));
      if (++published >= (rate * holdMs) / 1_000) clearInterval(ticking);
    }, 1_000 / rate);
  }, SETTLE_MS);
}

interface Data {
  readonly metrics: {
    readonly [name: string]: { readonly values: { readonly [aggregate: string]: number } };
  };
}

export function handleSummary({ metrics }: Data) {
  const of = (name: string) => {
    const values = metrics[name]?.values ?? {};
    return { p50Ms: values["p(50)"], p90Ms: values["p(90)"], p99Ms: values["p(99)"], maxMs: values.max };
  };
  const figures = {
    deliveries: metrics.deliveries?.values.count ?? 0,
    handled: of("lag_handled"),
    read: of("lag_read"),
  };
  return { stdout: `figures ${JSON.stringify(figures)}\n` };
}
