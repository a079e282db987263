/**
 * Event streams held against what their server and the kernel know: gaps between events beside those that the server
 * wrote, by this engine and by npm's eventsource; memory of 15,000 streams; lag of a fan-out beside the packets' own
 * times; and what a delivery takes of the processor beside one of WebSocket and one over HTTP/2. Server and clients
 * share this machine. Needs Linux, and the right to capture packets (CAP_NET_RAW).
 *
 *   npm run bench:event-streams      tables, and results/bench-event-streams.json
 */
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { count, trend } from "../test/k6/figures.ts";
import { OUR_K6 } from "../test/k6/run.ts";
import { forK6 } from "../tools/bundles.mjs";
import { writeFigures } from "./figures-file.ts";
import { captured, round, timesOf, timesRows, whileRunning } from "./packets.ts";
import {
  buildBare,
  median,
  type Settings,
  startAndWait,
  startServer,
  variables,
  watch,
} from "./processes.ts";
import { runScenario } from "./scenario.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const CONNECTIONS = Number(process.env.CONNECTIONS ?? 15_000);
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const EVENTS = 2_000;
const ROOMS = 10;
const LOAD = { publicationsPerSecond: 20, seconds: 5 };

const bare = await buildBare();

async function withEvents<T>(use: (url: string) => Promise<T>) {
  const server = await startAndWait(bare, ["events"], /listening on (\S+)\s/);
  const { result, figures } = await whileRunning(server, () => use(server.ready));
  return { result, server: figures };
}

const quantile = (sorted: readonly number[], q: number) => sorted[Math.floor(q * (sorted.length - 1))]!;
const gapsOf = (times: readonly number[]) => times.slice(1).map((time, i) => time - times[i]!);

/** By how much a gap is outside of what the server's writes allow: each began and returned at known times. */
function offBy(
  gap: number,
  [began, returned]: readonly number[],
  [nextBegan, nextReturned]: readonly number[],
): number {
  const least = (nextBegan! - returned!) / 1e6;
  const most = (nextReturned! - began!) / 1e6;
  return Math.max(0, least - gap, gap - most);
}

/** By how much the gaps that a client saw are off from those that the server wrote, in milliseconds. */
async function gaps() {
  const script = join(root, ".cache/bench-events.js");
  await build({ ...forK6, entryPoints: [join(root, "bench/k6-events.ts")], outfile: script, bundle: true });
  const clients = {
    "this engine": (url: string) =>
      watch(OUR_K6, ["run", "--quiet", "--no-usage-report", ...variables({ URL: url }), script]),
    "eventsource (npm)": (url: string) => watch(process.execPath, [join(root, "bench/node-events.mjs"), url]),
  };
  const { result, server } = await withEvents(async (url) => {
    const seen: Record<string, number[]> = {};
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, run] of Object.entries(clients)) {
        const stream = `${url}/clocked?count=${EVENTS}&us=2000&name=${encodeURIComponent(name)}-${round}`;
        const { output } = await run(stream);
        const times = /times (\[[^\]]*\])/.exec(output)?.[1];
        if (!times) throw new Error(`${name} left no times:\n${output}`);
        seen[`${name}-${round}`] = JSON.parse(times);
      }
    }
    return seen;
  });
  return Object.keys(clients).map((name) => {
    const off = Object.entries(result)
      .filter(([key]) => key.startsWith(name))
      .flatMap(([key, times]) => {
        const written = server.written[key] as number[][];
        if (times.length !== EVENTS) throw new Error(`${key}: ${times.length} of ${EVENTS} events`);
        return gapsOf(times).map((gap, i) => offBy(gap, written[i]!, written[i + 1]!));
      })
      .sort((a, b) => a - b);
    const within = off.filter((ms) => ms <= 0.1).length / off.length;
    return {
      client: name,
      gaps: off.length,
      "off p50, ms": round(quantile(off, 0.5), 4),
      "p99, ms": round(quantile(off, 0.99), 4),
      "max, ms": round(off.at(-1)!, 3),
      "within 0.1 ms, %": round(within * 100),
    };
  });
}

const ofRooms = {
  PROFILE: join(root, "test/k6/patient-profile.json"),
  CONNECTIONS,
  RATE: 2_000,
  ROOMS,
  PUBLISH_RATE: LOAD.publicationsPerSecond,
  DURATION: `${LOAD.seconds}s`,
  REPLY_TIMEOUT: "60s",
};
const streams = (url: string, more: Settings = {}) =>
  runScenario("fan-out", { ...ofRooms, ...more, SSE_URL: `${url}/rooms/\${room}`, PROTOCOL: "room-events" });
