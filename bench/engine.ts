/**
 * The engine beside stock k6, against the same server in one run: what a connection costs in memory, how fast
 * connections open, and the processor time that takes.
 *
 *   npm run bench              a table, and results/bench-engine.json
 *   CONNECTIONS=2000 npm run bench
 */
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { OUR_K6, STOCK_K6 } from "../test/k6/run.ts";
import { writeFigures } from "./figures-file.ts";
import { buildBare, heldBytes, startServer, type Watched, watch } from "./processes.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const CONNECTIONS = Number(process.env.CONNECTIONS ?? 5_000);
/** Two of the three are also run with so many; a virtual user for each would take minutes to start. */
const MANY = Number(process.env.MANY ?? 15_000);
const BASELINE = 100;
const HOLD_S = 4;
const VUS = 10;

interface Contender {
  readonly name: string;
  readonly run: (url: string, connections: number) => Promise<Watched>;
  readonly figures: (output: string) => { opened: number; reachedInMs: number };
}

const engine: Contender = {
  name: "this engine",
  run: (url, connections) =>
    watch(OUR_K6, [
      ...["run", "--quiet", "--no-usage-report", "-e", `WS_URL=${url}`, "-e", `CONNECTIONS=${connections}`],
      // As fast as it can: all are due within a moment.
      ...["-e", "RATE=100000", "-e", `DURATION=${HOLD_S}s`, join(root, "dist/massconnect.js")],
    ]),
  figures: (output) => {
    const [, opened, reached] = /(\d+) connections were open after ([\d.]+) ms/.exec(output) ?? [];
    return { opened: Number(opened), reachedInMs: Number(reached) };
  },
};

const stock = (name: string, vusFor: (connections: number) => number): Contender => ({
  name,
  run: (url, connections) =>
    watch(STOCK_K6, [
      ...["run", "--quiet", "--no-usage-report", "-e", `URL=${url}`, "-e", `CONNECTIONS=${connections}`],
      ...["-e", `VUS=${vusFor(connections)}`, "-e", `HOLD_MS=${HOLD_S * 1_000}`],
      join(root, "bench/k6-websockets.ts"),
    ]),
  figures: (output) => JSON.parse(/figures (\{.*\})/.exec(output)?.[1] ?? "{}"),
});

const manySockets = stock(`stock k6/websockets, ${VUS} virtual users`, () => VUS);
const oneEach = stock("stock k6/websockets, a virtual user each", (connections) => connections);

interface Row {
  readonly contender: string;
  readonly connections: number;
  readonly bytesPerConnection: number;
  readonly connectionsPerSecond: number;
  readonly cpuSeconds: number;
  readonly residentMiB: number;
}

async function measure({ name, run, figures }: Contender, connections: number): Promise<Row> {
  const once = async (n: number) => {
    const server = await startServer("echo-server", "--listen", "127.0.0.1:0");
    try {
      const watched = await run(server.url, n);
      const { opened, reachedInMs } = figures(watched.output);
      if (opened !== n)
        throw new Error(`${name}: expected ${n} connections, got ${opened}:\n${watched.output}`);
      return {
        reachedInMs,
        cpuSeconds: watched.usage.at(-1)!.cpuSeconds,
        bytes: heldBytes(watched.usage, n),
      };
    } finally {
      await server.stop();
    }
  };
  const base = await once(BASELINE);
  const full = await once(connections);
  return {
    contender: name,
    connections,
    bytesPerConnection: Math.round((full.bytes - base.bytes) / (connections - BASELINE)),
    connectionsPerSecond: Math.round((connections * 1_000) / full.reachedInMs),
    cpuSeconds: full.cpuSeconds,
    residentMiB: Math.round(full.bytes / 2 ** 20),
  };
}

/** TCP alone: a process that connects to itself, accepts, and sends nothing. No client and server here are faster. */
const onlyTcp = (connections: number): Promise<number> => bareConnects("tcp", String(connections));

/** A plain client, for comparison: blocking calls on two threads, with the handshake and nothing else. */
async function plainClient(connections: number): Promise<number> {
  const server = await startServer("echo-server", "--listen", "127.0.0.1:0");
  try {
    return await bareConnects("connect", new URL(server.url).host, String(connections), "2");
  } finally {
    await server.stop();
  }
}

/** Connections a second of one of the bare loops. */
async function bareConnects(...args: readonly string[]): Promise<number> {
  const { code, output } = await watch(await buildBare(), args);
  if (code !== 0) throw new Error(output);
  const { opened, reachedInMs } = JSON.parse(output);
  return Math.round((opened * 1_000) / reachedInMs);
}

const rows: Row[] = [];
for (const [contender, connections] of [
  [engine, CONNECTIONS],
  [manySockets, CONNECTIONS],
  [oneEach, CONNECTIONS],
  [engine, MANY],
  [manySockets, MANY],
] as const) {
  console.log(`${contender.name}, ${connections} connections …`);
  rows.push(await measure(contender, connections));
}
console.log(
  `\nMemory above the same program with ${BASELINE} connections; held ${HOLD_S} s, idle; ${cpus().length} processors, shared with the server`,
);
console.table(
  rows.map((row) => ({
    "": row.contender,
    connections: row.connections,
    "KB a connection": Math.round(row.bytesPerConnection / 10.24) / 100,
    "connections a second": row.connectionsPerSecond,
    "CPU seconds": row.cpuSeconds,
    "resident MiB": row.residentMiB,
  })),
);
const bound = await onlyTcp(CONNECTIONS);
console.log(`${CONNECTIONS}: TCP alone, accepted by the same process, came to ${bound} connections a second`);
const plain = await plainClient(CONNECTIONS);
console.log(`${CONNECTIONS}: a plain client came to ${plain} connections a second`);
const best = rows.filter(({ contender }) => contender === engine.name);
for (const own of best) {
  for (const other of rows.filter((row) => row.connections === own.connections && row !== own)) {
    const faster = own.connectionsPerSecond / other.connectionsPerSecond;
    const smaller = other.bytesPerConnection / own.bytesPerConnection;
    console.log(
      `${own.connections}: ${faster.toFixed(1)} times the connections a second of ${other.contender}, ${smaller.toFixed(0)} times less memory a connection`,
    );
  }
}
const machine = { processors: cpus().length, memoryBytes: totalmem(), platform: process.platform };
await writeFigures("engine", { machine, rows, onlyTcpPerSecond: bound, plainClientPerSecond: plain });
