/** Fan-outs of `bin/k6 x room-server` that benchmarks run, and what they measure of them. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { count, trend } from "../test/k6/figures.ts";
import { captured, timesOf, whileRunning } from "./packets.ts";
import { type Settings, startServer } from "./processes.ts";
import { runScenario } from "./scenario.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
export const PAYLOAD_BYTES = 64;
export const ROOMS = 10;

/** Publications a second go into ROOMS rooms, each to connections ÷ ROOMS subscribers. */
export interface Load {
  readonly connections: number;
  readonly publicationsPerSecond: number;
  readonly seconds: number;
}

const publicationsOf = ({ publicationsPerSecond, seconds }: Load) => publicationsPerSecond * seconds;
export const deliveriesOf = (load: Load) => (publicationsOf(load) * load.connections) / ROOMS;

interface ServerReport {
  readonly deliveriesSent: number;
  readonly deliveriesLost: number;
  readonly deliveriesRepeated: number;
  readonly deliveriesReordered: number;
  readonly deliveriesHeld: number;
  readonly tooSlow: number;
}

/** Does something with a room server of its own, and returns what came of it and what the server did. */
export async function withServer<T>(
  use: (url: string) => Promise<T>,
  ...args: readonly string[]
): Promise<{ result: T; server: ServerReport }> {
  const server = await startServer("room-server", "--listen", "127.0.0.1:0", ...args);
  const { result, figures } = await whileRunning(server, () => use(server.url));
  return { result, server: figures };
}

export const fanOut = (url: string, load: Load, settings: Settings = {}) =>
  runScenario("fan-out", {
    PROFILE: join(root, "test/k6/patient-profile.json"),
    WS_URL: url,
    CONNECTIONS: load.connections,
    RATE: 2_000, // whose confirmations are read in time too
    ROOMS,
    PUBLISHERS: 1,
    PUBLISH_RATE: load.publicationsPerSecond,
    PAYLOAD_BYTES,
    DURATION: `${load.seconds}s`,
    REPLY_TIMEOUT: "60s",
    ...settings,
  });

/** The reported lag beside that of the packets, which the process `bare` captures. */
export async function lagOf(
  bare: string,
  load: Load,
  settings: Settings = {},
  ...serverArgs: readonly string[]
) {
  const { result } = await withServer(
    (url) => captured(bare, "lags", url, () => fanOut(url, load, settings)),
    ...serverArgs,
  );
  const { summary, cpuSeconds } = result.result;
  return {
    load,
    deliveries: count(summary, "ws_deliveries"),
    lost: count(summary, "ws_messages_lost"),
    uncertain: count(summary, "ws_arrivals_uncertain"),
    generatorDelayP99Ms: trend(summary, "ws_generator_delay_ms{side:receive}").p99!,
    cpuSeconds,
    reported: timesOf(trend(summary, "ws_fanout_server_lag_ms")),
    kernel: result.kernel,
  };
}

/** More than the machine can do: how many deliveries a second are had, until all have come. */
export async function flood(load: Load, settings: Settings = {}, ...serverArgs: readonly string[]) {
  const { result } = await withServer((url) => fanOut(url, load, settings), ...serverArgs);
  const { summary, cpuSeconds } = result;
  const deliveries = count(summary, "ws_deliveries");
  // The last to come is the one that waited longest: of the last publication.
  const elapsedMs =
    ((publicationsOf(load) - 1) * 1_000) / load.publicationsPerSecond +
    trend(summary, "ws_fanout_lag_ms").max!;
  return {
    summary,
    deliveries,
    lost: count(summary, "ws_messages_lost"),
    perSecond: Math.round((deliveries * 1_000) / elapsedMs),
    cpuSeconds,
  };
}

/** Where the counts of deliveries and of packets differ, in words. */
export const miscounted = (
  who: string,
  { deliveries, kernel }: { deliveries: number; kernel: { count: number; missed: number } },
): string[] =>
  kernel.count === deliveries && kernel.missed === 0
    ? []
    : [`${who}: ${deliveries} counted, ${kernel.count} in packets, ${kernel.missed} packets missed`];
