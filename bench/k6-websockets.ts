// The rival: the same connections by stock k6's own module, as many to a virtual user as wanted, as fast as it can.
//   k6 run -e URL=ws://… -e CONNECTIONS=5000 -e VUS=10 -e HOLD_MS=5000 bench/k6-websockets.ts
import exec from "k6/execution";
import { Counter, Trend } from "k6/metrics";
import { WebSocket } from "k6/websockets";

const { URL = "", CONNECTIONS, VUS, HOLD_MS, COMPRESSION = "off" } = __ENV;
const params = COMPRESSION === "deflate" ? { compression: "deflate" as const } : {};
const vus = Number(VUS);

const opened = new Counter("opened");
/** Times of the run, in milliseconds: of beginning, and of every 101 response. */
const beganAt = new Trend("began_at");
const openedAt = new Trend("opened_at");

export const options = {
  scenarios: {
    connect: { executor: "per-vu-iterations", vus, iterations: 1, maxDuration: "10m", gracefulStop: "10s" },
  },
  summaryTrendStats: ["min", "max"],
};

const now = () => exec.instance.currentTestRunDuration;

export default function () {
  beganAt.add(now());
  const mine: WebSocket[] = [];
  for (let i = exec.vu.idInTest - 1; i < Number(CONNECTIONS); i += vus) {
    mine.push(new WebSocket(URL, null, params));
  }
  let waitingFor = mine.length;
  const closeAll = () => {
    for (const socket of mine) socket.close();
  };
  for (const socket of mine) {
    socket.onopen = () => {
      opened.add(1);
      openedAt.add(now());
      if (--waitingFor === 0) setTimeout(closeAll, Number(HOLD_MS));
    };
  }
}

interface Data {
  readonly metrics: {
    readonly [name: string]: { readonly values: { readonly [aggregate: string]: number } };
  };
}

export function handleSummary({ metrics }: Data) {
  const reachedInMs = (metrics.opened_at?.values.max ?? 0) - (metrics.began_at?.values.min ?? 0);
  return {
    stdout: `figures ${JSON.stringify({ opened: metrics.opened?.values.count ?? 0, reachedInMs })}\n`,
  };
}
