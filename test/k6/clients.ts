/** Whoever makes connections: k6's own sockets, the engine's, its swarms, and `try`. For tests of what they share. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { lastLine, tryOut } from "../cli/try-out.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { count } from "./figures.ts";
import { OUR_K6, runK6, STOCK_K6 } from "./run.ts";

/** What became of one maker's connections. */
export interface Made {
  readonly code: number | null;
  /** "pass", "fail", "incomplete"; of `try`, "pass" or "fail". */
  readonly verdict: string | undefined;
  readonly reason: string;
  readonly said: string;
  /** How often a connection failed for a reason. */
  failures(reason: string): number;
}

export interface How {
  readonly env?: Readonly<Record<string, string>>;
  /** Of the process, as a shell exports it. */
  readonly processEnv?: Readonly<Record<string, string>>;
  /** k6's configuration file. */
  readonly config?: object;
}

/** Nothing of the environment that the tests themselves run in. */
export const NO_PROXIES = Object.fromEntries(
  ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"].map((name) => [
    name,
    "",
  ]),
);
/** Replies have seconds, as a busy machine may need; a swarm ends as soon as it has them. */
const OFTEN = { PROBE_INTERVAL: "200ms", REPLY_TIMEOUT: "4s" };
const PEOPLE = {
  ...OFTEN,
  ...{ CONNECTIONS: 3, RAMP: "0s", RAMP_DOWN: "0s", SESSION: "20s", DURATION: "5s" },
};

export type Maker = (t: TestContext, url: string, how?: How) => Promise<Made>;

async function configArgs(t: TestContext, config: object | undefined): Promise<string[]> {
  if (!config) return [];
  const file = join(await temporaryDirectory(t), "k6.json");
  await writeFile(file, JSON.stringify(config));
  return ["--config", file];
}

const byK6 =
  (scenario: string, k6: string, own: Record<string, string | number>): Maker =>
  async (t, url, { env = {}, processEnv = {}, config } = {}) => {
    const { code, summary, stderr, stdout } = await runK6(t, {
      scenario,
      k6,
      env: { ...own, WS_URL: url, ...env },
      processEnv: { ...NO_PROXIES, ...processEnv },
      args: await configArgs(t, config),
    });
    return {
      code,
      verdict: summary?.verdict,
      reason: summary?.reason ?? "",
      said: stderr + stdout,
      failures: (reason) => (summary ? count(summary, `ws_connect_failures{reason:${reason}}`) : 0),
    };
  };

const byTry: Maker = async (t, url, { env = {}, processEnv = {}, config } = {}) => {
  const argv = ["--url", url, "--for", "10s", ...(await configArgs(t, config))];
  const tried = await tryOut(argv, { until: /RTT/, env: { ...processEnv, ...env } });
  const [verdict = "", reason = ""] = lastLine(tried).split(/: (.*)/s);
  return {
    code: tried.code,
    verdict: { ok: "pass", failed: "fail", undecided: "incomplete" }[verdict],
    reason,
    said: tried.out + tried.err,
    failures: (reason) => (tried.out.includes(`(${reason})`) ? 1 : 0),
  };
};

export const MAKERS: readonly (readonly [name: string, make: Maker])[] = [
  ["stock sockets", byK6("chat-soak", STOCK_K6, PEOPLE)],
  ["the engine's sockets", byK6("x/chat-soak", OUR_K6, PEOPLE)],
  ["mass-soak", byK6("mass-soak", OUR_K6, { ...OFTEN, CONNECTIONS: 3, DURATION: "3s" })],
  ["massconnect", byK6("massconnect", OUR_K6, { CONNECTIONS: 3, DURATION: "1s" })],
  ["try", byTry],
];
