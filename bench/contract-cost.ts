/**
 * What a contract costs: mass-soak at 20,000 messages of 1 KB a second without and with one, in pairs of runs that begin
 * with the one and the other in turn, and a message on stock k6. Server and clients share the machine. Each figure is told
 * as the ratio within pairs, with the interval that holds it in 95 of 100 cases; a p99 is "within 5 %" or "more than 5 %"
 * only if its whole interval is, otherwise undecided. The processor time of a message is that of k6 while all connections
 * were open; start and end of k6, where it reads the contract, are told apart.
 *
 *   npm run bench:contract-cost                  tables
 *   PAIRS=20 npm run bench:contract-cost         of so many pairs of runs
 *   DURATION=15s npm run bench:contract-cost     each of that length: percentiles of longer runs vary less
 *
 * On a machine that has other work, run it before that, as CAP_SYS_NICE permits:
 *
 *   chrt -r 1 node --import tsx bench/contract-cost.ts
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { differsBy } from "../cli/bench/compare.ts";
import { LEAST_ROUNDS, middleOf } from "../cli/bench/estimate.ts";
import { count, trend } from "../test/k6/figures.ts";
import { STOCK_K6 } from "../test/k6/run.ts";
import { forK6 } from "../tools/bundles.mjs";
import { round } from "./packets.ts";
import { cpuWhileHeld, median, startServer, variables, watch } from "./processes.ts";
import { runScenario } from "./scenario.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const PAIRS = Number(process.env.PAIRS ?? 10);
if (!(PAIRS >= LEAST_ROUNDS))
  throw new Error(`PAIRS: expected ${LEAST_ROUNDS} at least, got ${process.env.PAIRS}`);

/** Of the load of a run. */
const DURATION = process.env.DURATION ?? "5s";

/** The share of a latency that may be the generator's. */
const GENERATOR_SHARE = 0.1;
/** By how much a contract may raise the p99. */
const TOLERATED = 0.05;

const CONNECTIONS = 1_000;
const INTERVAL_MS = 50;
const MESSAGES_PER_SECOND = (CONNECTIONS * 1_000) / INTERVAL_MS;

const items = Array.from({ length: 12 }, (_, i) => ({
  sku: `SKU-${1_000 + i}`,
  qty: i + 1,
  price: 100.25 + i,
  state: "filled",
  note: null,
}));
const orders = { type: "orders", id: 4_711, at: "2026-11-30T15:00:00Z", room: "lobby", items };
const message = JSON.stringify({ ...orders, probe: "1000-1000" });

const protocol = {
  name: "orders",
  probe: { send: JSON.stringify({ ...orders, probe: "@" }).replace('"@"', '"$' + '{id}"') },
  reply: [{ name: "echo", match: "id", where: { "/type": "orders" }, id: "/probe" }],
};

const contract = {
  $defs: {
    item: {
      type: "object",
      required: ["sku", "qty", "price", "state"],
      additionalProperties: false,
      properties: {
        sku: { type: "string", minLength: 3 },
        qty: { type: "integer", minimum: 1, maximum: 1_000 },
        price: { type: "number", exclusiveMinimum: 0 },
        state: { enum: ["open", "filled", "cancelled"] },
        note: { type: ["string", "null"] },
      },
    },
  },
  messages: {
    welcome: { type: "object", required: ["type"], properties: { type: { const: "welcome" } } },
    orders: {
      type: "object",
      required: ["type", "id", "at", "items"],
      additionalProperties: false,
      properties: {
        type: { const: "orders" },
        id: { type: "integer", minimum: 1 },
        at: { type: "string", format: "date-time" },
        room: { type: "string", maxLength: 64 },
        probe: { type: "string" },
        items: { type: "array", maxItems: 100, items: { $ref: "#/$defs/item" } },
      },
    },
  },
};

const directory = await mkdtemp(join(tmpdir(), "k6-realtime-"));
const file = (name: string) => join(directory, name);

