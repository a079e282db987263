import { parseArgs } from "node:util";
import { type ServerOptions, startServer } from "./server.ts";
import { SLOW_READER_POLICIES } from "./slow-reader.ts";
import { InvalidInput } from "./validation.ts";

interface Flag {
  readonly flag: string;
  /** The environment variable that gives the same; the flag wins. */
  readonly env: string;
  /** What the value stands for in the help; a flag without one is a switch. */
  readonly value?: string;
  readonly help: string;
  readonly option: (text: string) => Record<string, unknown>;
}

export const FLAGS: readonly Flag[] = [
  {
    flag: "port",
    env: "PORT",
    value: "NUMBER",
    help: "TCP port, 0 for a free one (default 8080)",
    option: (text) => ({ port: wholeNumber("port", text) }),
  },
  {
    flag: "host",
    env: "SERVER_HOST",
    value: "ADDRESS",
    help: "address to listen on (default 127.0.0.1: this machine only)",
    option: (host) => ({ host }),
  },
  {
    flag: "tls",
    env: "SERVER_TLS",
    help: "wss: with a certificate made on the spot",
    option: (text) => ({ tls: onOrOff("tls", text) }),
  },
  {
    flag: "tokens",
    env: "SERVER_TOKENS",
    value: "LIST",
    help: "tokens to accept, separated by commas (default test-token)",
    option: (text) => ({ tokens: text.split(",") }),
  },
  {
    flag: "secret",
    env: "SERVER_SECRET",
    value: "TEXT",
    help: "key of signed tokens (default random); a flag shows in the process list",
    option: (secret) => ({ secret }),
  },
  {
    flag: "origins",
    env: "SERVER_ORIGINS",
    value: "LIST",
    help: "values of Origin that may connect (default any)",
    option: (text) => ({ origins: text.split(",") }),
  },
  {
    flag: "subprotocols",
    env: "SERVER_SUBPROTOCOLS",
    value: "LIST",
    help: "subprotocols to agree on, first choice first (default none)",
    option: (text) => ({ subprotocols: text.split(",") }),
  },
  {
    flag: "max-payload",
    env: "SERVER_MAX_PAYLOAD",
    value: "BYTES",
    help: "largest message accepted (default 1048576)",
    option: (text) => ({ maxPayloadBytes: wholeNumber("max-payload", text) }),
  },
  {
    flag: "compression",
    env: "SERVER_COMPRESSION",
    value: "NAME",
    help: "off, or deflate for clients that offer permessage-deflate (default off)",
    option: (compression) => ({ compression }),
  },
  {
    flag: "slow-reader",
    env: "SERVER_SLOW_READER",
    value: "POLICY",
    help: `${SLOW_READER_POLICIES.join(", ")}: what becomes of a slow subscriber (default close)`,
    option: (slowReader) => ({ slowReader }),
  },
  {
    flag: "max-buffered",
    env: "SERVER_MAX_BUFFERED",
    value: "BYTES",
    help: "what may wait for one subscriber (default 1048576)",
    option: (text) => ({ maxBufferedBytes: wholeNumber("max-buffered", text) }),
  },
  {
    flag: "first-token",
    env: "SERVER_FIRST_TOKEN",
    value: "MS",
    help: "completions: from the request to the first token (default 100)",
    option: (text) => ({ completions: { firstMs: wholeNumber("first-token", text) } }),
  },
  {
    flag: "token-gap",
    env: "SERVER_TOKEN_GAP",
    value: "MS",
    help: "completions: from each token to the next (default 20)",
    option: (text) => ({ completions: { gapMs: wholeNumber("token-gap", text) } }),
  },
  {
    flag: "faults",
    env: "FAULTS",
    help: "let this machine switch faults on and off at /faults",
    option: (text) => ({ faultControl: onOrOff("faults", text) }),
  },
];

/** What `--help` says, of the command by which it was started. */
export const serverHelp = (
  command: string,
) => `Reference server for load tests: rooms over WebSocket and event streams, an echo, an IM
protocol, and completions that come as streams of tokens.

  ${command} [options]

${FLAGS.map(({ flag, value, env, help }) => `  --${`${flag} ${value ?? ""}`.padEnd(21)} ${help} [${env}]`).join("\n")}
  --help                  this text

A flag wins over its environment variable, in brackets. Endpoints, wire protocol and faults: docs/reference/server.md.
`;

/** The options of a server that is started from a command line, unless flags or environment set others. */
export const DEFAULTS: Partial<ServerOptions> = { port: 8_080, faultControl: false };

/** Runs the server until SIGTERM or SIGINT. Resolves to the exit code. */
export async function startFromCommandLine(args: string[], env: NodeJS.ProcessEnv): Promise<number> {
  let options: Partial<ServerOptions> | undefined;
  try {
    options = readOptions(args, env);
    if (!options) {
      process.stdout.write(serverHelp("npm run server --"));
      return 0;
    }
    const server = await startServer({ ...DEFAULTS, ...options });
    console.log(`listening on ${server.url}`);
    await new Promise<void>((resolve) => {
      for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
    });
    await server.close();
    return 0;
  } catch (error) {
    if (!(error instanceof InvalidInput || isSystemError(error))) throw error;
    console.error(`server: ${error.message}`);
    return 1;
  }
}

/** The options that flags and environment give; undefined when the help is asked for. Throws InvalidInput. */
export function readOptions(args: string[], env: NodeJS.ProcessEnv): Partial<ServerOptions> | undefined {
  const values = parseFlags(args);
  if (values.help) return undefined;
  const options: Record<string, unknown> = {};
  for (const { flag, env: variable, option } of FLAGS) {
    const text = values[flag] ?? (env[variable] || undefined);
    if (text === undefined) continue;
    const { completions, ...others } = option(String(text));
    Object.assign(options, others);
    if (completions) options.completions = { ...(options.completions ?? {}), ...completions };
  }
  return options;
}

function parseFlags(args: string[]): Record<string, unknown> {
  const flags = FLAGS.map(({ flag, value }) => [flag, { type: value ? "string" : "boolean" }] as const);
  try {
    return parseArgs({ args, options: { ...Object.fromEntries(flags), help: { type: "boolean" } } }).values;
  } catch (error) {
    throw new InvalidInput((error as Error).message);
  }
}

function wholeNumber(name: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidInput(`${name}: expected a whole number, got "${text}"`);
}

function onOrOff(name: string, text: string): boolean {
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  throw new InvalidInput(`${name}: expected 1 or 0, got "${text}"`);
}

const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && "syscall" in error;
