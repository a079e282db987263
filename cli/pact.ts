import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { type ArgsDef, type CommandDef, defineCommand, runCommand } from "citty";
import { counted } from "../lib/counted.ts";
import { PactError } from "../lib/pact/problem.ts";
import { readPact } from "../lib/pact/read.ts";
import { type Passed, readTraffic } from "../lib/pact/traffic.ts";
import { verify } from "../lib/pact/verify.ts";
import { pactOf } from "../lib/pact/write.ts";
import { type Context, EXIT, refuseUnknown, strictly, UserError } from "./command.ts";
import { inTime } from "./in-time.ts";
import { brokerResult, reportOf } from "./pact/report.ts";
import { printable } from "./try/safe-text.ts";
import { tryOut } from "./try.ts";
import { VERSION } from "./version.ts";

/** What `--help` says. */
export const PACT_MANUAL = `Verify what a server sends against a message pact, or write one.

  k6-realtime pact verify PACT.json -- FLAGS OF try
  k6-realtime pact verify PACT.json --messages FILE
  k6-realtime pact write --consumer NAME --provider NAME -- FLAGS OF try

  --messages FILE          what "try --json" printed, or what a run kept with
                           CONTRACT_EXAMPLES, in place of a try; - for the
                           standard input. write takes it several times
  --result FILE            verify: the result, as the Pact Broker takes it
  --provider-version NAME  verify: the version of the provider in that result
  --build-url URL          verify: where it was made, for that result
  --out FILE               write: where to. (CONSUMER-PROVIDER.json)
  --force                  write: over a file that is there

  Pacts are of version 3 or 4 of the specification, with asynchronous and
  synchronous messages. Interactions over HTTP are left alone, and named.

EXIT CODE

  0   the pact is kept, or written
  99  it is not kept
  3   no message came that could be judged
  2   a flag or the pact is wrong
`;

const OPTIONS = {
  messages: { type: "string", multiple: true },
  result: { type: "string" },
  "provider-version": { type: "string" },
  "build-url": { type: "string" },
  consumer: { type: "string" },
  provider: { type: "string" },
  out: { type: "string" },
  force: { type: "boolean" },
} as const;

/** `k6-realtime pact`. */
export const pact = (around: Context): CommandDef =>
  defineCommand({
    meta: { name: "pact", description: "Verify what a server sends against a message pact, or write one" },
    async run({ rawArgs }): Promise<number> {
      const end = rawArgs.includes("--") ? rawArgs.indexOf("--") : rawArgs.length;
      const [own, flags] = [rawArgs.slice(0, end), rawArgs.slice(end + 1)];
      const { values, positionals } = strictly("pact", () =>
        parseArgs({ args: own, options: OPTIONS, allowPositionals: true }),
      );
      const [action, ...words] = positionals;
      try {
        if (action === "verify") return await verifyPact(words, values, flags, around);
        if (action === "write") return await writePact(words, values, flags, around);
      } catch (error) {
        throw error instanceof PactError ? new UserError(`pact: ${printable(error.message)}`) : error;
      }
      throw new UserError(`pact: expected verify or write, got ${action ?? "neither"}`);
    },
  });

type Values = { readonly [K in Exclude<keyof typeof OPTIONS, "messages">]?: string | boolean } & {
  readonly messages?: readonly string[];
};

async function verifyPact(
  [file, ...more]: readonly string[],
  values: Values,
  flags: readonly string[],
  around: Context,
): Promise<number> {
  refuse(values, ["consumer", "provider", "out", "force"], "verify");
  if (file === undefined || more.length > 0)
    throw new UserError(
      `pact verify: expected one PACT.json, got ${more.length > 0 ? more.length + 1 : "none"}`,
    );
  const version = values["provider-version"];
  if (values.result !== undefined && version === undefined)
    throw new UserError("pact verify: expected --provider-version beside --result: the broker wants it");
  // An answer is looked for after its request: in the same file.
  if (values.messages && values.messages.length > 1)
    throw new UserError(`pact verify: expected one --messages FILE, got ${values.messages.length}`);
  const known = readPact(await textOf(file, "PACT.json", around), file);
  if (known.interactions.length === 0)
    throw new UserError(
      `pact verify: expected a pact with messages, got ${printable(file)} with ${known.others.length} interactions of other kinds`,
    );
  const traffic = await trafficOf(values.messages, flags, around);
  const results = inTime(() => verify(known, traffic), `pact verify: ${printable(file)}`);
  const received = traffic.filter(({ from }) => from === "server").length;
  around.out.write(reportOf(known, results, received));
  if (received === 0) return EXIT.undecided;
  if (values.result !== undefined) {
    const result = brokerResult(known, results, {
      version: String(version),
      ...(values["build-url"] !== undefined && { buildUrl: String(values["build-url"]) }),
      tool: VERSION,
    });
    await writeFile(resolve(around.cwd, String(values.result)), `${JSON.stringify(result, null, 2)}\n`);
  }
  return results.every(({ isKept, interaction }) => isKept || interaction.isPending) ? EXIT.pass : EXIT.fail;
}

