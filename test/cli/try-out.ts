/** Runs `k6-realtime try` against servers. */
import { once } from "node:events";
import { PassThrough } from "node:stream";
import type { TestContext } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { main } from "../../cli/main.ts";
import { SETTINGS } from "../../lib/settings.ts";
import { type RunningServer, type ServerOptions, startServer } from "../../server/server.ts";

/** How a `try` ended. */
export interface Tried {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `try` with the reference server's token and one probe until what it printed matches `until`, which stands for ^C, or to its own end. */
export async function tryOut(
  argv: readonly string[],
  { until, cwd = "/", env = {} }: { until?: RegExp | undefined; cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Tried> {
  const stop = new AbortController();
  const [out, err] = [new PassThrough(), new PassThrough()];
  const printed = { out: "", err: "" };
  out.setEncoding("utf8").on("data", (chunk) => {
    printed.out += chunk;
    if (until?.test(printed.out)) stop.abort("SIGINT");
  });
  err.setEncoding("utf8").on("data", (chunk) => {
    printed.err += chunk;
  });
  const args = ["try", "--probes", "1", "--for", "30s", ...argv];
  const given = { WS_TOKEN: SETTINGS.WS_TOKEN.default, ...env };
  const code = await main(args, { out, err, cwd, env: given, signal: stop.signal });
  await Promise.all([once(out.end(), "end"), once(err.end(), "end")]);
  return { code, ...printed };
}

export const lastLine = ({ out }: Tried): string => out.trimEnd().split("\n").at(-1) ?? "";

/** The reference server. */
export async function reference(t: TestContext, options: Partial<ServerOptions> = {}) {
  const server = await startServer(options);
  t.after(() => server.close());
  return server;
}

/** Close codes that the server saw, once it has seen all connections end. */
export async function closesOf(server: RunningServer): Promise<Record<number, number>> {
  while (server.stats().connectionsOpen > 0) await nextTurn();
  return server.stats().closesSeen;
}
