/**
 * The reply times of mass-soak held against what the kernel saw: the time from each request's packet to its reply's,
 * captured by another process, for a calm load and for one that keeps this machine busy. Server and clients share it.
 * Needs Linux, and the right to capture packets (CAP_NET_RAW).
 *
 *   npm run bench:mass-soak      tables, and results/bench-mass-soak.json
 */
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { count, trend } from "../test/k6/figures.ts";
import { writeFigures } from "./figures-file.ts";
import { captured, round, timesOf, timesRows } from "./packets.ts";
import { buildBare, startServer } from "./processes.ts";
import { runScenario } from "./scenario.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const HOLD_S = 20;

interface Load {
  readonly connections: number;
  readonly intervalMs: number;
}
const LOADS: readonly Load[] = [
  { connections: 1_000, intervalMs: 1_000 },
  { connections: 15_000, intervalMs: 2_000 },
  { connections: 15_000, intervalMs: 1_000 },
];
const nameOf = ({ connections, intervalMs }: Load) =>
  `${connections} connections, a probe each ${intervalMs} ms`;

const bare = await buildBare();

async function measure(load: Load) {
  const loadBefore = round(loadavg()[0]!);
  console.log(`${nameOf(load)} … (load average before: ${loadBefore})`);
  const server = await startServer("echo-server", "--listen", "127.0.0.1:0");
  try {
    const { result, kernel } = await captured(bare, "service-times", server.url, () =>
      runScenario("mass-soak", {
        PROFILE: join(root, "test/k6/patient-profile.json"),
        WS_URL: server.url,
        PROTOCOL: "echo",
        CONNECTIONS: load.connections,
        RATE: 2_000,
        PROBE_INTERVAL: `${load.intervalMs}ms`,
        DURATION: `${HOLD_S}s`,
      }),
    );
    const { summary, cpuSeconds } = result;
    return {
      load,
      loadBefore,
      cpuSeconds,
      probes: count(summary, "ws_probes"),
      replies: count(summary, "ws_replies"),
      uncertain: count(summary, "ws_arrivals_uncertain"),
      sendDelayP99Ms: trend(summary, "ws_generator_delay_ms{side:send}").p99!,
      receiveDelayP99Ms: trend(summary, "ws_generator_delay_ms{side:receive}").p99!,
      service: timesOf(trend(summary, "ws_msg_service_ms")),
      response: timesOf(trend(summary, "ws_msg_rtt_ms")),
      kernel,
    };
  } finally {
    await server.stop();
  }
}

const measured: Awaited<ReturnType<typeof measure>>[] = [];
for (const load of LOADS) measured.push(await measure(load));

console.log(`\n${cpus().length} processors shared with the server; ${HOLD_S} s each`);
console.table(
  measured.map((row) => ({
    "": nameOf(row.load),
    probes: row.probes,
    replies: row.replies,
    "in packets": row.kernel.count,
    "send delay p99, ms": round(row.sendDelayP99Ms),
    "receive delay p99, ms": round(row.receiveDelayP99Ms),
    "response p99, ms": round(row.response.p99Ms),
    "CPU seconds": row.cpuSeconds,
  })),
);
console.log(
  "ws_msg_service_ms, from written to the reply's arrival, and the packets' own times (a separate process)",
);
console.table(measured.flatMap(({ load, service, kernel }) => timesRows(nameOf(load), service, kernel)));

await writeFigures("mass-soak", { processors: cpus().length, measured });
if (measured.some(({ probes, replies, kernel }) => replies !== probes || kernel.count !== replies)) {
  console.error("expected a reply to each probe, and both in packets");
  process.exitCode = 1;
}
