import { relative, resolve, sep } from "node:path";
import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import { counted } from "../lib/counted.ts";
import type { Finding } from "../lib/fuzz/finding.ts";
import { FUZZ_FORMAT, type FuzzResult, type RouteResult } from "../lib/fuzz/result.ts";
import { STRATEGY_NAMES } from "../lib/fuzz/strategies.ts";
import { type Context, EXIT, readAgain, UserError } from "./command.ts";
import { readFuzzContract } from "./fuzz/contract.ts";
import { gaugesAt } from "./fuzz/gauges.ts";
import { DEFAULTS, type Options, optionsOf, RATES } from "./fuzz/options.ts";
import { readStrategies } from "./fuzz/own-strategies.ts";
import { ProgressLine } from "./fuzz/progress.ts";
import { type Replayed, readFinding, replay } from "./fuzz/replay.ts";
import { resultText } from "./fuzz/report/text.ts";
import { clearResults, writeResults } from "./fuzz/report/write.ts";
import { type Extra, fuzzRoute } from "./fuzz/route.ts";
import { routesOf } from "./fuzz/routes.ts";
import { type Aim, aimOf } from "./fuzz/target.ts";
import type { ReplayOptions } from "./node.ts";
import { TARGET_ARGS } from "./try/args.ts";
import type { Hosted } from "./try/in-k6.ts";
import { printable } from "./try/safe-text.ts";

const text = (valueHint: string, description: string) =>
  ({ type: "string", valueHint, description }) as const;
const flag = (description: string) => ({ type: "boolean", description }) as const;
const withDefault = (name: keyof typeof DEFAULTS, valueHint: string, description: string) =>
  text(valueHint, `${description} (${DEFAULTS[name]})`);

const RESULTS = "fuzz-results";

/** Flags of `try` that a fuzzing run has a use for. */
const {
  "payload-bytes": _payload,
  "reply-timeout": _reply,
  "http-version": _http,
  ...ofTarget
} = TARGET_ARGS;
const {
  compression: _compression,
  "context-takeover": _takeover,
  "client-window-bits": _client,
  "server-window-bits": _server,
  ...SHARED
} = ofTarget;

const ARGS = {
  ...SHARED,
  time: withDefault("time", "DURATION", "How long to fuzz, all routes together."),
  runs: text("N", "The most sequences for each route. (no limit)"),
  seed: text("N", "Makes the same sequences again. (a new one each time)"),
  "max-messages": withDefault("max-messages", "N", "The most messages in a sequence."),
  connections: withDefault("connections", "N", "The most connections of a sequence, up to 8."),
  rate: text("N", `The most messages a second. (${RATES.loopback}; ${RATES.elsewhere} beyond this machine)`),
  neighbours: withDefault("neighbours", "N", "Well-behaved connections beside, up to 3."),
  "neighbour-limit": withDefault("neighbour-limit", "DURATION", "How long a neighbour's answer may take."),
  "message-timeout": withDefault("message-timeout", "DURATION", "How long an answer may take."),
  "max-message-size": withDefault("max-message-size", "BYTES", "The largest message sent."),
  "close-codes": withDefault("close-codes", "LIST", "Close codes to send, besides those at the edges."),
  routes: text(
    "LIST",
    "Paths to fuzz in place of the URL's own: a list, a file, an OpenAPI or AsyncAPI document.",
  ),
  include: text("GLOBS", "Routes to fuzz, such as /ws/*. (all)"),
  exclude: text("GLOBS", "Routes to leave out, such as /ws/internal/*."),
  strategies: text("FILE", "Your own messages by route: .json, .js or .mjs."),
  metrics: text("URL", "URL of the server's metrics, to find counts that grow and do not fall again."),
  "any-subprotocol": flag("Do not judge which subprotocol the server chooses."),
  only: text("LIST", `Strategies to use, of ${STRATEGY_NAMES.join(", ")}. (all)`),
  expect: text(
    "LIST",
    "Exceptions, which are not faults: close codes, http-503, error:REASON, quiet:REGEX, kinds of findings.",
  ),
  again: withDefault("again", "N", "How often a finding is run again."),
  replay: text("FILE", "Run a finding again instead."),
  results: text("DIR", `Directory for the files. (${RESULTS})`),
  json: flag("One JSON object on standard output instead of text."),
  "yes-i-may": flag("Fuzz a server that is not on this machine."),
} as const satisfies ArgsDef;

type Args = { readonly [K in keyof typeof ARGS]?: string | boolean | undefined };

