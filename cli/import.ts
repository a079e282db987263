import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import { contractOf } from "../lib/import/contract.ts";
import { descriptorOf } from "../lib/import/descriptor.ts";
import type { Kind } from "../lib/import/kinds.ts";
import { type Plan, planOf } from "../lib/import/plan.ts";
import { AnswerError } from "../lib/import/question.ts";
import { type Sample, sampleOf } from "../lib/import/sample.ts";
import { readAsyncApi } from "./asyncapi-file.ts";
import { type Context, EXIT, readAgain, UserError } from "./command.ts";
import { makeDirectory } from "./directory.ts";
import { Interview } from "./import/interview.ts";
import { reportOf } from "./import/report.ts";

const ARGS = {
  document: { type: "positional", required: true, valueHint: "asyncapi.yaml", description: "The document." },
  out: { type: "string", valueHint: "DIR", description: "Folder to write to. (the document's title)" },
  channel: {
    type: "string",
    valueHint: "CHANNEL",
    description: "A channel of the connection; may be given again. Short for --answer channel=…",
  },
  answer: {
    type: "string",
    valueHint: "NAME=VALUE",
    description: "What the document does not say; may be given again.",
  },
  answers: { type: "string", valueHint: "FILE", description: "A file of answers, NAME=VALUE in each line." },
  root: {
    type: "string",
    valueHint: "DIR",
    description: "A folder above the document, in which it may refer to files. (the document's own)",
  },
  force: { type: "boolean", description: "Write over files that are there." },
} as const satisfies ArgsDef;

/** What `--help` says beyond the flags. */
export const IMPORT_MANUAL = `WHAT IT WRITES

  From an AsyncAPI document, 2.x or 3.x, in JSON or YAML:

    NAME.json            a protocol descriptor, for --protocol-file
    NAME.contract.json   the schemas of its messages
    messages/KIND.json   an example of each message

  A document does not say in which order a session goes, what keeps a connection
  alive, or how often a client sends. On a terminal you are asked; otherwise the
  likeliest answer is taken, and shown with the flag that changes it.

EXAMPLES

  k6-realtime import asyncapi.yaml
  k6-realtime import asyncapi.yaml --channel quotes --out quotes \\
    --answer session="send subscribe, await subscribed" --answer probe=ping

EXIT CODE

  0  written
  2  the document cannot be used, an answer is wrong, or one is missing
`;

/** `k6-realtime import`: a descriptor, a contract and example messages from an AsyncAPI document. */
export const importDocument = ({ out, err, cwd }: Context): CommandDef =>
  defineCommand({
    meta: { name: "import", description: "Make a protocol descriptor of an AsyncAPI document" },
    args: ARGS as ArgsDef,
    async run({ args, rawArgs }): Promise<number> {
      const path = String(args.document);
      const document = readAsyncApi(path, {
        cwd,
        ...(args.root !== undefined && { root: String(args.root) }),
      });
      const again = readAgain(rawArgs, ARGS);
      const channels = again.all("channel");
      const given = [
        ...again.all("answer"),
        ...(channels.length > 0 ? [`channel=${channels.join(",")}`] : []),
      ];
      const interview = new Interview({
        given,
        file: args.answers === undefined ? undefined : String(args.answers),
        cwd,
        err,
      });
      try {
        const plan = await planOf(document, interview.ask);
        interview.finish();
        const name = nameFor(document.title || basename(path).replace(/\.\w+$/, ""));
        const samples = await samplesOf(plan);
        const { descriptor, notes } = descriptorOf(plan, name, samples);
        const folder = args.out === undefined ? name : String(args.out);
        const files = filesOf(plan, samples, name, descriptor);
        await write(folder, cwd, files, args.force === true);
        out.write(reportOf({ plan, name, folder, files: [...files.keys()], notes, taken: interview.taken }));
        return EXIT.pass;
      } catch (error) {
        throw error instanceof AnswerError ? new UserError(`import: ${error.message}`) : error;
      } finally {
        interview.close();
      }
    },
  });

/** A name for a descriptor and its folder. */
const nameFor = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^a-z\d]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 48)
    .replace(/-+$/, "") || "imported";

async function samplesOf({ kinds, sides }: Plan): Promise<ReadonlyMap<Kind, Sample | undefined>> {
  const used = kinds.filter(
    ({ message }) => sides.fromClient.includes(message) || sides.fromServer.includes(message),
  );
  const samples = new Map<Kind, Sample | undefined>();
  for (const kind of used) samples.set(kind, await sampleOf(kind.message));
  return samples;
}

function filesOf(
  plan: Plan,
  samples: ReadonlyMap<Kind, Sample | undefined>,
  name: string,
  descriptor: unknown,
): ReadonlyMap<string, string> {
  const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
  const contract = contractOf(plan.kinds, plan.sides, plan.title);
  return new Map([
    [`${name}.json`, json(descriptor)],
    ...(contract ? [[`${name}.contract.json`, json(contract)] as const] : []),
    ...[...samples].flatMap(([kind, sample]) =>
      sample ? [[join("messages", `${kind.name}.json`), json(sample.value)] as const] : [],
    ),
  ]);
}

/** Writes all files, or none where one of them is there. */
async function write(out: string, cwd: string, files: ReadonlyMap<string, string>, isForced: boolean) {
  const folder = resolve(cwd, out);
  const there = [...files.keys()].find((file) => existsSync(join(folder, file)));
  if (there !== undefined && !isForced)
    throw new UserError(`--out: expected a folder without ${there}, got ${out}; --force writes over it`);
  await makeDirectory(join(folder, "messages"));
  for (const [file, text] of files) await writeFile(join(folder, file), text);
}
