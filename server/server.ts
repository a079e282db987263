import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, isIPv6, type Socket } from "node:net";
import { Authority } from "./auth.ts";
import { DEFAULT_TIMING, timingOf } from "./completion-timing.ts";
import type { Connection } from "./connection.ts";
import { sampler } from "./delay.ts";
import { Deliveries } from "./deliveries.ts";
import type { Shared } from "./endpoint.ts";
import type { EventStream } from "./event-stream.ts";
import { Faults } from "./faults.ts";
import { Gate } from "./gate.ts";
import { httpListener } from "./http.ts";
import { type ResolvedOptions, resolveOptions, type ServerOptions } from "./options.ts";
import { Replies } from "./replies.ts";
import { Rooms } from "./rooms.ts";
import { Scheduler } from "./scheduler.ts";
import { Sockets } from "./sockets.ts";
import { newCounts, type ServerStats } from "./stats.ts";
import { Streams } from "./streams.ts";
import { type Certificate, selfSignedCertificate } from "./tls.ts";
import { Upgrader } from "./upgrade.ts";

export { signToken } from "./auth.ts";
export type { FaultSettings, Faults } from "./faults.ts";
export type { ServerOptions } from "./options.ts";
export type { ServerStats } from "./stats.ts";

/** A server that listens. */
export interface RunningServer {
  /** `ws://127.0.0.1:PORT` (or `wss:`), to which an endpoint's path is appended. */
  readonly url: string;
  readonly httpUrl: string;
  readonly port: number;
  /** PEM, with TLS only: what a client must trust when the server made its certificate itself. */
  readonly certificate: string | undefined;
  /** What the server does wrong on purpose; changeable while it runs. */
  readonly faults: Faults;
  /** A copy of the counts up to now. */
  stats(): ServerStats;
  /** Ends all connections with 1001, by force if they do not answer within `closeTimeoutMs`, and stops listening. */
  close(): Promise<void>;
}

/** Starts the reference server. Rejects with InvalidInput on wrong options, or with what `listen` said. */
export async function startServer(given: Partial<ServerOptions> = {}): Promise<RunningServer> {
  const options = resolveOptions(given);
  const certificate = await certificateOf(options);
  const counts = newCounts();
  const connections = new Set<Connection>();
  const sockets = new Sockets();
  const scheduler = new Scheduler();
  const gate = new Gate({
    pause() {
      scheduler.pause();
      for (const connection of connections) connection.holdReading();
    },
    resume() {
      for (const connection of connections) connection.releaseReading();
      scheduler.resume();
    },
  });
  const openStreams = new Set<EventStream>();
  const faults = new Faults({ connections, streams: openStreams, gate, crash: () => void stop() });
  const deliveries = new Deliveries(options, faults, scheduler, counts);
  const shared: Shared = {
    authority: new Authority(options.tokens, options.secret),
    rooms: new Rooms(options, deliveries, gate, counts),
    replies: new Replies(faults, scheduler, counts),
    teacherDelayMs: sampler(options.teacherDelay),
    timing: timingOf(options.completions, DEFAULT_TIMING),
  };
  const streams = new Streams(
    {
      options,
      faults,
      gate,
      scheduler,
      counts,
      shared,
      reset: (response) => response.socket && sockets.reset(response.socket),
    },
    openStreams,
  );
  const upgrader = new Upgrader({
    options,
    faults,
    gate,
    counts,
    connections,
    reset: (socket) => sockets.reset(socket),
    shared,
  });

  const stats = (): ServerStats => {
    const bufferedBytes = [...connections].reduce((sum, connection) => sum + connection.bufferedBytes, 0);
    return { ...structuredClone(counts), bufferedBytes };
  };
  const listener = httpListener({ options, stats, faults, gate, streams });
  const http = certificate
    ? createTlsServer({ ...certificate, maxHeaderSize: options.maxHeaderBytes }, listener)
    : createServer({ maxHeaderSize: options.maxHeaderBytes }, listener);
  http.on("upgrade", upgrader.handle);
  http.on("connection", (socket: Socket) => sockets.add(socket));
  const port = await listen(http, options);

  const stopListening = async (): Promise<void> => {
    await new Promise((resolve) => http.close(resolve));
    // ws reports a connection's end after its socket has gone.
    await Promise.all([...connections].map(({ ws }) => new Promise((resolve) => ws.once("close", resolve))));
  };
  let stopped: Promise<void> | undefined;
  /** Listens no more, and ends what is open: at once, or after the time for Close frames to be answered. */
  const stop = (closeTimeoutMs = 0): Promise<void> => {
    stopped ??= stopListening();
    faults.clear();
    scheduler.clear();
    if (closeTimeoutMs > 0) setTimeout(() => sockets.destroyAll(), closeTimeoutMs).unref();
    else sockets.destroyAll();
    gate.thaw();
    return stopped;
  };

  faults.set(options.faults);

  const host = isIPv6(options.host) ? `[${options.host}]` : options.host;
  const authority = `${options.host === "0.0.0.0" || options.host === "::" ? "127.0.0.1" : host}:${port}`;
  return {
    url: `${certificate ? "wss" : "ws"}://${authority}`,
    httpUrl: `${certificate ? "https" : "http"}://${authority}`,
    port,
    certificate: certificate?.cert,
    faults,
    stats,
    close() {
      upgrader.close();
      streams.close();
      return stop(options.closeTimeoutMs);
    },
  };
}

async function certificateOf({ tls }: ResolvedOptions): Promise<Certificate | undefined> {
  if (typeof tls === "object") return tls;
  return tls ? selfSignedCertificate() : undefined;
}

/** Connections that may wait to be accepted: a load test opens thousands at once. The kernel's own limit stays. */
const BACKLOG = 4_096;

function listen(http: Server, { port, host }: ResolvedOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once("error", reject);
    http.listen({ port, host, backlog: BACKLOG }, () => resolve((http.address() as AddressInfo).port));
  });
}
