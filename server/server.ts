import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { Authority } from "./auth.ts";
import { Faults } from "./faults.ts";
import { Gate } from "./gate.ts";
import { httpListener } from "./http.ts";
import { resolveOptions, type ServerOptions } from "./options.ts";
import { Replies } from "./replies.ts";
import { Rooms } from "./rooms.ts";
import { Scheduler } from "./scheduler.ts";
import { newStats, type ServerStats } from "./stats.ts";
import { Upgrader } from "./upgrade.ts";

export { signToken } from "./auth.ts";
export type { FaultSettings, Faults } from "./faults.ts";
export type { ServerOptions } from "./options.ts";
export type { ServerStats } from "./stats.ts";

/** A server that listens. */
export interface RunningServer {
  /** `ws://127.0.0.1:PORT`, to which an endpoint's path is appended. */
  readonly url: string;
  readonly httpUrl: string;
  readonly port: number;
  /** What the server does wrong on purpose; changeable while it runs. */
  readonly faults: Faults;
  /** A copy of the counts up to now. */
  stats(): ServerStats;
  /** Ends all connections with 1001, those that do not answer by force after `closeTimeoutMs`, and stops listening. */
  close(): Promise<void>;
}

/** Starts the reference server. Rejects with InvalidInput on wrong options, or with what `listen` said. */
export async function startServer(given: Partial<ServerOptions> = {}): Promise<RunningServer> {
  const options = resolveOptions(given);
  const stats = newStats();
  const scheduler = new Scheduler();
  const gate = new Gate([
    scheduler,
    { pause: () => each("holdReading"), resume: () => each("releaseReading") },
  ]);
  const faults = new Faults({ freeze: (forMs) => gate.freeze(forMs) });
  const authority = new Authority(options.tokens, options.secret);
  const upgrader = new Upgrader(options, authority, gate, {
    rooms: new Rooms(stats),
    replies: new Replies(faults, scheduler, stats),
    stats,
  });
  const each = (method: "holdReading" | "releaseReading"): void => {
    for (const connection of upgrader.connections) connection[method]();
  };

  const http = createServer(httpListener({ stats, faults, gate, faultControl: options.faultControl }));
  http.on("upgrade", upgrader.handle);
  const sockets = new Set<Socket>();
  http.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  const port = await listen(http, options.port, options.host);
  faults.set(options.faults);

  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    const stopped = new Promise<void>((resolve) => http.close(() => resolve()));
    faults.clear();
    gate.thaw();
    scheduler.clear();
    upgrader.close();
    const force = setTimeout(() => destroyAll(sockets), options.closeTimeoutMs);
    await stopped;
    clearTimeout(force);
  };

  const address = `127.0.0.1:${port}`;
  return {
    url: `ws://${address}`,
    httpUrl: `http://${address}`,
    port,
    faults,
    stats: () => structuredClone(stats),
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

/** Connections that may wait to be accepted: a load test opens thousands at once. The kernel's own limit stays. */
const BACKLOG = 4_096;

function listen(http: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once("error", reject);
    http.listen({ port, host, backlog: BACKLOG }, () => resolve((http.address() as AddressInfo).port));
  });
}

function destroyAll(sockets: Iterable<Socket>): void {
  for (const socket of sockets) socket.destroy();
}
