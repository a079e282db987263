import { stripVTControlCharacters } from "node:util";
import { type ArgsDef, type CommandDef, defineCommand, renderUsage, runCommand } from "citty";
import { fold } from "../lib/summary/fold.ts";
import { BASELINE_MANUAL, baseline } from "./baseline.ts";
import { BENCH_MANUAL, bench } from "./bench.ts";
import { type Context, closest, EXIT, isHidden, refuseUnknown, UserError } from "./command.ts";
import { CONFORM_MANUAL, conform } from "./conform.ts";
import { CONTRACT_DIFF_MANUAL, contractDiff } from "./contract-diff.ts";
import { DEMO_MANUAL, demo } from "./demo.ts";
import { DOCTOR_MANUAL, doctor } from "./doctor.ts";
import { FUZZ_MANUAL, fuzz } from "./fuzz.ts";
import { GATE_MANUAL, gate } from "./gate.ts";
import { IMPORT_MANUAL, importDocument } from "./import.ts";
import { INIT_MANUAL, init } from "./init.ts";
import { LIST_MANUAL, list } from "./list.ts";
import { MASSCONNECT_MANUAL, massconnect } from "./massconnect.ts";
import { PACT_MANUAL, pact } from "./pact.ts";
import { REPORT_MANUAL, report } from "./report.ts";
import { bundledScenarios } from "./run/script.ts";
import { RUN_HINTS, RUN_MANUAL, run } from "./run.ts";
import { SERVER_MANUAL, server } from "./server.ts";
import { SETUP_MANUAL, setup } from "./setup.ts";
import { TRY_MANUAL, tryOut } from "./try.ts";
import { VERSION } from "./version.ts";

/** Each command's `run` returns the exit code. */
const commands = (around: Context): Record<string, CommandDef> => ({
  baseline: baseline(around),
  bench: bench(around),
  conform: conform(around),
  "contract-diff": contractDiff(around),
  demo: demo(around),
  doctor: doctor(around),
  fuzz: fuzz(around),
  gate: gate(around),
  import: importDocument(around),
  init: init(around),
  list: list(around),
  massconnect: massconnect(around),
  pact: pact(around),
  report: report(around),
  run: run(around),
  server: server(around),
  setup: setup(around),
  try: tryOut(around),
});

/** What `--help` without a command says after the commands. */
const MANUAL = `
WHERE TO BEGIN

  k6-realtime setup                             finds or builds k6
  k6-realtime demo                              a whole run, and its report
  k6-realtime server                            a server to try things on
  k6-realtime init                              a small project of your own
  k6-realtime try --url wss://example.com/ws    your server, message by message
  k6-realtime run chat-soak --url wss://example.com/ws
                                                a first load, and its verdict
  k6-realtime list chat-soak                    its settings

  Without --protocol-file, messages are those of the reference server:
  docs/reference/protocols.md says how to describe yours.
`;

/** What a command's `--help` says after its flags. */
const MANUALS: Readonly<Record<string, string>> = {
  baseline: BASELINE_MANUAL,
  "contract-diff": CONTRACT_DIFF_MANUAL,
  demo: DEMO_MANUAL,
  doctor: DOCTOR_MANUAL,
  fuzz: FUZZ_MANUAL,
  gate: GATE_MANUAL,
  import: IMPORT_MANUAL,
  init: INIT_MANUAL,
  list: LIST_MANUAL,
  massconnect: MASSCONNECT_MANUAL,
  report: REPORT_MANUAL,
  run: RUN_MANUAL,
  setup: SETUP_MANUAL,
  try: TRY_MANUAL,
};

/** Commands that read their flags themselves or have a command of k6 read them, with their manuals. */
const PASSED_ON: Readonly<Record<string, string>> = {
  bench: BENCH_MANUAL,
  conform: CONFORM_MANUAL,
  pact: PACT_MANUAL,
  server: SERVER_MANUAL,
};

/** Flags that do not exist, each with the way to do what its name suggests. */
const HINTS: Readonly<Record<string, Readonly<Record<string, string>>>> = { run: RUN_HINTS };

