import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import { markdown } from "../lib/summary/markdown.ts";
import { flagsAndPaths, type Surroundings, UserError } from "./command.ts";
import { packageFile } from "./package-file.ts";
import { chartsOf } from "./report/charts.ts";
import { type Assets, reportOf } from "./report/document.ts";
import { openViews } from "./report/open.ts";
import type { RunView } from "./report/view.ts";
import { printable } from "./try/safe-text.ts";

const ARGS = {
  run: {
    type: "positional",
    required: false,
    valueHint: "RUN…",
    description:
      "A recording (k6 run --out realtime=FILE), a directory of them, or a <scenario>.summary.json.",
  },
  output: { type: "string", valueHint: "FILE", default: "report.html", description: "The page to write." },
  markdown: { type: "string", valueHint: "FILE", description: "Write the figures as Markdown too." },
  json: { type: "boolean", description: "Say what was written as one JSON object." },
} as const satisfies ArgsDef;

/** What `--help` says beyond the flags. */
export const REPORT_MANUAL = `WHAT IT SHOWS

  One page that opens without a network: verdict, limits and how far each is,
  latency over time, connections, drops by code, distributions, latency by the
  steps of a load that grew, what the generator itself added, events such as
  freezes, and what it ran on. Recordings of instances that shared one load are
  merged; several runs are drawn over each other. Of a summary alone there is no
  time to show: percentiles, limits and counts.

EXAMPLES

  k6-realtime report results/
  k6-realtime report before.jsonl after.jsonl --output compared.html
`;

/** `k6-realtime report`: one page of one run or several. */
export const report = ({ out, cwd }: Pick<Surroundings, "out" | "cwd">): CommandDef =>
  defineCommand({
    meta: { name: "report", description: "Make a page that shows runs and opens anywhere" },
    args: ARGS as ArgsDef,
    async run({ rawArgs }): Promise<number> {
      const { values, paths } = flagsAndPaths("report", rawArgs, {
        output: { type: "string", default: ARGS.output.default },
        markdown: { type: "string" },
        json: { type: "boolean" },
      });
      const views = await openViews(paths, cwd);
      const files = [resolve(cwd, values.output)];
      await writeWhole(files[0]!, await reportPage(views));
      if (values.markdown !== undefined) {
        files.push(resolve(cwd, values.markdown));
        await writeWhole(files[1]!, reportMarkdown(views));
      }
      const runs = views.map(({ label, summary: { verdict, reason } }) => ({ label, verdict, reason }));
      out.write(
        values.json
          ? `${JSON.stringify({ files, runs }, null, 2)}\n`
          : [
              ...runs.map(({ label, verdict, reason }) => printable(`${label}: ${verdict}, ${reason}`)),
              `Report: ${files.map((file) => relative(cwd, file)).join(", ")}`,
              "",
            ].join("\n"),
      );
      return 0;
    },
  });

/** The whole page. */
export const reportPage = async (views: readonly RunView[]): Promise<string> =>
  reportOf(views, chartsOf(views), await pageAssets());

/** The page's script and style, which are built with the command line. */
export async function pageAssets(): Promise<Assets> {
  const [script, style] = await Promise.all(
    ["dist/report-page.js", "dist/report-page.css"].map((file) => readFile(packageFile(file), "utf8")),
  );
  return { script: script!, style: style! };
}

/** The figures of every run, for a pull request. */
const reportMarkdown = (views: readonly RunView[]): string =>
  views.map(({ summary }) => markdown(summary)).join("\n");

/** A reader sees the old file or the new one, never a part. */
async function writeWhole(path: string, content: string): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  try {
    await writeFile(partial, content);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw new UserError(`cannot write ${path}: ${(error as Error).message}`);
  }
}
