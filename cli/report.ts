import { relative, resolve } from "node:path";
import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import { markdown } from "../lib/summary/markdown.ts";
import { type Context, flagsAndPaths } from "./command.ts";
import { judgeRun } from "./gate/judge.ts";
import { openViews } from "./report/open.ts";
import type { RunView } from "./report/view.ts";
import { pageOf, reportPage, writeWhole } from "./report/write.ts";
import { printable } from "./try/safe-text.ts";

const ARGS = {
  run: {
    type: "positional",
    required: false,
    valueHint: "RUN…",
    description:
      "A recording (k6 run --out realtime=FILE), a directory of them, or a <scenario>.summary.json.",
  },
  baseline: {
    type: "string",
    valueHint: "RUN",
    description:
      "Compare the run with this earlier one, or a directory of them, as the gate does; give it again for more.",
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

  With --baseline, the page compares: each percentile of the run beside the
  median of its baselines, with the interval that chance explains (docs/concepts/gate.md),
  and the runs over each other from where their load began. The exit code is 0
  whatever the comparison says; the gate decides, and writes the same page
  (gate --report).

EXAMPLES

  k6-realtime report results/
  k6-realtime report tonight.jsonl --baseline monday.jsonl --baseline tuesday.jsonl
`;

/** `k6-realtime report`: one page of one run or several. */
export const report = ({ out, cwd, env }: Pick<Context, "out" | "cwd" | "env">): CommandDef =>
  defineCommand({
    meta: { name: "report", description: "Make a page that shows runs and opens anywhere" },
    args: ARGS as ArgsDef,
    async run({ rawArgs }): Promise<number> {
      const { values, paths } = flagsAndPaths("report", rawArgs, {
        baseline: { type: "string", multiple: true },
        output: { type: "string", default: ARGS.output.default },
        markdown: { type: "string" },
        json: { type: "boolean" },
      });
      const { baseline: baselines = [] } = values;
      const judged =
        baselines.length > 0
          ? await judgeRun({ paths, baselines, stored: { env }, isShown: true, cwd })
          : undefined;
      const views = judged ? judged.views : await openViews(paths, cwd);
      const files = [resolve(cwd, values.output)];
      await writeWhole(files[0]!, judged ? await pageOf(judged) : await reportPage(views));
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

/** The figures of every run, for a pull request. */
const reportMarkdown = (views: readonly RunView[]): string =>
  views.map(({ summary }) => markdown(summary)).join("\n");
