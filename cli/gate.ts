import { relative, resolve } from "node:path";
import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import { terminal } from "../lib/summary/terminal.ts";
import { type Context, flagsAndPaths, percentage, wholeNumber } from "./command.ts";
import { type Judged, judgeRun } from "./gate/judge.ts";
import { ASSUMED_SPREAD, UNKNOWN_SPREAD } from "./gate/prediction.ts";
import { type Strictness, TOLERANCE } from "./gate/regression.ts";
import { LAST } from "./influxdb/baselines.ts";
import { pageOf, writeWhole } from "./report/write.ts";
import { printable } from "./try/safe-text.ts";

const ARGS = {
  run: {
    type: "positional",
    required: false,
    valueHint: "RUN…",
    description:
      "A recording (k6 run --out realtime=FILE), or a directory of them: all instances of one run.",
  },
  profile: {
    type: "string",
    valueHint: "PROFILE",
    description:
      "Judge by these limits instead of the script's: chat, dashboard, smoke, trading, token-chat, token-batch, or a file.",
  },
  baseline: {
    type: "string",
    valueHint: "RUN",
    description:
      "An earlier run, or a directory of them, to be no slower than; give it again for more. influxdb:URL takes the " +
      "latest green runs of the scenario from there.",
  },
  branch: {
    type: "string",
    valueHint: "BRANCH",
    description: "From InfluxDB, only runs of this branch (k6 run --tag branch=…).",
  },
  last: {
    type: "string",
    default: String(LAST),
    valueHint: "N",
    description: "From InfluxDB, the latest N green runs.",
  },
  tolerance: {
    type: "string",
    default: String(TOLERANCE * 100),
    valueHint: "PERCENT",
    description: "How much slower than the median of its baselines a run may be.",
  },
  spread: {
    type: "string",
    valueHint: "PERCENT",
    description:
      "How far runs of the same software differ, where you know it (a standard deviation). Default: " +
      `${ASSUMED_SPREAD * 100} until the baselines show more, ${UNKNOWN_SPREAD * 100} with fewer than three.`,
  },
  report: {
    type: "string",
    valueHint: "FILE",
    description: "Write a page of the run, laid over its baselines, too.",
  },
  json: { type: "boolean", description: "One JSON object instead of text." },
} as const satisfies ArgsDef;

/** What `--help` says beyond the flags. */
export const GATE_MANUAL = `WHAT IT DECIDES

  pass (0)    The run went as planned, every limit holds over all its
              instances together, and it is no slower than the median of
              its baselines, apart from run-to-run noise.
  fail (99)   A limit is broken, the run is slower, or fewer steps of its
              load hold.
  neither (3) The generator was the bottleneck, the run is incomplete, or there
              is too little data.

  docs/concepts/gate.md explains the comparison, and how often it is wrong.

EXAMPLES

  k6-realtime gate results/ --profile chat
  k6-realtime run chat-soak --url … --results main/1    (and main/2, main/3)
  k6-realtime run chat-soak --url … --results pr
  k6-realtime gate pr --baseline main --report compared.html
  k6-realtime gate today.jsonl --baseline monday.jsonl --baseline sunday.jsonl
  k6-realtime gate today.jsonl --branch main \\
    --baseline "influxdb:http://127.0.0.1:8086/?org=perf&bucket=k6"
`;

/** `k6-realtime gate`: may this go out? */
export const gate = ({ out, cwd, env }: Pick<Context, "out" | "cwd" | "env">): CommandDef =>
  defineCommand({
    meta: { name: "gate", description: "Decide about a run by its limits and by earlier runs" },
    args: ARGS as ArgsDef,
    async run({ rawArgs }): Promise<number> {
      const { values, paths } = flagsAndPaths("gate", rawArgs, {
        profile: { type: "string" },
        baseline: { type: "string", multiple: true },
        branch: { type: "string" },
        last: { type: "string", default: ARGS.last.default },
        tolerance: { type: "string", default: ARGS.tolerance.default },
        spread: { type: "string" },
        report: { type: "string" },
        json: { type: "boolean" },
      });
      const { profile, baseline: baselines = [], branch } = values;
      const stored = { branch, last: wholeNumber("gate: --last", values.last), env };
      const strictness = strictnessOf("gate: --", values.tolerance, values.spread);
      const isShown = values.report !== undefined;
      const question = { paths, baselines, profile, stored, strictness, isShown, cwd };
      const { views, ...judged } = await judgeRun(question);
      let written = "";
      if (values.report !== undefined) {
        const file = resolve(cwd, values.report);
        await writeWhole(file, await pageOf({ ...judged, views }));
        written = `Report: ${relative(cwd, file)}\n`;
      }
      out.write(
        values.json ? `${JSON.stringify(judged, null, 2)}\n` : printableLines(written + textOf(judged)),
      );
      return judged.exitCode;
    },
  });

/**
 * Reads percentages, as flags and inputs have them.
 *
 * @param prefix How to name them in errors, before `tolerance` and `spread`.
 * @throws {@link UserError} if one is not a percentage
 */
export const strictnessOf = (prefix: string, tolerance: string, spread: string | undefined): Strictness => ({
  tolerance: percentage(`${prefix}tolerance`, tolerance),
  ...(spread !== undefined && { spread: percentage(`${prefix}spread`, spread) }),
});

function textOf({ verdict, reason, summary, instances }: Judged): string {
  const merged = instances > 1 ? `  ${instances} instances, merged\n` : "";
  return `${terminal(summary)}${merged}${verdict}: ${reason}\n`;
}

/** A run may be called anything: on a runner of GitHub a line that begins with :: is a command. */
const printableLines = (text: string): string =>
  text
    .split("\n")
    .map((line) => printable(line).replace(/^(\s*)::/, "$1: :"))
    .join("\n");
