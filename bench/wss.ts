/**
 * What a wss:// connection costs in memory, at rest and after messages: the engine's, in one process, against the
 * reference server with TLS. Stock k6's own module with many sockets to a virtual user, at fewer, stands beside.
 *
 *   npm run bench:wss          a table
 *   CONNECTIONS=2000 npm run bench:wss
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startServer } from "../server/server.ts";
import { OUR_K6, STOCK_K6 } from "../test/k6/run.ts";
import { heldBytes, type Settings, variables, watch } from "./processes.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const CONNECTIONS = Number(process.env.CONNECTIONS ?? 10_000);
const STOCK_CONNECTIONS = Math.min(CONNECTIONS, 2_000);
const BASELINE = 100;
/** TLS handshakes a second that client and server on one machine keep up with. */
const RATE = 400;
const HOLD_S = 8;

type Run = (url: string, connections: number, directory: string) => ReturnType<typeof watch>;

const scenario =
  (name: string, settings: Settings): Run =>
  (url, connections, directory) =>
    watch(OUR_K6, [
      ...["run", "--quiet", "--no-usage-report", "--insecure-skip-tls-verify"],
      ...variables({
        RESULTS_DIR: directory,
        WS_URL: url,
        PROTOCOL: "echo",
        CONNECTIONS: connections,
        RATE,
        DURATION: `${HOLD_S}s`,
        REACH_TIMEOUT: "5m",
        CONNECT_TIMEOUT: "60s",
        ...settings,
      }),
      join(root, `dist/${name}.js`),
    ]);

const stock: Run = (url, connections) =>
  watch(STOCK_K6, [
    ...["run", "--quiet", "--no-usage-report", "--insecure-skip-tls-verify"],
    ...variables({ URL: url, CONNECTIONS: connections, VUS: 10, HOLD_MS: HOLD_S * 1_000 }),
    join(root, "bench/k6-websockets.ts"),
  ]);

/** Resident bytes while so many connections are held. */
async function held(run: Run, connections: number): Promise<number> {
  const server = await startServer({ tls: true });
  const directory = await mkdtemp(join(tmpdir(), "k6-realtime-"));
  try {
    const { usage, output } = await run(`${server.url}/ws/echo?token=test-token`, connections, directory);
    const opened = server.stats().connectionsOpened;
    // One more may be the check before the load.
    if (opened < connections)
      throw new Error(`expected ${connections} connections, got ${opened}:\n${output}`);
    return heldBytes(usage, connections);
  } finally {
    await server.close();
    await rm(directory, { recursive: true, force: true });
  }
}

const rows = [];
for (const [name, run, connections] of [
  ["this engine, at rest", scenario("massconnect", {}), CONNECTIONS],
  ["this engine, a probe each 2 s", scenario("mass-soak", { PROBE_INTERVAL: "2s" }), CONNECTIONS],
  ["stock k6/websockets, at rest", stock, STOCK_CONNECTIONS],
] as const) {
  console.log(`${name}, ${connections} connections …`);
  const bytes = ((await held(run, connections)) - (await held(run, BASELINE))) / (connections - BASELINE);
  rows.push({ "": name, connections, "KB a connection": Math.round(bytes / 10.24) / 100 });
}
console.table(rows);
