/**
 * What a run costs its own machine: processor time and the most memory of k6, with files of many users, and with a
 * recording. The server, another process, is not counted.
 *
 *   node --import tsx bench/cost.ts              tables
 *   HOLD_S=60 node --import tsx bench/cost.ts    with a recording of so long
 */
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OUR_K6, STOCK_K6 } from "../test/k6/run.ts";
import { type Settings, startAndWait, startServer, variables, watch } from "./processes.ts";

const HOLD_S = Number(process.env.HOLD_S ?? 30);
const MB = 1e6;
const TOKEN = "t".repeat(300);

const directory = await mkdtemp(join(tmpdir(), "k6-realtime-"));
try {
  console.table(await usersTable());
  console.table(await recordingTable());
} finally {
  await rm(directory, { recursive: true, force: true });
}

async function usersTable() {
  const chat = await startAndWait(
    process.execPath,
    ["dist/cli.js", "server", "--port", "0", "--tokens", `test-token,${TOKEN}`],
    /listening on (\S+)\s/,
  );
  try {
    const soak = {
      WS_URL: `${chat.ready}/ws/chat`,
      WS_TOKEN: "test-token",
      RAMP: "1s",
      RAMP_DOWN: "0s",
      SESSION: "2s",
    };
    const short = { ...soak, CONNECTIONS: 5, DURATION: "3s", REPLY_TIMEOUT: "1s", PROBE_INTERVAL: "500ms" };
    const long = { ...short, CONNECTIONS: 100, DURATION: "20s" };
    const swarm = {
      WS_URL: `${chat.ready}/ws/echo`,
      PROTOCOL: "echo",
      WS_TOKEN: "test-token",
      CONNECTIONS: 5,
      RATE: 5,
      DURATION: "2s",
      PROBE_INTERVAL: "1s",
    };
    const rows = [];
    for (const [users, name, k6, script, settings] of [
      [0, "chat-soak, stock k6, 5 connections for 3 s", STOCK_K6, "dist/chat-soak.js", short],
      [100_000, "chat-soak, stock k6, 5 connections for 3 s", STOCK_K6, "dist/chat-soak.js", short],
      [0, "chat-soak, stock k6, 100 connections for 20 s", STOCK_K6, "dist/chat-soak.js", long],
      [100_000, "chat-soak, stock k6, 100 connections for 20 s", STOCK_K6, "dist/chat-soak.js", long],
      [0, "mass-soak, 5 connections for 2 s", OUR_K6, "dist/mass-soak.js", swarm],
      [100_000, "mass-soak, 5 connections for 2 s", OUR_K6, "dist/mass-soak.js", swarm],
      [1_000_000, "mass-soak, 5 connections for 2 s", OUR_K6, "dist/mass-soak.js", swarm],
    ] as const) {
      const file = users > 0 ? await usersFile(users) : undefined;
      const cost = await costOf(k6, script, { ...settings, ...(file && { USERS: file.path }) });
      rows.push({ run: name, users, "file, MB": file?.megabytes ?? 0, ...cost });
    }
    return rows;
  } finally {
    await chat.stop();
  }
}

async function usersFile(count: number) {
  const path = join(directory, `${count}.csv`);
  const lines = Array.from({ length: count }, (_, index) => `user-${index},${TOKEN}`);
  await writeFile(path, `user,token\n${lines.join("\n")}\n`);
  return { path, megabytes: Math.round((await stat(path)).size / MB) };
}

async function recordingTable() {
  const server = await startServer("broadcast-server", "--listen", "127.0.0.1:0", "--interval", "100ms");
  const settings = { WS_URL: server.url, CONNECTIONS: 5_000, RATE: 5_000, MESSAGES_PER_SECOND: 10 };
  const recording = join(directory, "cost.realtime.jsonl");
  try {
    const rows = [];
    for (const [name, seconds, flags] of [
      ["without", HOLD_S, []],
      ["with --out realtime", HOLD_S, ["--out", `realtime=${recording}`]],
      ["with --out realtime", 3, ["--out", `realtime=${recording}-short`]],
    ] as const) {
      const cost = await costOf(
        OUR_K6,
        "dist/massconnect.js",
        { ...settings, DURATION: `${seconds}s` },
        flags,
      );
      rows.push({ "50,000 messages a second": name, seconds, ...cost });
    }
    console.log(`the recording of ${HOLD_S} s: ${((await stat(recording)).size / MB).toFixed(1)} MB`);
    return rows;
  } finally {
    await server.stop();
  }
}

async function costOf(k6: string, script: string, settings: Settings, flags: readonly string[] = []) {
  const given = variables({ ...settings, RESULTS_DIR: directory });
  const { code, output, usage } = await watch(k6, ["run", "--quiet", ...flags, ...given, script]);
  if (code !== 0 && code !== 99) throw new Error(`${script} ended with ${code}: ${output}`);
  return {
    "processor, s": usage.at(-1)?.cpuSeconds ?? 0,
    "most memory, MB": Math.round(Math.max(...usage.map(({ residentBytes }) => residentBytes)) / MB),
  };
}
