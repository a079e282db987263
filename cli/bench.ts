import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { Writable } from "node:stream";
import { type CommandDef, defineCommand } from "citty";
import { type Compared, compareServers, parseRows, ROUNDS } from "./bench/compare.ts";
import { LEAST_ROUNDS } from "./bench/estimate.ts";
import { comparisonMarkdown, comparisonText } from "./bench/forms.ts";
import { comparisonPage } from "./bench/page.ts";
import { type Before, parseBefore, since } from "./bench/since.ts";
import { type Context, UserError, wholeNumber } from "./command.ts";
import { passOn } from "./pass-on.ts";

/** What `--help` says. */
export const BENCH_MANUAL = `Measure how fast WebSocket servers echo.

  k6-realtime bench               writes a template, echo-bench.json
  k6-realtime bench SPEC.json     a table of latencies, in microseconds
  k6-realtime bench SPEC.json --compare
                                  the servers in turn, ${ROUNDS} rounds, each against
                                  the first: ratios with their intervals

  --format markdown        or json, in place of text
  --header LINE            a line to add to each handshake
  --ca FILE                certificates to trust for wss; --insecure takes any
  --silence 30s            ends a case in which no echo comes for so long
  --instances 4            processes that share each case's connections; they
                           are started here
  --listen HOST:PORT       waits there for the instances in place of starting
                           them; each is a: k6-realtime bench --join HOST:PORT
  --rounds ${ROUNDS}               how often each server is measured
  --results DIR            where --compare writes report.html, report.md and
                           results.json (bench-results)
  --before FILE            the results.json of an earlier --compare: what became
                           of each ratio since

The exit code is 0, 99 where an echo was missing or wrong, or 3 where an
instance was lost.
`;

const WHAT = "benchmark of echoes";
const FORMATS = ["text", "markdown", "json"] as const;

/** `k6-realtime bench`: passes its arguments to `k6 x echo-bench`, and compares what that found. */
export const bench = (around: Context): CommandDef =>
  defineCommand({
    meta: { name: "bench", description: "Measure how fast WebSocket servers echo" },
    run: ({ rawArgs }): Promise<number> => {
      const { "--compare": compares, "--results": results, "--before": before, ...flags } = take(rawArgs);
      if (compares !== undefined) return comparison(flags, results ?? "bench-results", before, around);
      if (results !== undefined) throw new UserError("--results: expected --compare beside it");
      if (before !== undefined) throw new UserError("--before: expected --compare beside it");
      return passOn(["echo-bench", ...rawArgs], WHAT, around);
    },
  });

interface Flags {
  "--compare"?: string;
  "--results"?: string;
  "--before"?: string;
  "--rounds"?: string;
  "--format"?: string;
  rest: string[];
}

const VALUED = ["--results", "--before", "--rounds", "--format"] as const;
const isValued = (name: string): name is (typeof VALUED)[number] => VALUED.some((one) => one === name);

/** Sets the flags aside that a comparison has a use for. */
function take(args: readonly string[]): Flags {
  const flags: Flags = { rest: [] };
  for (let i = 0; i < args.length; i++) {
    const [name, value] = args[i]!.split(/=(.*)/s, 2) as [string, string?];
    if (name === "--compare") flags[name] = "";
    else if (isValued(name)) {
      flags[name] = value ?? args[++i] ?? "";
      if (flags[name] === "") throw new UserError(`${name}: expected a value, got nothing`);
    } else flags.rest.push(args[i]!);
  }
  return flags;
}

async function comparison(
  { "--rounds": given = `${ROUNDS}`, "--format": format = "text", rest }: Flags,
  results: string,
  before: string | undefined,
  around: Context,
): Promise<number> {
  const rounds = wholeNumber("--rounds", given);
  if (rounds < LEAST_ROUNDS)
    throw new UserError(`--rounds: expected ${LEAST_ROUNDS} at least to compare, got ${rounds}`);
  if (!FORMATS.some((one) => one === format))
    throw new UserError(`--format: expected ${FORMATS.join(", ")}, got ${JSON.stringify(format)}`);
  const { out, cwd } = around;
  const earlier = before === undefined ? undefined : await readBefore(resolve(cwd, before));
  const directory = resolve(cwd, results);
  await mkdir(directory, { recursive: true }); // before the first message
  const { exitCode, text } = await collect(rest, rounds, around);
  if (!text.startsWith("[")) {
    out.write(text); // a template was written, or nothing was measured
    return exitCode;
  }
  const now = compareServers(parseRows(text));
  const compared = earlier ? since(earlier, now) : now;
  await writeFile(join(directory, "results.json"), `${JSON.stringify(compared, null, 2)}\n`);
  await writeFile(join(directory, "report.md"), comparisonMarkdown(compared));
  const page = join(directory, "report.html");
  await writeFile(page, await comparisonPage(compared));
  out.write(formOf(compared, format));
  (format === "text" ? out : around.err).write(`report: ${relative(cwd, page)}\n`);
  return exitCode;
}

async function readBefore(path: string): Promise<Before> {
  try {
    return parseBefore(await readFile(path, "utf8"));
  } catch (error) {
    throw new UserError(`--before: expected the results.json of a comparison: ${(error as Error).message}`);
  }
}

function formOf(compared: readonly Compared[], format: string): string {
  if (format === "json") return `${JSON.stringify(compared, null, 2)}\n`;
  return format === "markdown" ? comparisonMarkdown(compared) : comparisonText(compared);
}

/** Runs the rounds; what k6 prints of its work goes on to the terminal. */
async function collect(args: readonly string[], rounds: number, around: Context) {
  const chunks: Buffer[] = [];
  const out = new Writable({
    write(chunk, _, done) {
      chunks.push(chunk);
      done();
    },
  });
  const wanted = ["echo-bench", ...args, "--rounds", `${rounds}`, "--yardstick", "--format", "json"];
  const exitCode = await passOn(wanted, WHAT, { ...around, out });
  return { exitCode, text: Buffer.concat(chunks).toString() };
}
