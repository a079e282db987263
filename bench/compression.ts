/**
 * What compression costs: memory of connections at rest, with windows that are full, deliveries a second of a fan-out
 * beside the same without it, and how far the reported lag is from the packets' own times. Server and clients share this
 * machine. Needs Linux, and for the lag the right to capture packets (CAP_NET_RAW).
 *
 *   npm run bench:compression                       tables, and results/bench-compression.json
 *   npm run bench:compression -- memory lag         parts: memory, deliveries, lag
 *   CONNECTIONS=2000 SUBSCRIBERS=5000 npm run bench:compression
 */
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "../test/free-port.ts";
import { count } from "../test/k6/figures.ts";
import { OUR_K6, STOCK_K6 } from "../test/k6/run.ts";
import { flood, type Load, lagOf, miscounted } from "./fan-out-load.ts";
import { writeFigures } from "./figures-file.ts";
import { round, timesRows } from "./packets.ts";
import { buildBare, heldBytes, median, type Settings, startServer, variables, watch } from "./processes.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const PARTS = ["memory", "deliveries", "lag"] as const;
type Part = (typeof PARTS)[number];
const parts = process.argv.slice(2);
for (const part of parts)
  if (!PARTS.includes(part as Part)) throw new RangeError(`expected ${PARTS.join(", ")}, got ${part}`);
const wants = (part: Part) => parts.length === 0 || parts.includes(part);

const CONNECTIONS = Number(process.env.CONNECTIONS ?? 10_000);
const SUBSCRIBERS = Number(process.env.SUBSCRIBERS ?? 15_000);
const PAIRS = Number(process.env.PAIRS ?? 3);
const ROUNDS = Number(process.env.ROUNDS ?? 2);
const BASELINE = 100;
const KIB = 1_024;

interface Held {
  readonly name: string;
  /** What a connection may take at most. */
  readonly limitBytes?: number;
  /** What fills a window and is inflated alike by all. */
  readonly messageBytes: number;
  /** Holds so many connections for so long. A k6 process answers for its heap at the address. */
  readonly command: (url: string, connections: number, holdS: number, address: string) => readonly string[];
  /** Whether its heap can be asked for. */
  readonly isK6: boolean;
}

const k6 = (command: string, script: string, address: string, settings: Settings): readonly string[] => [
  ...[command, "run", "--quiet", "--no-usage-report", "--address", address, "--profiling-enabled"],
  ...[...variables(settings), join(root, script)],
];

const engine = (name: string, messageBytes: number, settings: Settings, limitBytes?: number): Held => ({
  name: `this engine, ${name}`,
  ...(limitBytes === undefined ? {} : { limitBytes }),
  messageBytes,
  isK6: true,
  command: (url, connections, holdS, address) =>
    k6(OUR_K6, "dist/massconnect.js", address, {
      WS_URL: url,
      CONNECTIONS: connections,
      RATE: 100_000,
      DURATION: `${holdS}s`,
      ...settings,
    }),
});

const stock = (name: string, settings: Settings): Held => ({
  name: `stock k6/websockets, ${name}`,
  messageBytes: 700,
  isK6: true,
  command: (url, connections, holdS, address) =>
    k6(STOCK_K6, "bench/k6-websockets.ts", address, {
      URL: url,
      CONNECTIONS: connections,
      VUS: 10,
      HOLD_MS: holdS * 1_000,
      ...settings,
    }),
});

const nodeWs = (name: string, compression: string): Held => ({
  name: `Node.js ws, ${name}`,
  messageBytes: 700,
  isK6: false,
  command: (url, connections, holdS) => [
    ...[process.execPath, join(root, "bench/node-websockets.mjs")],
    ...[url, String(connections), String(holdS), compression],
  ],
});

/** What a process takes. */
interface Memory {
  /** What is kept: objects that a collection leaves, stacks, and the runtime's tables of both. */
  readonly liveBytes: number | null;
  /** What is in the machine's memory until then: that, and garbage. The swarms let it grow to a quarter of the heap. */
  readonly residentBytes: number;
}