/** What `--help` says beyond the flags. */
export const FUZZ_MANUAL = `WHAT IT DOES

  Sends messages that a server should bear and may not: every change to one
  field of the descriptor's messages, texts and bytes at the edges, messages out
  of order, fragments, Close codes, odd handshakes. Beside them stay neighbours,
  connections that do nothing wrong. What the server owes to either, and no
  longer gives, is a finding: it is made as small as can be, run again, and
  written down.

  Without --protocol or --protocol-file nothing is known of the messages: then
  only ends of connections, Pongs and refused upgrades are judged.

EXAMPLES

  k6-realtime fuzz --url ws://127.0.0.1:8080/ws --protocol-file acme.json
  k6-realtime fuzz --url ws://127.0.0.1:8080/ws --time 10m --seed 7
  k6-realtime fuzz --url ws://127.0.0.1:8080/ws --protocol-file acme.json \\
    --replay fuzz-results/finding-1.json
  k6-realtime fuzz --url wss://staging.example.com/ws --yes-i-may --rate 5

EXIT CODE

  0   nothing was found
  99  something was, or the finding was seen again
  3   interrupted or ended early, and nothing found until then
  2   a flag is wrong: nothing was sent
  1   no connection could be had to begin with
`;

/** `k6-realtime fuzz`: finds the message that breaks the server. */
export const fuzz = (around: Context): CommandDef =>
  defineCommand({
    meta: { name: "fuzz", description: "Find the message that breaks the server" },
    args: ARGS as ArgsDef,
    async run({ args, rawArgs }): Promise<number> {
      const hosted: Hosted[] = [];
      try {
        const headers = readAgain(rawArgs, ARGS).all("header");
        const given = args as Args;
        return given.replay === undefined
          ? await fuzzAll(given, headers, around, hosted)
          : await again(given, headers, around, hosted);
      } finally {
        for (const { close } of hosted) close();
      }
    },
  });

/** Everything that can be wrong with the flags is found here, before anything is sent. */
async function begin(args: Args, headers: readonly string[], { cwd, env, err }: Context, hosted: Hosted[]) {
  const options = optionsOf(args);
  const aim = await aimOf(args, headers, options.messageTimeoutMs, { cwd, env, hosted });
  requireLeave(aim, args);
  for (const notice of aim.notices) err.write(`${notice}\n`);
  return { options, aim };
}

function requireLeave(aim: Aim, args: Args): void {
  if (aim.isLoopback || args["yes-i-may"] === true) return;
  throw new UserError(
    `--url: expected a server on this machine, got ${aim.shownUrl}. Fuzzing may break a server: --yes-i-may states that you are allowed to`,
  );
}

async function fuzzAll(
  args: Args,
  headers: readonly string[],
  around: Context,
  hosted: Hosted[],
): Promise<number> {
  const { out, err, cwd, signal } = around;
  const { options, aim } = await begin(args, headers, around, hosted);
  if (args.routes === undefined) {
    const flag = (["include", "exclude"] as const).find((name) => args[name] !== undefined);
    if (flag) throw new UserError(`--${flag}: expected --routes beside it, got none`);
  }
  const beside = await besideOf(args, around);
  const routes = args.routes === undefined ? [undefined] : await routesOf(String(args.routes), options, cwd);
  const extraOf =
    args.strategies === undefined
      ? () => NOTHING_MORE
      : await readStrategies(resolve(cwd, String(args.strategies)));
  const directory = resolve(cwd, String(args.results ?? RESULTS));
  await clearResults(directory);
  const line = new ProgressLine(err);
  const startedAt = new Date();
  const began = performance.now();
  const results: RouteResult[] = [];
  const findings: Finding[] = [];
  line.say(`fuzzing ${aim.shownUrl}, seed ${options.seed}`);
  for (const [index, route] of routes.entries()) {
    if (signal.aborted) break;
    if (route !== undefined) line.say(route);
    const left = began + options.timeMs - performance.now();
    const { result, findings: found } = await fuzzRoute({
      route,
      aim,
      options,
      extra: extraOf(route),
      ...beside,
      // What one route leaves of its share of the time is the others'.
      until: performance.now() + Math.max(0, left) / (routes.length - index),
      signal,
      onProgress: (progress) => line.show(progress),
      onFinding: ({ title }) => line.say(`found: ${title}`),
    });
    results.push(result);
    findings.push(...found);
  }
  line.end();
  const whole: FuzzResult = {
    format: FUZZ_FORMAT,
    ...verdictOf(findings, results, options, signal),
    seed: options.seed,
    startedAt: startedAt.toISOString(),
    durationMs: performance.now() - began,
    protocol: aim.protocol.name,
    routes: results,
    findings,
  };
  const files = await writeResults(
    directory,
    whole,
    aim.protocol,
    protocolGiven(args, directory, around),
    aim.mask,
  );
  if (args.json) out.write(`${aim.mask(JSON.stringify({ ...whole, files }))}\n`);
  else {
    out.write(`${lines(aim.mask(resultText(whole)))}\n`);
    out.write(`report: ${relative(cwd, files.at(-1)!)}\n`);
  }
  if (whole.verdict === "fail") return EXIT.fail;
  return whole.verdict === "pass" ? EXIT.pass : EXIT.undecided;
}