/** Commands that give what follows `--` to another program. */
const PASSES_ON: readonly string[] = ["run"];

/** Runs one command line and returns its exit code. Never throws, never ends the process. */
export async function main(argv: readonly string[], around: Context): Promise<number> {
  try {
    return await dispatch(argv, around);
  } catch (error) {
    around.err.write(`${explain(error)}\n`);
    return error instanceof UserError ? error.exitCode : EXIT.error;
  }
}

async function dispatch(argv: readonly string[], around: Context): Promise<number> {
  const subCommands = commands(around);
  const root = defineCommand({
    meta: {
      name: "k6-realtime",
      version: VERSION,
      description: "Load testing of real-time backends with k6",
    },
    subCommands,
  });
  const usage = async (...of: Parameters<typeof renderUsage>) =>
    around.out.write(`${folded(parted(stripVTControlCharacters(await renderUsage(...of))))}\n`);

  // help run, as well as run --help.
  const [name, ...behind] = argv[0] === "help" ? [...argv.slice(1, 2), "--help"] : argv;
  if (name === "--version" || name === "-v") {
    around.out.write(`${VERSION}\n`);
    return EXIT.pass;
  }
  if (name === undefined || name === "--help" || name === "-h") {
    await usage(root);
    around.out.write(MANUAL);
    return name === undefined ? EXIT.usage : EXIT.pass;
  }
  const command = Object.hasOwn(subCommands, name) ? subCommands[name] : undefined;
  if (!command) {
    throw new UserError(await unknownCommand(name, Object.keys(subCommands)));
  }
  const passed = Object.hasOwn(PASSED_ON, name) ? PASSED_ON[name] : undefined;
  if (passed !== undefined) return await passedOn(command, passed, behind, around);
  const rest =
    PASSES_ON.includes(name) && behind.includes("--") ? behind.slice(0, behind.indexOf("--")) : behind;
  if (rest.includes("--help") || rest.includes("-h")) {
    const args = Object.entries((command.args ?? {}) as ArgsDef).filter(([, arg]) => !isHidden(arg));
    await usage({ ...command, args: Object.fromEntries(args) }, root);
    around.out.write(folded(MANUALS[name] ?? ""));
    return EXIT.pass;
  }
  refuseUnknown(name, rest, (command.args ?? {}) as ArgsDef, HINTS[name]);
  const { result } = await runCommand(command, { rawArgs: behind }).catch((error) => {
    // What citty has to say of a command line, such as a flag that is missing.
    throw error?.name === "CLIError"
      ? new UserError(`${name}: ${error.message}. k6-realtime help ${name} has an example`)
      : error;
  });
  return result as number;
}

async function passedOn(
  command: CommandDef,
  manual: string,
  args: readonly string[],
  { out }: Context,
): Promise<number> {
  if (args[0] === "--help" || args[0] === "-h") {
    out.write(folded(manual));
    return EXIT.pass;
  }
  const { result } = await runCommand(command, { rawArgs: [...args] });
  return result as number;
}

async function unknownCommand(name: string, commands: readonly string[]): Promise<string> {
  if ((await bundledScenarios()).includes(name))
    return `unknown command ${name}: that is a scenario, which k6-realtime run ${name} runs`;
  const kind = name.startsWith("-") ? "flag" : "command";
  const meant = closest(name, commands);
  return `unknown ${kind} ${name}, ${meant === undefined ? `expected one of ${commands.join(", ")}` : `did you mean ${meant}?`}`;
}

/** A list of commands that is one long word becomes several. */
const parted = (help: string): string => help.replace(/\S{70,}/g, (list) => list.replaceAll("|", " | "));

/** Help fits 80 columns: what does not goes on below its own column. */
function folded(help: string): string {
  const indentOf = (line: string) => " ".repeat(/^ *(\S.*? {2,}(?=\S))?/.exec(line)![0].length);
  return help
    .split("\n")
    .flatMap((line) => fold(line, indentOf(line), 80))
    .join("\n");
}

/** A user's mistake and what the operating system refused are told in one line; a defect needs its stack. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error instanceof UserError || "syscall" in error ? error.message : (error.stack ?? error.message);
}
