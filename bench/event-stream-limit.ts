/**
 * The most deliveries a second of one fan-out over event streams and over WebSocket, in one run. One server serves both
 * wires with the same loop and takes the publications of both by HTTP; the descriptor is the same, too. The rate goes up
 * by steps until a wire fails twice to keep up, then the gap is halved. The wires take turns, each first every other time.
 * Server and clients share this machine. The table has the processor time that each takes for a delivery, its start
 * included. Needs Linux.
 *
 *   npm run bench:event-stream-limit      a table, and results/bench-event-stream-limit.json
 */
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { count, trend } from "../test/k6/figures.ts";
import { writeFigures } from "./figures-file.ts";
import { round, whileRunning } from "./packets.ts";
import { buildBare, startAndWait } from "./processes.ts";
import { runScenario } from "./scenario.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const SUBSCRIBERS = Number(process.env.SUBSCRIBERS ?? 2_000);
const SECONDS = Number(process.env.SECONDS ?? 4);
/** Deliveries a second of the first step. */
const FIRST = Number(process.env.FIRST ?? 20_000);
const HALVINGS = Number(process.env.HALVINGS ?? 3);
const STEP = 1.5;
/** Beyond this lag, at the 99th percentile, deliveries pile up. */
const KEEPS_UP_MS = 500;

type Wire = "event streams" | "WebSocket";
const WIRES: readonly Wire[] = ["event streams", "WebSocket"];

const bare = await buildBare();

/** One fan-out at so many deliveries a second. */
async function attempt(wire: Wire, perSecond: number) {
  const server = await startAndWait(bare, ["events"], /listening on (\S+)\s/);
  const url = `${server.ready}/rooms/\${room}`;
  const publishRate = perSecond / SUBSCRIBERS;
  const { result, figures: used } = await whileRunning(server, () =>
    runScenario("fan-out", {
      ...(wire === "WebSocket" ? { WS_URL: url.replace(/^http/, "ws") } : { SSE_URL: url }),
      PROTOCOL: "room-events",
      PROFILE: join(root, "test/k6/patient-profile.json"),
      CONNECTIONS: SUBSCRIBERS,
      RATE: 5_000,
      ROOMS: 1,
      PUBLISHERS: 1,
      PUBLISH_RATE: publishRate,
      PAYLOAD_BYTES: 64,
      DURATION: `${SECONDS}s`,
      REPLY_TIMEOUT: "10s",
    }),
  );
  const { summary, cpuSeconds } = result;
  const deliveries = count(summary, "ws_deliveries");
  const published = count(summary, "ws_publications");
  const lost = count(summary, "ws_messages_lost");
  const lagP99 = deliveries > 0 ? trend(summary, "ws_fanout_lag_ms").p99! : Number.POSITIVE_INFINITY;
  const due = Math.floor(publishRate * SECONDS) * SUBSCRIBERS;
  return {
    wire,
    "deliveries a second": Math.round(perSecond),
    deliveries,
    published,
    lost,
    "lag p99, ms": round(lagP99),
    "generator, µs each": round((1e6 * cpuSeconds) / deliveries),
    "server, µs each": round((1e6 * used.cpuSeconds) / deliveries),
    "keeps up": lost === 0 && deliveries >= due && lagP99 <= KEEPS_UP_MS,
  };
}
type Attempt = Awaited<ReturnType<typeof attempt>>;

const attempts: Attempt[] = [];
const limits = Object.fromEntries(
  WIRES.map((wire) => [wire, { kept: 0, missed: Number.POSITIVE_INFINITY }]),
) as Record<Wire, { kept: number; missed: number }>;

/** Rates that a wire has failed at once. */
const doubted: Partial<Record<Wire, number>> = {};
/** One more than the halvings: the first miss counts, too. */
const turnsLeft: Record<Wire, number> = { "event streams": HALVINGS + 1, WebSocket: HALVINGS + 1 };

/** What is to be tried next: a step up until the first miss, then the middle of the gap. */
const nextRate = ({ kept, missed }: { kept: number; missed: number }) => {
  if (kept === 0 && missed === Number.POSITIVE_INFINITY) return FIRST;
  return missed === Number.POSITIVE_INFINITY ? kept * STEP : (kept + missed) / 2;
};

async function turn(wire: Wire): Promise<void> {
  const limit = limits[wire];
  const rate = nextRate(limit);
  const row = await attempt(wire, rate);
  attempts.push(row);
  console.log(
    `${wire}: ${row["deliveries a second"]} deliveries a second, p99 ${row["lag p99, ms"]} ms, ${row["keeps up"] ? "kept up" : "did not keep up"}`,
  );
  if (row["keeps up"]) limit.kept = rate;
  else if (doubted[wire] === rate) limit.missed = rate;
  else {
    doubted[wire] = rate; // other work on the machine may have been the cause
    return;
  }
  if (limit.missed !== Number.POSITIVE_INFINITY) turnsLeft[wire]--;
}

const loadBefore = round(loadavg()[0]!);
console.log(`${SUBSCRIBERS} subscribers, ${cpus().length} processors, load average before: ${loadBefore} …`);
for (let first = 0; WIRES.some((wire) => turnsLeft[wire] > 0); first = 1 - first) {
  for (const wire of [WIRES[first]!, WIRES[1 - first]!]) {
    if (turnsLeft[wire] === 0) continue;
    await turn(wire);
  }
}

const { "event streams": streams, WebSocket: sockets } = limits;
if (streams.kept === 0 || sockets.kept === 0)
  throw new Error(`a wire kept up with no rate: take a lower one than FIRST=${FIRST}`);
const ratio = round(streams.kept / sockets.kept);
console.table(attempts);
for (const wire of WIRES) {
  const { kept, missed } = limits[wire];
  console.log(
    `${wire}: kept up with ${Math.round(kept)} deliveries a second, not with ${Math.round(missed)}`,
  );
}
console.log(`Event streams take ${ratio} times the deliveries a second of WebSocket's`);
await writeFigures("event-stream-limit", {
  processors: cpus().length,
  loads: { before: loadBefore, after: round(loadavg()[0]!) },
  subscribers: SUBSCRIBERS,
  secondsEach: SECONDS,
  attempts,
  limits,
  ratio,
});