/** The protocol as it was given, for tests in the directory of the results. */
function protocolGiven(args: Args, directory: string, { cwd, env }: Pick<Context, "cwd" | "env">) {
  const file = args["protocol-file"] ?? (args.protocol === undefined ? env.PROTOCOL_FILE : undefined);
  if (file) {
    const path = relative(directory, resolve(cwd, String(file)))
      .split(sep)
      .join("/");
    return { protocolFile: path.startsWith("..") ? path : `./${path}` };
  }
  const protocol = args.protocol ?? env.PROTOCOL;
  return protocol ? { protocol: String(protocol) } : {};
}

/** Facts about the server, beside its descriptor. */
async function besideOf({ contract: given, metrics }: Args, { cwd, env }: Context) {
  const contract = given ?? env.CONTRACT;
  return {
    ...(contract && { contract: await readFuzzContract(String(contract), cwd) }),
    ...(metrics !== undefined && { gauges: await gaugesAt(String(metrics)) }),
  };
}

const NOTHING_MORE: Extra = { messages: [], own: [] };

function verdictOf(
  findings: readonly Finding[],
  routes: readonly RouteResult[],
  { timeMs }: Options,
  signal: AbortSignal,
): Pick<FuzzResult, "verdict" | "reason"> {
  const runs = routes.reduce((sum, route) => sum + route.runs, 0);
  const ended = routes.find((route) => route.ended !== undefined)?.ended;
  if (findings.length > 0) {
    return { verdict: "fail", reason: counted(findings.length, "finding") };
  }
  if (signal.aborted)
    return { verdict: "incomplete", reason: `interrupted after ${runs} sequences, nothing found until then` };
  if (ended !== undefined) return { verdict: "incomplete", reason: ended };
  if (runs === 0) return { verdict: "incomplete", reason: `nothing was sent within ${timeMs} ms` };
  return { verdict: "pass", reason: `nothing found in ${runs} sequences` };
}

/** Runs a finding's sequence again, on the server that it names or another. */
async function again(
  args: Args,
  headers: readonly string[],
  around: Context,
  hosted: Hosted[],
): Promise<number> {
  const { out, cwd, signal } = around;
  const finding = await readFinding(resolve(cwd, String(args.replay)));
  const { replayed, mask } = await replayAs(finding, args, headers, around, hosted);
  const { seen, of, received, others, unreached } = replayed;
  const said = [
    `${finding.title}: seen ${seen} of ${of} times`,
    ...finding.sent.map((line) => `  sent: ${line}`),
    `  expected: ${finding.expected}`,
    ...(seen > 0 ? [`  received: ${received}`] : []),
    ...others.map((other) => `  besides: ${other}`),
    ...(unreached === undefined ? [] : [`  not sent again: ${unreached}`]),
  ];
  out.write(args.json ? `${mask(JSON.stringify(replayed))}\n` : `${lines(mask(said.join("\n")))}\n`);
  if ((signal.aborted || unreached !== undefined) && seen === 0) return EXIT.undecided;
  return seen > 0 ? EXIT.fail : EXIT.pass;
}

async function replayAs(
  finding: Finding,
  args: Args,
  headers: readonly string[],
  around: Context,
  hosted: Hosted[],
) {
  const { options, aim } = await begin({ ...args, url: args.url ?? finding.url }, headers, around, hosted);
  if (aim.protocol.name !== finding.protocol) {
    throw new UserError(
      `--replay: expected --protocol or --protocol-file of the protocol "${finding.protocol}", got "${aim.protocol.name}"`,
    );
  }
  const beside = await besideOf(args, around);
  return { replayed: await replay(finding, aim, options, beside, around.signal), mask: aim.mask };
}

/** As the flag `--replay`, for a program. */
export async function replayFile(
  path: string,
  { headers = [], ...options }: ReplayOptions,
): Promise<Replayed> {
  const hosted: Hosted[] = [];
  const flags = Object.entries(options).map(([name, value]) => [
    name === "yesIMay" ? "yes-i-may" : name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    typeof value === "number" ? String(value) : value,
  ]);
  const { stdout: out, stderr: err } = process;
  const around = { out, err, cwd: process.cwd(), env: process.env, signal: new AbortController().signal };
  try {
    const finding = await readFinding(path);
    return (await replayAs(finding, Object.fromEntries(flags), headers, around, hosted)).replayed;
  } finally {
    for (const { close } of hosted) close();
  }
}

/** What a server sent cannot act upon the terminal. */
const lines = (shown: string): string => shown.split("\n").map(printable).join("\n");
