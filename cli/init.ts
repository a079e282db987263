import { readdir, readFile } from "node:fs/promises";
import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import { PROFILES, type ProfileName } from "../lib/profile.ts";
import { PROTOCOLS } from "../lib/protocols/index.ts";
import { type Context, EXIT, UserError } from "./command.ts";
import { ask } from "./init/ask.ts";
import { type Places, placesOf } from "./init/places.ts";
import { projectFiles, type Starter } from "./init/project.ts";
import { type Answers, isReference, type Question, questionsFor } from "./init/questions.ts";
import { commandsFor } from "./init/readme.ts";
import { writeNew } from "./init/write.ts";
import { packageFile } from "./package-file.ts";

const ARGS = {
  dir: { type: "string", valueHint: "DIRECTORY", description: "Folder for the project. (load-test)" },
  url: {
    type: "string",
    valueHint: "URL",
    description: "The endpoint to test. (the reference server's, ws://127.0.0.1:8080/ws/chat)",
  },
  protocol: {
    type: "string",
    valueHint: "NAME",
    description: "The protocol nearest to your server's: chat, socket.io, stomp, … (chat)",
  },
  auth: {
    type: "string",
    valueHint: "WAY",
    description: "How a token reaches the server: none, header, query, cookie or message. (header)",
  },
  profile: {
    type: "string",
    valueHint: "NAME",
    description: "The limits to begin with: chat, trading, dashboard or smoke. (chat)",
  },
  yes: { type: "boolean", alias: "y", description: "Ask nothing: a flag not given has its default." },
} as const satisfies ArgsDef;

/** What `--help` says beyond the flags. */
export const INIT_MANUAL = `WHAT IT DOES

  Asks for each flag that is not given, if it runs in a terminal. Then it writes
  a project that runs at once:

    protocol.json    the messages of the server, to edit
    profile.json     a small load, and the limits
    README.md        the commands to run
    .github/workflows/load-test.yml
                     the same test on each pull request; it goes to the root of
                     the git repository, if the project is in one, and has the
                     name of the project's folder

  It overwrites nothing: if one of the files exists, it writes none.

EXAMPLES

  k6-realtime init
  k6-realtime init --url wss://chat.example.com --protocol socket.io --yes

EXIT CODE

  0  the project is written
  2  a flag is wrong, or a file exists
  1  a file could not be written, or the input ended
`;

/** `k6-realtime init`: a small project that tests a server. */
export const init = ({ out, cwd, signal, input }: Context): CommandDef =>
  defineCommand({
    meta: { name: "init", description: "Write a small load-test project" },
    args: ARGS as ArgsDef,
    async run({ args }): Promise<number> {
      const questions = questionsFor(await protocolNames(), Object.keys(PROFILES));
      const given = answersGiven(questions, args);
      const open = questions.filter(({ name }) => given[name] === undefined);
      const isAsked = args.yes !== true && input !== undefined;
      const more = isAsked ? await ask(open, { input, out, signal }) : {};
      const defaults = Object.fromEntries(questions.map(({ name, fallback }) => [name, fallback]));
      const answers = { ...defaults, ...given, ...more } as unknown as Answers;

      const places = placesOf(answers.dir, cwd);
      const limits = PROFILES[answers.profile as ProfileName];
      const files = projectFiles(answers, places, await starterOf(answers.protocol), limits);
      await writeNew(files, cwd);
      for (const line of report(Object.keys(files), answers, places)) out.write(`${line}\n`);
      return EXIT.pass;
    },
  });

/** @throws {@link UserError} on a flag whose value is not an answer to its question */
function answersGiven(
  questions: readonly Question[],
  args: Readonly<Record<string, unknown>>,
): Partial<Record<keyof Answers, string>> {
  const given: Partial<Record<keyof Answers, string>> = {};
  for (const { name, refuse } of questions) {
    const value = args[name];
    if (typeof value !== "string") continue;
    const refusal = refuse(value);
    if (refusal !== undefined) throw new UserError(`init: --${name}: ${refusal}`);
    given[name] = value;
  }
  return given;
}

function report(paths: readonly string[], answers: Answers, places: Places): string[] {
  const { attempt, run } = commandsFor(answers, places);
  return [
    ...paths.map((path) => `Wrote ${path}`),
    "",
    "Next:",
    "  npx k6-realtime setup",
    ...(isReference(answers) ? ["  npx k6-realtime server        in another terminal"] : []),
    `  ${attempt}`,
    `  ${run}`,
  ];
}

const EXAMPLES = "examples/protocols";

/** The protocols built in, and those of the examples that are data. */
async function protocolNames(): Promise<string[]> {
  const files = await readdir(packageFile(EXAMPLES));
  const examples = files
    .filter((file) => file.endsWith(".json"))
    .map((file) => file.slice(0, -".json".length));
  return [...new Set([...Object.keys(PROTOCOLS), ...examples])];
}

async function starterOf(name: string): Promise<Starter> {
  const built = Object.entries(PROTOCOLS).find(([one]) => one === name)?.[1];
  if (built) return { descriptor: { ...built }, beside: {} };
  const descriptor = JSON.parse(await readFile(packageFile(`${EXAMPLES}/${name}.json`), "utf8"));
  const schemas = [...new Set(schemasOf(descriptor))];
  const texts = schemas.map(async (file) => [
    file,
    await readFile(packageFile(`${EXAMPLES}/${file}`), "utf8"),
  ]);
  return { descriptor, beside: Object.fromEntries(await Promise.all(texts)) };
}

/** The schema files of a descriptor's codecs, which stand beside it. */
function schemasOf(part: unknown): string[] {
  if (typeof part !== "object" || part === null) return [];
  const { codec } = part as { codec?: { schema?: unknown } };
  const own = typeof codec?.schema === "string" ? [codec.schema] : [];
  return [...own, ...Object.values(part).flatMap(schemasOf)];
}
