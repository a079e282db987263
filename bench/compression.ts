/**
 * What compression costs: memory of connections at rest, with windows that are full, and deliveries a second of a
 * fan-out, beside the same without it. Server and clients share this machine.
 *
 *   npm run bench:compression              tables, and results/bench-compression.json
 *   CONNECTIONS=2000 SUBSCRIBERS=5000 npm run bench:compression
 */
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { count, trend } from "../test/k6/figures.ts";
import { OUR_K6, STOCK_K6 } from "../test/k6/run.ts";
import { writeFigures } from "./figures-file.ts";
import { heldBytes, median, startServer, variables, watch } from "./processes.ts";
import { runScenario } from "./scenario.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const CONNECTIONS = Number(process.env.CONNECTIONS ?? 10_000);
const SUBSCRIBERS = Number(process.env.SUBSCRIBERS ?? 15_000);
const PAIRS = Number(process.env.PAIRS ?? 3);
const BASELINE = 100;
/** Resident memory depends on when the garbage collector ran last: a single round is off by some 0.3 KB a connection. */
const ROUNDS = 3;
const HOLD_S = 6;

type Settings = Readonly<Record<string, string | number>>;

interface Held {
  readonly name: string;
  /** What fills a window and is inflated alike by all. */
  readonly messageBytes: number;
  readonly run: (url: string, connections: number) => ReturnType<typeof watch>;
}

const engine = (name: string, messageBytes: number, settings: Settings): Held => ({
  name: `this engine, ${name}`,
  messageBytes,
  run: (url, connections) =>
    watch(OUR_K6, [
      ...["run", "--quiet", "--no-usage-report"],
      ...variables({
        WS_URL: url,
        CONNECTIONS: connections,
        RATE: 100_000,
        DURATION: `${HOLD_S}s`,
        ...settings,
      }),
      join(root, "dist/massconnect.js"),
    ]),
});

const stock = (name: string, settings: Settings): Held => ({
  name: `stock k6/websockets, ${name}`,
  messageBytes: 700,
  run: (url, connections) =>
    watch(STOCK_K6, [
      ...["run", "--quiet", "--no-usage-report"],
      ...variables({ URL: url, CONNECTIONS: connections, VUS: 10, HOLD_MS: HOLD_S * 1_000, ...settings }),
      join(root, "bench/k6-websockets.ts"),
    ]),
});

/** Bytes that one connection holds, above the same program with few: each round's, the least first. */
async function bytesAtRest({ run, messageBytes }: Held): Promise<number[]> {
  const once = async (connections: number) => {
    const server = await startServer(
      ...["broadcast-server", "--listen", "127.0.0.1:0", "--interval", "1s", "--size", String(messageBytes)],
      ...["--compression", "deflate"],
    );
    try {
      const { usage, output } = await run(server.url, connections);
      if (usage.length === 0) throw new Error(output);
      return heldBytes(usage, connections);
    } finally {
      await server.stop();
    }
  };
  const rounds: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    rounds.push(Math.round(((await once(CONNECTIONS)) - (await once(BASELINE))) / (CONNECTIONS - BASELINE)));
  }
  return rounds.sort((a, b) => a - b);
}

const BOTH = { COMPRESSION: "deflate", CONTEXT_TAKEOVER: "both" };
const HELD: readonly Held[] = [
  engine("no compression", 700, {}),
  engine("no context takeover", 700, { COMPRESSION: "deflate" }),
  engine("context takeover, windows of 1 KiB", 700, {
    ...BOTH,
    SERVER_WINDOW_BITS: 10,
    CLIENT_WINDOW_BITS: 10,
  }),
  engine("context takeover, windows of 4 KiB", 4_000, {
    ...BOTH,
    SERVER_WINDOW_BITS: 12,
    CLIENT_WINDOW_BITS: 12,
  }),
  stock("no compression", {}),
  stock("no context takeover", { COMPRESSION: "deflate" }),
];

/** Publications into ten rooms, more than the machine can do. */
const FLOOD = { publicationsPerSecond: 200, seconds: 3, payloadBytes: 64 };

async function fanOut(settings: Settings) {
  const server = await startServer("room-server", "--listen", "127.0.0.1:0", "--compression", "deflate");
  try {
    const { summary, cpuSeconds } = await runScenario("fan-out", {
      PROFILE: join(root, "test/k6/patient-profile.json"),
      WS_URL: server.url,
      CONNECTIONS: SUBSCRIBERS,
      RATE: 2_000,
      ROOMS: 10,
      PUBLISHERS: 1,
      PUBLISH_RATE: FLOOD.publicationsPerSecond,
      PAYLOAD_BYTES: FLOOD.payloadBytes,
      DURATION: `${FLOOD.seconds}s`,
      REPLY_TIMEOUT: "60s",
      ...settings,
    });
    const deliveries = count(summary, "ws_deliveries");
    const publications = FLOOD.publicationsPerSecond * FLOOD.seconds;
    const elapsedMs =
      ((publications - 1) * 1_000) / FLOOD.publicationsPerSecond + trend(summary, "ws_fanout_lag_ms").max!;
    const saved =
      count(summary, "ws_message_bytes{direction:received}") /
      count(summary, "ws_wire_bytes{direction:received}");
    return {
      deliveries,
      lost: count(summary, "ws_messages_lost"),
      perSecond: Math.round((deliveries * 1_000) / elapsedMs),
      cpuSeconds,
      saved,
    };
  } finally {
    await server.stop();
  }
}

console.log(`load average ${loadavg().map((load) => load.toFixed(1))}, ${cpus().length} processors`);
const memory: { contender: string; connections: number; bytes: number; rounds: readonly number[] }[] = [];
for (const held of HELD) {
  console.log(`${held.name} …`);
  const rounds = await bytesAtRest(held);
  memory.push({ contender: held.name, connections: CONNECTIONS, bytes: median(rounds), rounds });
}
console.table(
  memory.map(({ contender, bytes, rounds, ...row }) => ({
    ...{ contender, ...row, "KB each": bytes / 1_000 },
    "from, to": [rounds[0], rounds.at(-1)].map((each) => each! / 1_000).join(", "),
  })),
);

const pairs: { off: Awaited<ReturnType<typeof fanOut>>; deflate: Awaited<ReturnType<typeof fanOut>> }[] = [];
for (let i = 0; i < PAIRS; i++)
  pairs.push({ off: await fanOut({}), deflate: await fanOut({ COMPRESSION: "deflate" }) });
for (const { off, deflate } of pairs) console.table({ off, deflate });
const ratio = median(pairs.map(({ off, deflate }) => deflate.perSecond / off.perSecond)) ?? 0;
console.log(`deliveries a second with compression, of those without: ${ratio.toFixed(2)}`);

await writeFigures("compression", {
  memory,
  fanOut: { subscribers: SUBSCRIBERS, flood: FLOOD, pairs, ratio },
});
