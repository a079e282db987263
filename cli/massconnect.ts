import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type ArgsDef, type CommandDef, defineCommand, runCommand } from "citty";
import * as v from "valibot";
import { fieldPath } from "../lib/issues.ts";
import { type Context, EXIT, UserError } from "./command.ts";
import { run } from "./run.ts";

const DEFAULT_SPEC = "massconnect.json";

const ARGS = {
  spec: {
    type: "positional",
    required: false,
    description: `A spec file of the older suite. Without it, ${DEFAULT_SPEC} is used, or written as a template.`,
  },
  hold: {
    type: "string",
    valueHint: "5s",
    description: "Time for which all connections are held. (5s)",
  },
  results: {
    type: "string",
    valueHint: "DIRECTORY",
    description: "Directory with one for each server's run. (results)",
  },
} as const satisfies ArgsDef;

/** What `--help` says beyond the flags. */
export const MASSCONNECT_MANUAL = `WHAT IT DOES

  Opens many connections to each server of a spec file, one server after the
  other: "batchsize" at once, again after "batchdelay" milliseconds, up to
  "connections". One that fails is tried again after "retrydelay" milliseconds.
  It needs bin/k6 (npx k6-realtime setup).

  k6-realtime run massconnect does the same for one server, with every setting.

EXIT CODE

  The greatest of the servers' runs: see k6-realtime run --help.
`;

const TEMPLATE = {
  servers: [{ name: "mine", uri: "ws://127.0.0.1:9001", desc: "a server that takes connections" }],
  options: { connections: 1000, batchsize: 500, batchdelay: 1000, retrydelay: 200 },
};

const whole = (least: number) => v.pipe(v.number(), v.integer(), v.minValue(least));
const Spec = v.strictObject({
  servers: v.pipe(
    v.array(
      v.strictObject({
        name: v.pipe(v.string(), v.nonEmpty()),
        uri: v.pipe(v.string(), v.regex(/^wss?:\/\//)),
        desc: v.optional(v.string()),
      }),
    ),
    v.nonEmpty(),
  ),
  options: v.strictObject({
    connections: whole(1),
    batchsize: whole(1),
    batchdelay: whole(0),
    retrydelay: whole(1),
  }),
});
type Spec = v.InferOutput<typeof Spec>;

/** `k6-realtime massconnect`: the scenario of that name for each server of a spec file. */
export const massconnect = (around: Context): CommandDef =>
  defineCommand({
    meta: { name: "massconnect", description: "Open many connections to each server of a spec file" },
    args: ARGS as ArgsDef,
    async run({ args }): Promise<number> {
      const { out, cwd } = around;
      const path = resolve(cwd, String(args.spec ?? DEFAULT_SPEC));
      if (args.spec === undefined && (await written(path))) {
        out.write(`wrote ${DEFAULT_SPEC}: name your servers in it, and run this again\n`);
        return EXIT.pass;
      }
      const spec = parseSpec(await text(path), path);
      let worst: number = EXIT.pass;
      for (const [i, server] of spec.servers.entries()) {
        out.write(`\n${server.name}\n`);
        const results = join(String(args.results ?? "results"), directoryOf(server.name, i));
        const flags = flagsOf(spec, i, String(args.hold ?? "5s"));
        const { result } = await runCommand(run(around), {
          rawArgs: ["massconnect", ...flags, "--results", results],
        });
        worst = Math.max(worst, result as number);
        if (around.signal.aborted) break;
      }
      return worst;
    },
  });

/** The flags of `run massconnect` for one server. It connects and says nothing: the protocol does not matter. */
export function flagsOf({ servers, options }: Spec, i: number, hold: string): string[] {
  return [
    ...["--url", servers[i]!.uri, "--protocol", "echo"],
    ...["--connections", `${options.connections}`, "--duration", hold],
    ...["--batch-size", `${options.batchsize}`, "--batch-delay", `${options.batchdelay}ms`],
    ...["--retry-delay", `${options.retrydelay}ms`],
  ];
}

/** Each server has one of its own, whatever its name. */
const directoryOf = (name: string, i: number): string => `${i + 1}-${name.replace(/[^\w-]+/g, "_")}`;

/** Reads a spec file; an error names the field, the expected value and the actual one. */
export function parseSpec(text: string, path: string): Spec {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UserError(`${path}: expected a spec file in JSON`);
  }
  const { success, output, issues } = v.safeParse(Spec, value);
  if (success) return output;
  const [issue] = issues;
  throw new UserError(`${path}: ${fieldPath(issue) || "the spec"}: ${issue.message}`);
}

async function text(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new UserError(`${path}: expected a spec file: ${(error as Error).message}`);
  }
}

/** Whether the template had to be written. */
async function written(path: string): Promise<boolean> {
  try {
    await writeFile(path, `${JSON.stringify(TEMPLATE, null, 2)}\n`, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}