async function writePact(
  words: readonly string[],
  values: Values,
  flags: readonly string[],
  around: Context,
): Promise<number> {
  refuse(values, ["result", "provider-version", "build-url"], "write");
  const { consumer, provider } = values;
  if (words.length > 0) throw new UserError(`pact write: unexpected argument ${JSON.stringify(words[0])}`);
  if (typeof consumer !== "string" || typeof provider !== "string")
    throw new UserError("pact write: expected --consumer NAME and --provider NAME");
  const traffic = await trafficOf(values.messages, flags, around);
  const { pact, messages, exchanges } = pactOf(traffic, { consumer, provider, version: VERSION });
  if (messages + exchanges === 0) {
    around.err.write("pact write: no message came that a pact could tell\n");
    return EXIT.undecided;
  }
  const file = String(values.out ?? `${plain(consumer)}-${plain(provider)}.json`);
  try {
    const flag = values.force === true ? "w" : "wx";
    await writeFile(resolve(around.cwd, file), `${JSON.stringify(pact, null, 2)}\n`, { flag });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw new UserError(`--out: expected a file that is not there, got ${file}; --force writes over it`);
  }
  around.out.write(
    `wrote ${printable(file)}: ${counted(messages, "message")} and ${counted(exchanges, "exchange")}, of ${counted(traffic.length, "message")} seen\n`,
  );
  return EXIT.pass;
}

const plain = (name: string): string => name.replace(/[^\w.-]+/g, "_").replace(/^\.+/, "") || "pact";

function refuse(values: Values, names: readonly (keyof Values)[], action: string): void {
  const given = names.find((name) => values[name] !== undefined);
  if (given !== undefined) throw new UserError(`pact ${action}: unexpected flag --${given}`);
}

/** What went and came: of files, one after the other, or of a try that is made now. */
async function trafficOf(
  messages: readonly string[] | undefined,
  flags: readonly string[],
  around: Context,
): Promise<readonly Passed[]> {
  if (messages !== undefined && flags.length > 0)
    throw new UserError("pact: expected either --messages or the flags of a try behind --");
  if (messages === undefined) return readTraffic(await tried(flags, around), "try");
  const all: Passed[] = [];
  for (const [i, file] of messages.entries()) {
    const passed = readTraffic(await textOf(file, "--messages", around), file);
    // Each try numbers its probes from 1.
    all.push(
      ...passed.map((one) => (one.probe === undefined ? one : { ...one, probe: `${i} ${one.probe}` })),
    );
  }
  return all;
}

async function tried(flags: readonly string[], { err, cwd, env, signal }: Context): Promise<string> {
  const out = new PassThrough();
  let lines = "";
  out.setEncoding("utf8").on("data", (chunk) => {
    lines += chunk;
  });
  const command = tryOut({ out, err, cwd, env, signal });
  refuseUnknown("try", flags, command.args as ArgsDef);
  await runCommand(command, { rawArgs: [...flags, "--json"] });
  const { ok, reason } = JSON.parse(lines.trimEnd().split("\n").at(-1) ?? "{}");
  if (ok !== true) err.write(`the try failed: ${printable(String(reason))}\n`);
  return lines;
}

async function textOf(file: string, name: string, { cwd }: Context): Promise<string> {
  try {
    return file === "-" ? await text(process.stdin) : await readFile(resolve(cwd, file), "utf8");
  } catch (error) {
    throw new UserError(
      `${name}: expected a readable file, got ${printable(file)} (${(error as Error).message})`,
    );
  }
}