async function soak(url: string, withContract: boolean) {
  const { summary, usage, cpuSeconds } = await runScenario("mass-soak", {
    WS_URL: url,
    PROTOCOL_FILE: file("protocol.json"),
    PREFLIGHT: "none",
    CONNECTIONS,
    RATE: 1_000,
    PROBE_INTERVAL: `${INTERVAL_MS}ms`,
    DURATION,
    ...(withContract && { CONTRACT: file("contract.json") }),
  });
  const [service, response] = [trend(summary, "ws_msg_service_ms"), trend(summary, "ws_msg_rtt_ms")];
  const delay = trend(summary, "ws_generator_delay_ms");
  const loaded = cpuWhileHeld(usage, CONNECTIONS);
  return {
    contract: withContract ? "with" : "without",
    replies: count(summary, "ws_replies"),
    checked: count(summary, "ws_contract_messages"),
    "left out": count(summary, "ws_contract_unchecked"),
    "response p50, ms": round(response.p50!, 3),
    "response p95, ms": round(response.p95!, 3),
    "response p99, ms": round(response.p99!),
    "service p50, ms": round(service.p50!),
    "service p99, ms": round(service.p99!),
    "generator p99, ms": round(delay.p99!),
    "CPU of a message, µs": round((loaded.cpuSeconds * 1e6) / (loaded.seconds * MESSAGES_PER_SECOND)),
    "CPU of the rest, s": round(cpuSeconds - loaded.cpuSeconds),
  };
}

try {
  await writeFile(file("protocol.json"), JSON.stringify(protocol));
  await writeFile(file("contract.json"), JSON.stringify(contract));
  console.log(
    `${PAIRS} pairs of runs of ${DURATION}, messages of ${message.length} bytes; load average ${round(loadavg()[0]!)}`,
  );
  const server = await startServer("echo-server", "--listen", "127.0.0.1:0");
  const rows: Awaited<ReturnType<typeof soak>>[] = [];
  try {
    for (let pair = 0; pair < PAIRS; pair++)
      for (const withContract of pair % 2 ? [true, false] : [false, true])
        rows.push(await soak(server.url, withContract));
  } finally {
    await server.stop();
  }
  console.table(rows);
  const columns = [
    "response p50, ms",
    "response p95, ms",
    "response p99, ms",
    "service p99, ms",
    "CPU of a message, µs",
    "CPU of the rest, s",
  ] as const;
  const pairsOf = (column: (typeof columns)[number]) =>
    ["without", "with"].map((contract) =>
      rows.filter((row) => row.contract === contract).map((row) => row[column]),
    ) as [number[], number[]];
  for (const column of columns) {
    const [without, withOne] = pairsOf(column);
    const { ratio, low, high } = differsBy(
      middleOf(without.map((value, i) => Math.log(withOne[i]! / value))),
    );
    const word = high < 1 + TOLERATED ? "within 5 %" : low > 1 + TOLERATED ? "more than 5 %" : "undecided";
    console.log(
      `${column}: median ${round(median(without))} without, ${round(median(withOne))} with; ratio ${ratio.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)}): ${word}`,
    );
  }
  const [without, withOne] = pairsOf("CPU of a message, µs");
  const { middle, half } = middleOf(without.map((value, i) => withOne[i]! - value));
  console.log(
    `checking a message: ${round(middle)} µs of processor time (${round(middle - half)} to ${round(middle + half)})`,
  );
  const bound = rows.filter((row) => row["generator p99, ms"] > row["response p99, ms"] * GENERATOR_SHARE);
  if (bound.length > 0)
    console.log(
      `${bound.length} of ${rows.length} runs were generator-bound: its own delay was more than a tenth of the p99`,
    );

  await build({
    ...forK6,
    entryPoints: [join(root, "bench/k6-contract.ts")],
    outfile: file("k6-contract.js"),
    bundle: true,
  });
  const stock = await watch(STOCK_K6, [
    ...["run", "--quiet", "--no-usage-report"],
    ...variables({
      SCRIPTS: join(root, "dist"),
      CONTRACT: file("contract.json"),
      MESSAGE: message,
    }),
    file("k6-contract.js"),
  ]);
  const [, us] = /microseconds ([\d.]+)/.exec(stock.output) ?? [];
  if (us === undefined) throw new Error(`stock k6 said no figure:\n${stock.output}`);
  console.log(`stock k6: ${us} µs for a message of ${message.length} bytes`);
  if (rows.some((row) => row.contract === "with" && row.checked !== row.replies)) {
    console.error("expected every reply to be checked");
    process.exitCode = 1;
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}