/** As streams of HTTP/2, on 100 TCP connections and fewer. */
const shared = { HTTP_VERSION: "2", STREAMS_PER_CONNECTION: 100 };
const sockets = (url: string) => runScenario("fan-out", { ...ofRooms, WS_URL: url });

/** The reported lag beside that of the packets. */
async function lags() {
  const { result } = await withEvents((url) => captured(bare, "lags", url, () => streams(url)));
  const { summary } = result.result;
  return {
    deliveries: count(summary, "ws_deliveries"),
    lost: count(summary, "ws_messages_lost"),
    reported: timesOf(trend(summary, "ws_fanout_server_lag_ms")),
    kernel: result.kernel,
  };
}

/** What each held stream takes of memory, beyond the first few. */
async function memory(more: Settings) {
  const held = async (connections: number) => {
    const { result } = await withEvents((url) =>
      runScenario("massconnect", {
        SSE_URL: `${url}/rooms/\${room}`,
        CONNECTIONS: connections,
        RATE: 5_000,
        DURATION: "3s",
        ...more,
      }),
    );
    return Math.max(...result.usage.map(({ residentBytes }) => residentBytes));
  };
  const few = await held(100);
  const many = await held(CONNECTIONS);
  const { HTTP_VERSION: version = "1.1" } = more;
  return { version, streams: CONNECTIONS, "bytes each": Math.round((many - few) / (CONNECTIONS - 100)) };
}

/** Processor time of the k6 process for the same deliveries, by either wire. */
async function costs() {
  const rows: Record<string, string | number>[] = [];
  const row = (wire: string, { summary, cpuSeconds }: Awaited<ReturnType<typeof runScenario>>) => {
    const [lag, delay] = [trend(summary, "ws_fanout_lag_ms"), trend(summary, "ws_generator_delay_ms")];
    const deliveries = count(summary, "ws_deliveries");
    rows.push({
      wire,
      deliveries,
      cpuSeconds,
      "lag p50, ms": round(lag.p50!),
      "p99, ms": round(lag.p99!),
      "this side's delay p99, ms": round(delay.p99!),
    });
  };
  for (let round = 0; round < ROUNDS; round++) {
    row("event streams", (await withEvents((url) => streams(url))).result);
    const http2 = await withEvents((url) => streams(url, shared));
    row("event streams over HTTP/2", http2.result);
    const sent = http2.server.deliveriesSent;
    if (
      sent !==
      count(http2.result.summary, "ws_deliveries") + count(http2.result.summary, "ws_publications")
    )
      console.log(`over HTTP/2 the server sent ${sent}, publishers' own included`);
    const server = await startServer("room-server", "--listen", "127.0.0.1:0");
    row("WebSocket", await sockets(server.url).finally(server.stop));
  }
  const typical = (wire: string) =>
    median(
      rows.filter((row) => row.wire === wire).map((row) => Number(row.cpuSeconds) / Number(row.deliveries)),
    );
  const ratio = (wire: string, beside: string) => round(typical(wire) / typical(beside), 2);
  return {
    rows,
    ratio: ratio("event streams", "WebSocket"),
    ofHttp2: ratio("event streams over HTTP/2", "event streams"),
  };
}

const loads: Record<string, number> = {};
async function part<T>(name: string, run: () => Promise<T>): Promise<T> {
  loads[name] = round(loadavg()[0]!);
  console.log(`${name} … (load average before: ${loads[name]})`);
  return run();
}

const figures = {
  processors: cpus().length,
  loads,
  gaps: await part("gaps", gaps),
  memory: [await part("memory", () => memory({})), await part("memory over HTTP/2", () => memory(shared))],
  lags: await part("lags", lags),
  costs: await part("processor time", costs),
};
console.log("\nGaps between events, against those that the server wrote");
console.table(figures.gaps);
console.table(figures.memory);
console.log("Lag from the server's stamp, as reported and by the times of the packets (a separate process)");
console.table(timesRows(`${CONNECTIONS} event streams`, figures.lags.reported, figures.lags.kernel));
console.log(
  `${figures.lags.deliveries} deliveries, ${figures.lags.kernel.count} in packets, ${figures.lags.lost} lost`,
);
console.table(figures.costs.rows);
console.log(
  `A delivery by event stream takes ${figures.costs.ratio} times the processor time of WebSocket's, over HTTP/2 ${figures.costs.ofHttp2} times that over HTTP/1.1`,
);
await writeFigures("event-streams", figures);