/** Has a k6 process collect its garbage, and reads what is left (runtime.MemStats). */
async function live(address: string): Promise<number> {
  const heap = async () =>
    (
      await fetch(`http://${address}/debug/pprof/heap?gc=1&debug=1`, { signal: AbortSignal.timeout(20_000) })
    ).text();
  await heap(); // the second collection takes what pools still held
  const text = await heap();
  return ["HeapAlloc", "Stack", "MSpan", "GCSys"]
    .map((name) => {
      const bytes = new RegExp(`^# ${name} = (\\d+)`, "m").exec(text)?.[1];
      if (bytes === undefined) throw new Error(`the heap's profile has no ${name}`);
      return Number(bytes);
    })
    .reduce((sum, bytes) => sum + bytes, 0);
}

/** Memory of a process that holds connections to a server which sends to all at an interval. */
async function held({ messageBytes, isK6, command }: Held, connections: number): Promise<Memory> {
  // The server deflates each message for each connection anew.
  const intervalS = Math.max(2, messageBytes / (4 * KIB));
  const server = await startServer(
    ...["broadcast-server", "--listen", "127.0.0.1:0", "--interval", `${intervalS}s`],
    ...["--size", String(messageBytes), "--compression", "deflate"],
  );
  const address = `127.0.0.1:${await freePort()}`;
  let used: Promise<number | null> | undefined;
  let asked = 0;
  try {
    const [program, ...args] = command(server.url, connections, 3 * intervalS + 3, address);
    const { usage, output } = await watch(program!, args, ({ descriptors }) => {
      if (descriptors >= connections)
        used ??= sleep((2 * intervalS + 1) * 1_000).then(() => {
          asked = performance.now();
          return isK6 ? live(address) : null;
        });
    });
    if (used === undefined) throw new Error(output);
    const before = usage.filter(({ atMs }) => atMs < asked);
    return { liveBytes: await used, residentBytes: heldBytes(before, connections) };
  } finally {
    await server.stop();
  }
}

/** Bytes that one connection takes, above the same program with few: of each round, the least first. */
async function bytesAtRest(of: Held): Promise<{ live: number[]; resident: number[] }> {
  const rounds: { live: number[]; resident: number[] } = { live: [], resident: [] };
  for (let i = 0; i < ROUNDS; i++) {
    const [many, few] = [await held(of, CONNECTIONS), await held(of, BASELINE)];
    const each = (all: number, base: number) => Math.round((all - base) / (CONNECTIONS - BASELINE));
    if (many.liveBytes !== null && few.liveBytes !== null)
      rounds.live.push(each(many.liveBytes, few.liveBytes));
    rounds.resident.push(each(many.residentBytes, few.residentBytes));
  }
  for (const values of Object.values(rounds)) values.sort((a, b) => a - b);
  return rounds;
}

const WINDOW_BITS = (process.env.WINDOW_BITS ?? "8,9,10,11,12,13,14,15").split(",").map(Number);
const HELD: readonly Held[] = [
  engine("no compression", 700, {}),
  engine("no context takeover", 700, { COMPRESSION: "deflate" }, 1.5 * KIB),
  ...WINDOW_BITS.map((bits) =>
    engine(
      `context takeover of the server, windows of ${bits} bits`,
      2 ** bits,
      { COMPRESSION: "deflate", CONTEXT_TAKEOVER: "server", SERVER_WINDOW_BITS: bits },
      2 ** bits + KIB,
    ),
  ),
  stock("no compression", {}),
  stock("no context takeover", { COMPRESSION: "deflate" }),
  nodeWs("no compression", "off"),
  nodeWs("context takeover of the server", "deflate"),
];

