import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import type { Profile } from "../lib/profile.ts";
import { SettingsError } from "../lib/settings.ts";
import type { Summary } from "../lib/summary/summary.ts";
import { terminal } from "../lib/summary/terminal.ts";
import { flagsAndPaths, percentage, type Surroundings, UserError, wholeNumber } from "./command.ts";
import { openBaselines } from "./gate/baselines.ts";
import { compareCapacity } from "./gate/capacity.ts";
import { type Compared, comparisonsOf, decide, notesOnComparison } from "./gate/decide.ts";
import { measure } from "./gate/measure.ts";
import { ASSUMED_SPREAD, UNKNOWN_SPREAD } from "./gate/prediction.ts";
import { readProfile } from "./gate/profile.ts";
import { compare, type Strictness, TOLERANCE } from "./gate/regression.ts";
import { LAST, type Stored, withBaselines } from "./influxdb/baselines.ts";
import { figuresOf, parseSelector, select } from "./recording/figures.ts";
import { findRecordings, groupRecordings, openRun } from "./recording/open.ts";
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
  json: { type: "boolean", description: "One JSON object instead of text." },
} as const satisfies ArgsDef;

/** What `--help` says beyond the flags. */
export const GATE_MANUAL = `WHAT IT DECIDES

  pass (0)    The run did what was planned, every limit holds over all its
              instances together, and it is no slower than the median of
              its baselines beyond what chance explains.
  fail (99)   A limit is broken, the run is slower, or fewer steps of its
              load hold.
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
        tolerance: { type: "string", default: ARGS.tolerance.default },
        spread: { type: "string" },
        json: { type: "boolean" },
      });
      const { profile, baseline: baselines = [], branch } = values;
      const stored = { branch, last: wholeNumber("gate: --last", values.last), env };
      const strictness = strictnessOf("gate: --", values.tolerance, values.spread);
      const judged = await judgeRun({ paths, baselines, profile, stored, strictness, cwd });
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
  /** How strict the comparison is. Default: {@link TOLERANCE}, and what is assumed of any. */
  readonly strictness?: Strictness | undefined;
  /** Name or path. Default: the limits that the recordings hold. */
  readonly profile?: string | undefined;
  readonly cwd: string;
}

/**
 * Reads percentages, as flags and inputs have them.
 *
 * @param prefix How to name them in errors, before `tolerance` and `spread`.
 * @throws {@link UserError} where one is none
 */
export const strictnessOf = (prefix: string, tolerance: string, spread: string | undefined): Strictness => ({
  tolerance: percentage(`${prefix}tolerance`, tolerance),
  ...(spread !== undefined && { spread: percentage(`${prefix}spread`, spread) }),
});

export type Judged = Awaited<ReturnType<typeof judgeRun>>;

/**
 * Judges a run.
 *
 * @throws {@link UserError} where a file, the profile or the choice of runs is wrong
 */
export async function judgeRun({ paths, baselines, stored, strictness, profile: given, cwd }: Question) {
  const profile = given === undefined ? undefined : await readProfile(given, cwd);
  const group = onlyOne(await groupRecordings(await findRecordings(paths, cwd)));
  return withBaselines(
    baselines,
    group.map(({ header }) => header),
    stored,
    async (earlier, skipped) => {
      const run = await openRun(group);
      const summary = summarize(run, profile);
      const files = baselines.length > 0 ? await findRecordings(earlier, cwd) : undefined;
      const compared =
        files && (await comparedWith({ files, skipped, group, cwd }, run, summary, strictness));
      const basis = compared && notesOnComparison(compared);
      const decision = decide(summary, (series) => countIn(run, series), compared);
      const { verdict, reason } = decision;
      const standing: Summary = {
        ...summary,
        verdict,
        reason,
        ...(basis && {
          notes: [...(summary.notes ?? []), ...basis],
          comparisons: comparisonsOf(compared),
        }),
      };
      return {
        ...decision,
        instances: run.instances.length,
        summary: standing,
        ...(basis && { regression: compared.regression, basis }),
      };
    },
  );
}

interface Earlier {
  readonly files: readonly string[];
  /** What was found and is no baseline, in words. */
  readonly skipped: readonly string[];
  /** The recordings of the run that is judged. */
  readonly group: readonly Source[];
  readonly cwd: string;
}

async function comparedWith(
  { files, skipped, group, cwd }: Earlier,
  run: Run,
  { steps }: Summary,
  strictness: Strictness | undefined,
): Promise<Compared> {
  const { baselines, leftOut } = await openBaselines(files, group, cwd);
  const measured = measure(run);
  return {
    baselines: baselines.length,
    regression: compare(
      measured,
      baselines.map((one) => one.measured),
      strictness,
    ),
    capacity: compareCapacity(
      steps,
      baselines.map((one) => ({ label: one.measured.label, steps: one.steps })),
    ),
    leftOut: [...skipped, ...leftOut],
    warmUps: measured.warmUps,
  };
}

function summarize(run: Run, profile: Profile | undefined): Summary {
  try {
    return summarizeRun(run, profile);
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
