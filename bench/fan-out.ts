/**
 * Fan-out held against what the kernel saw: how many deliveries a second are counted beside a loop that only
 * reads, how far the reported lag is from the packets' own times, the same for stock k6 at a size that it can do,
 * and whether a million deliveries of which a known few go wrong are counted exactly. Server and clients share
 * this machine. Needs Linux, and the right to capture packets (CAP_NET_RAW).
 *
 *   npm run bench:fan-out      tables, and results/bench-fan-out.json
 */
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { count } from "../test/k6/figures.ts";
import { STOCK_K6 } from "../test/k6/run.ts";
import {
  deliveriesOf,
  fanOut,
  flood,
  type Load,
  lagOf,
  miscounted,
  PAYLOAD_BYTES,
  ROOMS,
  withServer,
} from "./fan-out-load.ts";
import { writeFigures } from "./figures-file.ts";
import { captured, lastLine, round, type Times, timesRows } from "./packets.ts";
import { buildBare, median, variables, watch } from "./processes.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
/** Of what differs from one to the next by a tenth. */
const ROUNDS = 9;
const CPU_ROUNDS = 3;

const LARGE: Load = { connections: 15_000, publicationsPerSecond: 40, seconds: 10 };
const FLOOD: Load = { connections: 15_000, publicationsPerSecond: 200, seconds: 3 };
const SMALL: Load = { connections: 5_000, publicationsPerSecond: 40, seconds: 30 };
const FAULTY: Load = { connections: 15_000, publicationsPerSecond: 60, seconds: 12 };

const bare = await buildBare();

const accuracy = (load: Load, priority: "normal" | "realtime" = "normal") =>
  lagOf(bare, load, { PRIORITY: priority });

/** Stock k6 in our place. */
async function stockFanOut(url: string, load: Load) {
  const { usage, output } = await watch(STOCK_K6, [
    ...["run", "--quiet", "--no-usage-report"],
    ...variables({
      URL: url,
      CONNECTIONS: load.connections,
      ROOMS,
      PUBLISH_RATE: load.publicationsPerSecond,
      VUS: 10,
      PAYLOAD_BYTES,
      DURATION_S: load.seconds,
    }),
    join(root, "bench/k6-fan-out.ts"),
  ]);
  const figures = /figures (\{.*\})/.exec(output)?.[1];
  if (!figures) throw new Error(`stock k6 left no figures:\n${output}`);
  const { deliveries, handled, read }: { deliveries: number; handled: Times; read: Times } =
    JSON.parse(figures);
  return { deliveries, handled, read, cpuSeconds: usage.at(-1)!.cpuSeconds };
}

async function stockAccuracy(load: Load) {
  const { result } = await withServer((url) => captured(bare, "lags", url, () => stockFanOut(url, load)));
  return { load, ...result.result, kernel: result.kernel };
}

/** What the same deliveries take of the processors, with nobody to watch them. */
async function cpu(load: Load) {
  const { result } = await withServer((url) => fanOut(url, load));
  return { deliveries: count(result.summary, "ws_deliveries"), cpuSeconds: result.cpuSeconds };
}

async function stockCpu(load: Load) {
  const { deliveries, cpuSeconds } = (await withServer((url) => stockFanOut(url, load))).result;
  return { deliveries, cpuSeconds };
}

async function flooding(load: Load) {
  const { summary: _, ...figures } = await flood(load);
  return figures;
}

/** The same to a loop that only reads. */
async function floodBare(load: Load) {
  const { result, server } = await withServer((url) =>
    watch(bare, [
      ...["read", new URL(url).host, String(load.connections), String(ROOMS)],
      ...[String(load.publicationsPerSecond), String(load.seconds), String(PAYLOAD_BYTES)],
    ]),
  );
  if (result.code !== 0) throw new Error(result.output);
  const deliveries = server.deliveriesSent;
  const perSecond = Math.round((deliveries * 1_000) / lastLine(result.output).elapsedMs);
  return { deliveries, lost: 0, perSecond, cpuSeconds: result.usage.at(-1)!.cpuSeconds };
}

/** Ten lost, ten repeated, ten out of order, while others come and go. */
async function exactness(load: Load) {
  // Those that come and go, in order from the first, are spared: what is lost on its way to one that has begun
  // to leave was not due to it, which the server cannot know.
  const spared = 3_000;
  const fault = { every: Math.floor((deliveriesOf(load) * 0.8) / 13), count: 10 };
  const faults = {
    loseDeliveries: fault,
    repeatDeliveries: fault,
    reorderDeliveries: fault,
    fromConnection: spared,
    toConnection: load.connections,
  };
  const { result, server } = await withServer(
    (url) => fanOut(url, load, { CHURN: 50 }),
    ...["--faults", JSON.stringify(faults)],
  );
  const of = (name: string) => count(result.summary, `ws_messages_${name}`);
  return {
    load,
    deliveries: count(result.summary, "ws_deliveries"),
    cameBack: count(result.summary, "ws_sessions_opened") - load.connections - ROOMS,
    rows: [
      { what: "lost", server: server.deliveriesLost, counted: of("lost") },
      { what: "repeated", server: server.deliveriesRepeated, counted: of("duplicated") },
      { what: "reordered", server: server.deliveriesReordered, counted: of("reordered") },
      { what: "foreign", server: 0, counted: of("foreign") },
      { what: "late", server: 0, counted: of("late") },
    ],
  };
}

