import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import type { Profile } from "../lib/profile.ts";
import { SettingsError } from "../lib/settings.ts";
import { terminal } from "../lib/summary/terminal.ts";
import { number } from "../lib/summary/verdict.ts";
import { flagsAndPaths, type Surroundings, UserError, wholeNumber } from "./command.ts";
import { decide, latencyOf, signed } from "./gate/decide.ts";
import { readProfile } from "./gate/profile.ts";
import { type Comparison, compare } from "./gate/regression.ts";
import { LAST, type Stored, withBaselines } from "./influxdb/baselines.ts";
import { figuresOf, parseSelector, select } from "./recording/figures.ts";
import { findRecordings, groupRecordings, openRuns } from "./recording/open.ts";
import type { Run, Source } from "./recording/run.ts";
import { summarizeRun } from "./recording/summarize.ts";
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
    description: "Judge by these limits instead of the script's: chat, dashboard, smoke, trading, or a file.",
  },
  baseline: {
    type: "string",
    valueHint: "RUN",
    description:
      "An earlier run, to be no slower than; give it again for more of them. influxdb:URL takes the latest green " +
      "runs of the scenario from there.",
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
  json: { type: "boolean", description: "One JSON object instead of text." },
} as const satisfies ArgsDef;

/** What `--help` says beyond the flags. */
export const GATE_MANUAL = `WHAT IT DECIDES

  pass (0)    The run did what was planned, every limit holds over all its
              instances together, and it is no slower than every baseline
              beyond what chance explains.
  fail (99)   A limit is broken, or the run is slower.
  neither (3) The generator was the bottleneck, the run is incomplete, or there
              is too little data.

  docs/gate.md says how runs are compared, and how often that is wrong.

EXAMPLES

  k6-realtime gate results/ --profile chat
  k6-realtime gate today.jsonl --baseline monday.jsonl --baseline sunday.jsonl
  k6-realtime gate today.jsonl --branch main \\
    --baseline "influxdb:http://127.0.0.1:8086/?org=perf&bucket=k6"
`;

/** `k6-realtime gate`: may this go out? */
export const gate = ({ out, cwd, env }: Pick<Surroundings, "out" | "cwd" | "env">): CommandDef =>
  defineCommand({
    meta: { name: "gate", description: "Decide about a run by its limits and by earlier runs" },
    args: ARGS as ArgsDef,
    async run({ rawArgs }): Promise<number> {
      const { values, paths } = flagsAndPaths("gate", rawArgs, {
        profile: { type: "string" },
        baseline: { type: "string", multiple: true },
        branch: { type: "string" },
        last: { type: "string", default: ARGS.last.default },
        json: { type: "boolean" },
      });
      const { profile, baseline: baselines = [], branch } = values;
      const stored = { branch, last: wholeNumber("gate: --last", values.last), env };
      const judged = await judgeRun({ paths, baselines, profile, stored, cwd });
      out.write(values.json ? `${JSON.stringify(judged, null, 2)}\n` : printableLines(textOf(judged)));
      return judged.exitCode;
    },
  });

/** What to judge, and by what. */
export interface Question {
  /** Recordings, or directories of them, of one run. */
  readonly paths: readonly string[];
  /** The same of earlier runs, or `influxdb:` and an address. */
  readonly baselines: readonly string[];
  /** Which runs of those addresses. */
  readonly stored: Stored;
  /** Name or path. Default: the limits that the recordings hold. */
  readonly profile?: string | undefined;
  readonly cwd: string;
}

export type Judged = Awaited<ReturnType<typeof judgeRun>>;

/**
 * Judges a run.
 *
 * @throws {@link UserError} where a file, the profile or the choice of runs is wrong
 */
export async function judgeRun({ paths, baselines, stored, profile: given, cwd }: Question) {
  const profile = given === undefined ? undefined : await readProfile(given, cwd);
  const group = onlyOne(await groupRecordings(await findRecordings(paths, cwd)));
  return withBaselines(baselines, group[0]!.header, stored, async (earlierPaths) => {
    const earlier =
      earlierPaths.length > 0 ? await groupRecordings(await findRecordings(earlierPaths, cwd)) : [];
    return judge(group, earlier, profile);
  });
}

async function judge(group: Source[], earlier: Source[][], profile: Profile | undefined) {
  for (const { path, header } of earlier.flat()) {
    if (group.some((one) => one.header.id === header.id))
      throw new UserError(`${path} is the run itself, not a baseline`);
    if (header.scenario !== group[0]!.header.scenario) {
      throw new UserError(
        `${path}: expected an earlier run of ${group[0]!.header.scenario}, got one of ${header.scenario}`,
      );
    }
  }
  const [run, ...baselines] = (await openRuns([group, ...earlier])) as [Run, ...Run[]];
  try {
    const summary = summarizeRun(run, profile);
    const regression = baselines.length > 0 ? compare(run, baselines) : undefined;
    const compared = regression && {
      baselines: baselines.map((baseline) => summarizeRun(baseline)),
      regression,
    };
    const decision = decide(summary, (series) => countIn(run, series), compared);
    return { ...decision, instances: run.instances.length, summary, ...(regression && { regression }) };
  } catch (error) {
    if (error instanceof SettingsError) throw new UserError(error.message.replace(/^PROFILE/, "--profile"));
    throw error;
  }
}

function onlyOne<T extends { readonly path: string }>(groups: readonly T[][]): T[] {
  const [only, ...more] = groups;
  if (only && more.length === 0) return only;
  const names = groups.map((group) => group[0]!.path).join(", ");
  throw new UserError(
    `expected the recordings of one run, got ${groups.length} runs (${names}): gate them one at a time, ` +
      "or give the instances of one run the same --tag testid=…",
  );
}

function countIn(run: Run, series: string): number {
  const figures = figuresOf(select(run, parseSelector(series)));
  return figures && "count" in figures ? figures.count : 0;
}

function textOf({ verdict, reason, summary, instances, regression }: Judged): string {
  const merged = instances > 1 ? `  ${instances} instances, merged\n` : "";
  const lines = (regression?.comparisons ?? []).map(comparisonLine);
  const compared = lines.length > 0 ? `${lines.join("\n")}\n\n` : "";
  return `${terminal(summary)}${merged}${compared}${verdict}: ${reason}\n`;
}

const comparisonLine = (one: Comparison): string =>
  `  ${latencyOf(one)}: ${number(one.now)}, was ${number(one.before)} in ${one.baseline} ` +
  `(${signed(one.ratio)}, interval ${signed(one.low)} to ${signed(one.high)})`;

const printableLines = (text: string): string => text.split("\n").map(printable).join("\n");
