import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { type CommandDef, defineCommand } from "citty";
import { type Context, UserError } from "./command.ts";
import { conformJunit } from "./conform/junit.ts";
import { conformMarkdown } from "./conform/markdown.ts";
import { conformPage } from "./conform/page.ts";
import { type ConformResults, parseConformResults } from "./conform/results.ts";
import { passOn } from "./pass-on.ts";

/** What `--help` says. */
export const CONFORM_MANUAL = `Test WebSocket implementations against RFC 6455 and RFC 7692, and implementations of
server-sent events against the HTML standard.

  k6-realtime conform server --url ws://127.0.0.1:9001  a server that echoes
  k6-realtime conform client --listen 127.0.0.1:9001    the clients that connect
  k6-realtime conform testee --listen 127.0.0.1:9001    play our own server
  k6-realtime conform testee --url ws://127.0.0.1:9001  play our own client
  k6-realtime conform sse-server --url http://…/events  a server of event streams
  k6-realtime conform sse-client --url http://…:8000    a client, by a service that
                                                        opens streams when told to
  k6-realtime conform cases                             list the cases; --of
                                                        sse-server, --of sse-client

Each has its own --help. Flags that servers and clients share:

  --cases '1.*,7.1.5'      which cases; --exclude leaves some out
  --results DIR            where the results go (conform-results)
  --baseline FILE          known failures; --write-baseline FILE writes them
  --timeout 10s            ends a case in which the testee does nothing
  --spec FILE              WebSocket: a file with servers, cases, exclude-cases, …
  --mode quick             WebSocket: without the cases that move a megabyte and more

They write into the results directory: report.html, report.md,
junit.xml, results.json, index.json and a JSON file for each case. The exit code
is 0, or 99 where a case failed that the baseline does not know.
`;

const ROLES = ["server", "client", "sse-server", "sse-client"];

/** `k6-realtime conform`: passes its arguments to `k6 x conform`, and renders what that found. */
export const conform = ({ out, err, cwd, env, signal }: Context): CommandDef =>
  defineCommand({
    meta: { name: "conform", description: "Test WebSocket servers and clients against the RFCs" },
    async run({ rawArgs }): Promise<number> {
      const [role, ...rest] = rawArgs;
      if (role === undefined)
        throw new UserError(
          `conform: expected server, client, sse-server, sse-client, testee or cases\n\n${CONFORM_MANUAL}`,
        );
      const rendered = ROLES.includes(role) && !rest.some((arg) => arg === "--help" || arg === "-h");
      const results = rendered ? resolve(cwd, await resultsDirectory(rest, cwd)) : undefined;
      const args = results === undefined ? rawArgs : [role, ...rest, "--results", results];
      // What an earlier run left is not this run's result.
      if (results !== undefined) await rm(join(results, "results.json"), { force: true });
      const exitCode = await passOn(["conform", ...args], "conformance tests", {
        out,
        err,
        cwd,
        env,
        signal,
      });
      if (results !== undefined) await render(results, { out: rest.includes("--json") ? err : out, cwd });
      return exitCode;
    },
  });

/** The directory of the results: `--results`, else the spec file's `outdir`, else a directory of their own. */
async function resultsDirectory(args: readonly string[], cwd: string): Promise<string> {
  const given = flagValue(args, "--results");
  if (given !== undefined) return given;
  const spec = flagValue(args, "--spec");
  if (spec !== undefined) {
    try {
      const { outdir } = JSON.parse(await readFile(resolve(cwd, spec), "utf8"));
      if (typeof outdir === "string" && outdir !== "") return outdir;
    } catch {
      // k6 reports the problem.
    }
  }
  return "conform-results";
}

function flagValue(args: readonly string[], flag: string): string | undefined {
  const at = args.findLastIndex((arg) => arg === flag || arg.startsWith(`${flag}=`));
  if (at < 0) return undefined;
  return args[at] === flag ? args[at + 1] : args[at]!.slice(flag.length + 1);
}

/** Writes the report's forms beside the results, where there are any. */
async function render(directory: string, { out, cwd }: Pick<Context, "out" | "cwd">): Promise<void> {
  let results: ConformResults;
  const source = join(directory, "results.json");
  try {
    results = parseConformResults(await readFile(source, "utf8"), source);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return; // k6 has said why
    throw error;
  }
  await mkdir(directory, { recursive: true });
  const page = join(directory, "report.html");
  await writeFile(page, await conformPage(results));
  await writeFile(join(directory, "report.md"), conformMarkdown(results));
  await writeFile(join(directory, "junit.xml"), conformJunit(results));
  out.write(`report: ${relative(cwd, page)}\n`);
}
