import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import type { Side } from "../lib/asyncapi/index.ts";
import { type Change, changesBetween } from "../lib/contract-diff/diff.ts";
import { readKinds } from "../lib/contract-diff/kinds.ts";
import { type Seen, weigh } from "../lib/contract-diff/seen.ts";
import { PactError } from "../lib/pact/problem.ts";
import { readTraffic } from "../lib/pact/traffic.ts";
import { reading } from "./asyncapi-file.ts";
import { type Context, EXIT, UserError } from "./command.ts";
import { FORMATS, type Format } from "./contract-diff/report.ts";
import { inTime } from "./in-time.ts";

const ARGS = {
  old: {
    type: "positional",
    required: true,
    valueHint: "OLD",
    description: "The contract that clients follow.",
  },
  new: { type: "positional", required: true, valueHint: "NEW", description: "The contract that is to come." },
  messages: {
    type: "string",
    valueHint: "FILE",
    description:
      'What "try --json" printed: counts the messages that have each change. - for the standard input.',
  },
  describes: {
    type: "string",
    valueHint: "SIDE",
    description: "Whose operations AsyncAPI documents tell: server or client. (server)",
  },
  root: {
    type: "string",
    valueHint: "DIR",
    description: "A folder above both, in which they may refer to files.",
  },
  format: { type: "string", valueHint: "FORMAT", description: "text, markdown or json. (text)" },
} as const satisfies ArgsDef;

/** What `--help` says beyond the flags. */
export const CONTRACT_DIFF_MANUAL = `WHAT IT COMPARES

  OLD and NEW are contracts: AsyncAPI documents, maps of messages to schemas as
  import writes them, or JSON Schemas. Clients of OLD go on: what the server
  sends by NEW must be what they expect, and what they send it must still take.

    breaking    a client that follows OLD can get, or send, what is not agreed
    risky       it depends on the clients
    compatible  nobody is harmed

EXAMPLES

  k6-realtime contract-diff main/asyncapi.yaml asyncapi.yaml
  k6-realtime try --url wss://example.com/ws --json > seen.jsonl
  k6-realtime contract-diff old.yaml new.yaml --messages seen.jsonl \\
    --format markdown > comment.md

EXIT CODE

  0   nothing breaks
  99  something does
  2   a flag or a contract is wrong
`;

/** `k6-realtime contract-diff`: which changes of a contract break clients that are there. */
export const contractDiff = ({ out, cwd }: Context): CommandDef =>
  defineCommand({
    meta: { name: "contract-diff", description: "See which changes of a contract break existing clients" },
    args: ARGS as ArgsDef,
    async run({ args }): Promise<number> {
      const format = String(args.format ?? "text");
      if (!Object.hasOwn(FORMATS, format))
        throw new UserError(
          `--format: expected ${Object.keys(FORMATS).join(", ")}, got ${JSON.stringify(format)}`,
        );
      const described = String(args.describes ?? "server");
      if (described !== "server" && described !== "client")
        throw new UserError(`--describes: expected server or client, got ${JSON.stringify(described)}`);
      const root = args.root === undefined ? {} : { root: String(args.root) };
      const kinds = (path: unknown) =>
        reading(String(path), { cwd, ...root }, (file, read) => readKinds(file, read, described as Side));
      const [before, after] = [kinds(args.old), kinds(args.new)];
      const plain: readonly Change[] = changesBetween(before, after);
      const seen = args.messages === undefined ? undefined : await seenIn(String(args.messages), cwd);
      const changes = seen ? inTime(() => weigh(plain, before, after, seen), "--messages") : plain;
      const names = { before: String(args.old), after: String(args.new) };
      out.write(FORMATS[format as Format](changes, names));
      return changes.some(({ level }) => level === "breaking") ? EXIT.fail : EXIT.pass;
    },
  });

async function seenIn(file: string, cwd: string): Promise<readonly Seen[]> {
  try {
    const lines = file === "-" ? await text(process.stdin) : await readFile(resolve(cwd, file), "utf8");
    return readTraffic(lines, file).flatMap(({ from, text }): Seen[] => {
      const value = parsed(text);
      return value === undefined ? [] : [{ from, value }];
    });
  } catch (error) {
    if (error instanceof PactError) throw new UserError(`--messages: ${error.message}`);
    throw new UserError(`--messages: expected a readable file, got ${file} (${(error as Error).message})`);
  }
}

/** Undefined for a message that is not JSON: no contract describes it. */
function parsed(message: string): unknown {
  try {
    return JSON.parse(message);
  } catch {
    return undefined;
  }
}
