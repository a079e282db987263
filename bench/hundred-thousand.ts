/**
 * 100,000 connections on one machine: six processes of k6, the execution segments of one test, to six servers at
 * addresses of their own. Needs Linux (127.0.0.0/8 is all loopback) and 20,000 descriptors for a process.
 *
 *   npm run bench:hundred-thousand        a table, and results/bench-hundred-thousand.json
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Summary } from "../lib/summary/summary.ts";
import { OUR_K6 } from "../test/k6/run.ts";
import { heldBytes, startServer, variables, watch } from "./processes.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const CONNECTIONS = Number(process.env.CONNECTIONS ?? 100_000);
const PROCESSES = 6;
/** Of all processes together. */
const RATE = Number(process.env.RATE ?? 5_000);
const HOLD = "20s";

const ofAll = (part: number): string =>
  part === PROCESSES ? "1" : part === 0 ? "0" : `${part}/${PROCESSES}`;
const parts = Array.from({ length: PROCESSES }, (_, part) => part);
const sequence = [...parts, PROCESSES].map(ofAll).join(",");

const servers = await Promise.all(
  parts.map((part) => startServer("echo-server", "--listen", `127.0.0.${11 + part}:0`)),
);
const directory = await mkdtemp(join(tmpdir(), "k6-realtime-"));
/** Descriptors that each process has open: its connections, and a few of its own. */
const open = new Map<number, number>();
let peakDescriptors = 0;

async function instance(part: number) {
  const results = join(directory, String(part));
  await mkdir(results);
  const settings = {
    RESULTS_DIR: results,
    SERVERS: servers.map(({ url }) => url).join(","),
    SOURCE_IPS: `127.0.0.${21 + part}`,
    CONNECTIONS,
    SHARDS: PROCESSES,
    RATE,
    DURATION: HOLD,
  };
  const watched = await watch(
    OUR_K6,
    [
      ...["run", "--quiet", "--no-usage-report"],
      ...["--execution-segment", `${ofAll(part)}:${ofAll(part + 1)}`],
      ...["--execution-segment-sequence", sequence],
      ...variables(settings),
      join(root, "dist/massconnect.js"),
    ],
    ({ descriptors }) => {
      open.set(part, descriptors);
      peakDescriptors = Math.max(
        peakDescriptors,
        [...open.values()].reduce((sum, n) => sum + n, 0),
      );
    },
  );
  open.delete(part);
  const file = join(results, "massconnect.summary.json");
  const summary: Summary = JSON.parse(
    await readFile(file, "utf8").catch(() => {
      throw new Error(`process ${part} left no summary:\n${watched.output}`);
    }),
  );
  return { watched, summary };
}

const count = (summary: Summary, name: string): number => {
  const metric = summary.metrics[name];
  return metric?.kind === "counter" ? metric.count : 0;
};
const opened = (summary: Summary): number => count(summary, "ws_sessions_opened");

try {
  console.log(
    `${CONNECTIONS} connections, ${RATE} in a second, by ${PROCESSES} processes to ${PROCESSES} servers …`,
  );
  const instances = await Promise.all(parts.map(instance));
  const rows = instances.map(({ watched, summary }, part) => ({
    process: part + 1,
    opened: opened(summary),
    failed: count(summary, "ws_connect_failures"),
    dropped: count(summary, "ws_connection_drops"),
    closed: count(summary, "ws_sessions_closed"),
    "resident MiB": Math.round(heldBytes(watched.usage, opened(summary)) / 2 ** 20),
    "CPU seconds": watched.usage.at(-1)!.cpuSeconds,
    verdict: summary.verdict,
  }));
  console.table(rows);
  const sum = (name: "opened" | "failed" | "dropped" | "closed") =>
    rows.reduce((all, row) => all + row[name], 0);
  const total = {
    opened: sum("opened"),
    failed: sum("failed"),
    dropped: sum("dropped"),
    closed: sum("closed"),
  };
  // With all its connections open, the rest of a process's descriptors is its own.
  const own = instances.reduce(
    (all, { watched, summary }) =>
      all + Math.max(...watched.usage.map(({ descriptors }) => descriptors)) - opened(summary),
    0,
  );
  const peak = peakDescriptors - own;
  console.log(
    `${total.opened} opened, ${total.failed} tries failed, ${total.dropped} dropped, ${total.closed} closed; ` +
      `${peak} open at the same time`,
  );
  await mkdir(join(root, "results"), { recursive: true });
  const file = join(root, "results/bench-hundred-thousand.json");
  const report = {
    at: new Date().toISOString(),
    processors: cpus().length,
    rows,
    total,
    openAtOnce: peak,
  };
  await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
  console.log(file);
  const complete = total.opened === CONNECTIONS && total.closed === CONNECTIONS && peak === CONNECTIONS;
  if (!complete) {
    console.error(`expected ${CONNECTIONS} connections to be opened, held together and closed`);
    process.exitCode = 1;
  }
} finally {
  await Promise.all(servers.map(({ stop }) => stop()));
  await rm(directory, { recursive: true, force: true });
}