const loads: Record<string, number> = {};
async function part<T>(name: string, run: () => Promise<T>): Promise<T> {
  loads[name] = round(loadavg()[0]!);
  console.log(`${name} … (load average before: ${loads[name]})`);
  return run();
}

type Contender<T> = readonly [name: string, run: () => Promise<T>];

/** Two in turn, the first one first every other time. */
async function inTurn<T>(rounds: number, one: Contender<T>, other: Contender<T>): Promise<[T[], T[]]> {
  const results: [T[], T[]] = [[], []];
  for (let round = 1; round <= rounds; round++) {
    for (const i of round % 2 ? ([0, 1] as const) : ([1, 0] as const)) {
      const [name, run] = [one, other][i]!;
      results[i].push(await part(`${name}, round ${round}`, run));
    }
  }
  return results;
}

const large = await part("the engine, 15,000 subscribers", () => accuracy(LARGE));
const onTime = await part("the same with PRIORITY=realtime", () => accuracy(LARGE, "realtime"));
const small = await part("the engine, 5,000 subscribers", () => accuracy(SMALL));
const rival = await part("stock k6, the same 5,000", () => stockAccuracy(SMALL));
const [cpu5000, rivalCpu5000] = await inTurn(
  CPU_ROUNDS,
  ["the engine's processor time, 5,000 subscribers", () => cpu(SMALL)],
  ["stock k6's", () => stockCpu(SMALL)],
);
const [flooded, floodedBare] = await inTurn(
  ROUNDS,
  ["more than the machine can do", () => flooding(FLOOD)],
  ["the same to a loop that only reads", () => floodBare(FLOOD)],
);
const exact = await part("deliveries that go wrong, 15,000 subscribers", () => exactness(FAULTY));

console.log(
  `\n${ROOMS} rooms, ${PAYLOAD_BYTES} bytes of payload, ${cpus().length} processors shared with the server`,
);
const own = { "15,000": large, "15,000, PRIORITY=realtime": onTime, "5,000": small };
console.table(
  Object.entries(own).map(([who, { load, deliveries, lost, uncertain, generatorDelayP99Ms }]) => ({
    "": `this engine, ${who}`,
    seconds: load.seconds,
    due: deliveriesOf(load),
    deliveries,
    lost,
    "receive delay p99, ms": round(generatorDelayP99Ms),
    "arrivals uncertain": uncertain,
  })),
);
console.log("Lag from the server's stamp, as reported and by the times of the packets (a separate process)");
console.table([
  ...Object.entries(own).flatMap(([who, { reported, kernel }]) =>
    timesRows(`this engine, ${who}`, reported, kernel),
  ),
  ...timesRows("stock k6, 5,000, Date.now()", rival.handled, rival.kernel),
  ...timesRows("stock k6, 5,000, event.timestamp", rival.read, rival.kernel),
]);
for (const [who, measured] of Object.entries({ ...own, rival }))
  for (const words of miscounted(who, measured)) console.log(words);
console.log(`Processor time for ${deliveriesOf(SMALL)} deliveries to 5,000 subscribers, nobody capturing`);
console.table([
  ...cpu5000.map((row) => ({ "": "this engine", ...row })),
  ...rivalCpu5000.map((row) => ({ "": "stock k6", ...row })),
]);
const typicalCpu = (rows: typeof cpu5000) => median(rows.map(({ cpuSeconds }) => cpuSeconds));
console.log(`By the medians: 1/${round(typicalCpu(rivalCpu5000) / typicalCpu(cpu5000), 1)} of stock k6's`);
console.log(
  `\nMore than the machine can do: ${deliveriesOf(FLOOD)} deliveries asked for in ${FLOOD.seconds} s`,
);
console.table([
  ...flooded.map((row) => ({ "": "this engine", ...row })),
  ...floodedBare.map((row) => ({ "": "a loop that only reads", ...row })),
]);
const typical = (rows: typeof flooded) => median(rows.map(({ perSecond }) => perSecond));
console.log(
  `By the medians: ${round((typical(flooded) / typical(floodedBare)) * 100, 1)} % of the loop that only reads`,
);
console.log(
  `\n${exact.deliveries} deliveries of which some go wrong, while subscribers leave and come back (${exact.cameBack} did)`,
);
console.table(exact.rows);

await writeFigures("fan-out", {
  processors: cpus().length,
  loads,
  large,
  onTime,
  small,
  rival,
  cpu5000,
  rivalCpu5000,
  flooded,
  floodedBare,
  exact,
});
if (exact.rows.some(({ server, counted }) => server !== counted)) process.exitCode = 1;
