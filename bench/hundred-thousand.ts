/**
 * 100,000 connections on one machine: six processes of k6, the execution segments of one test, to six servers at
 * addresses of their own. Needs Linux (127.0.0.0/8 is all loopback) and 20,000 descriptors for a process.
 *
 *   npm run bench:hundred-thousand        a table, and results/bench-hundred-thousand.json
 */
import { cpus } from "node:os";
import type { Summary } from "../lib/summary/summary.ts";
import { count } from "../test/k6/figures.ts";
import { writeFigures } from "./figures-file.ts";
import { heldBytes, startServer } from "./processes.ts";
import { runScenario } from "./scenario.ts";

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
/** Descriptors that each process has open: its connections, and a few of its own. */
const open = new Map<number, number>();
let peakDescriptors = 0;

async function instance(part: number) {
  const settings = {
    SERVERS: servers.map(({ url }) => url).join(","),
    SOURCE_IPS: `127.0.0.${21 + part}`,
    CONNECTIONS,
    SHARDS: PROCESSES,
    RATE,
    DURATION: HOLD,
  };
  const ran = await runScenario("massconnect", settings, {
    args: [
      "--execution-segment",
      `${ofAll(part)}:${ofAll(part + 1)}`,
      "--execution-segment-sequence",
      sequence,
    ],
    onSample: ({ descriptors }) => {
      open.set(part, descriptors);
      peakDescriptors = Math.max(
        peakDescriptors,
        [...open.values()].reduce((sum, n) => sum + n, 0),
      );
    },
  });
  open.delete(part);
  return ran;
}

const opened = (summary: Summary): number => count(summary, "ws_sessions_opened");

try {
  console.log(
    `${CONNECTIONS} connections, ${RATE} in a second, by ${PROCESSES} processes to ${PROCESSES} servers …`,
  );
  const instances = await Promise.all(parts.map(instance));
  const rows = instances.map(({ summary, usage, cpuSeconds }, part) => ({
    process: part + 1,
    opened: opened(summary),
    failed: count(summary, "ws_connect_failures"),
    dropped: count(summary, "ws_connection_drops"),
    closed: count(summary, "ws_sessions_closed"),
    "resident MiB": Math.round(heldBytes(usage, opened(summary)) / 2 ** 20),
    "CPU seconds": cpuSeconds,
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
    (all, { usage, summary }) =>
      all + Math.max(...usage.map(({ descriptors }) => descriptors)) - opened(summary),
    0,
  );
  const peak = peakDescriptors - own;
  console.log(
    `${total.opened} opened, ${total.failed} tries failed, ${total.dropped} dropped, ${total.closed} closed; ` +
      `${peak} open at the same time`,
  );
  await writeFigures("hundred-thousand", {
    processors: cpus().length,
    rows,
    total,
    openAtOnce: peak,
  });
  const complete = total.opened === CONNECTIONS && total.closed === CONNECTIONS && peak === CONNECTIONS;
  if (!complete) {
    console.error(`expected ${CONNECTIONS} connections to be opened, held together and closed`);
    process.exitCode = 1;
  }
} finally {
  await Promise.all(servers.map(({ stop }) => stop()));
}