async function memoryAtRest() {
  const rows = [];
  for (const of of HELD) {
    console.log(`${of.name} …`);
    const { live, resident } = await bytesAtRest(of);
    const limitBytes = of.limitBytes ?? null;
    rows.push({ contender: of.name, connections: CONNECTIONS, limitBytes, live, resident });
  }
  const kib = (bytes: number) => round(bytes / KIB);
  const range = (rounds: readonly number[]) =>
    rounds.length === 0 ? "" : `${kib(median(rounds))} (${kib(rounds[0]!)} to ${kib(rounds.at(-1)!)})`;
  console.table(
    rows.map(({ contender, limitBytes, live, resident }) => ({
      [`${CONNECTIONS} connections`]: contender,
      "live, KiB each": range(live),
      "resident, KiB each": range(resident),
      "at most": limitBytes === null ? "" : kib(limitBytes),
    })),
  );
  for (const { contender, limitBytes, live } of rows)
    if (limitBytes !== null && median(live) > limitBytes) {
      console.log(`${contender}: above the limit`);
      process.exitCode = 1;
    }
  return rows;
}

const DEFLATE = { COMPRESSION: "deflate" };
const SERVER = ["--compression", "deflate"];

/** Publications into ten rooms, more than the machine can do. */
const FLOOD: Load = { connections: SUBSCRIBERS, publicationsPerSecond: 200, seconds: 3 };

async function flooded(settings: Settings) {
  const { summary, ...figures } = await flood(FLOOD, settings, ...SERVER);
  const saved =
    count(summary, "ws_message_bytes{direction:received}") /
    count(summary, "ws_wire_bytes{direction:received}");
  return { ...figures, saved };
}

async function deliveries() {
  const pairs: { off: Awaited<ReturnType<typeof flooded>>; deflate: Awaited<ReturnType<typeof flooded>> }[] =
    [];
  for (let i = 0; i < PAIRS; i++) pairs.push({ off: await flooded({}), deflate: await flooded(DEFLATE) });
  for (const { off, deflate } of pairs) console.table({ off, deflate });
  const ratio = median(pairs.map(({ off, deflate }) => deflate.perSecond / off.perSecond)) ?? 0;
  console.log(`deliveries a second with compression, of those without: ${ratio.toFixed(2)}`);
  return { load: FLOOD, pairs, ratio };
}

/** Publications into ten rooms, which the machine can do. */
const STEADY: Load = {
  connections: SUBSCRIBERS,
  publicationsPerSecond: Number(process.env.PUBLISH_RATE ?? 10),
  seconds: 10,
};

/** The reported lag beside that of the packets, without compression and with it in turn. */
async function lag() {
  const bare = await buildBare();
  const rows = [];
  for (let i = 0; i < PAIRS; i++)
    for (const [who, settings] of Object.entries({ "no compression": {}, compression: DEFLATE })) {
      console.log(`lag, ${who} …`);
      rows.push({ who, ...(await lagOf(bare, STEADY, settings, ...SERVER)) });
    }
  console.table(
    rows.map(({ who, deliveries, lost, uncertain, generatorDelayP99Ms, kernel }) => ({
      "": who,
      deliveries,
      "in packets": kernel.count,
      lost,
      "receive delay p99, ms": round(generatorDelayP99Ms),
      "arrivals uncertain": uncertain,
    })),
  );
  console.log(
    "Lag from the server's stamp, as reported and by the times of the packets (a separate process)",
  );
  console.table(rows.flatMap(({ who, reported, kernel }) => timesRows(who, reported, kernel)));
  for (const row of rows)
    for (const words of miscounted(row.who, row)) {
      console.log(words);
      process.exitCode = 1;
    }
  return rows;
}

const load = loadavg().map((each) => round(each));
console.log(`load average ${load}, ${cpus().length} processors`);
await writeFigures("compression", {
  load,
  memory: wants("memory") ? await memoryAtRest() : null,
  fanOut: wants("deliveries") ? await deliveries() : null,
  lag: wants("lag") ? await lag() : null,
});
