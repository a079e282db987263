/** Short runs of mass-soak against the reference server. */
import type { TestContext } from "node:test";
import { type ServerOptions, startServer } from "../../server/server.ts";
import { type K6Command, OUR_K6, runK6 } from "./run.ts";

/** 20 connections, each with a probe every 200 ms for two seconds. A busy machine may stall for longer. */
const SHORT = {
  CONNECTIONS: 20,
  RATE: 200,
  PROBE_INTERVAL: "200ms",
  DURATION: "2s",
  REPLY_TIMEOUT: "6s",
};

export const massSoak = (t: TestContext, { env, ...command }: Partial<K6Command> = {}) =>
  runK6(t, { scenario: "mass-soak", k6: OUR_K6, ...command, env: { ...SHORT, ...env } });

export async function reference(t: TestContext, options: Partial<ServerOptions> = {}) {
  const server = await startServer(options);
  t.after(() => server.close());
  return server;
}
