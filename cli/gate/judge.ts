/** Judges a run by its limits and by earlier runs. */
import type { Profile } from "../../lib/profile.ts";
import { SettingsError } from "../../lib/settings.ts";
import type { Summary } from "../../lib/summary/summary.ts";
import type { Tested } from "../../lib/summary/tested.ts";
import { differences, termsOf } from "../../lib/summary/tested-otherwise.ts";
import { UserError } from "../command.ts";
import { type Stored, withBaselines } from "../influxdb/baselines.ts";
import { figuresOf, parseSelector, select } from "../recording/figures.ts";
import { commonCellSeconds, findRecordings, groupRecordings, openRun } from "../recording/open.ts";
import type { Run, Source } from "../recording/run.ts";
import { summarizeRun } from "../recording/summarize.ts";
import { type RunView, viewOf } from "../report/view.ts";
import { type Baseline, nameOfRun, openBaselines } from "./baselines.ts";
import { compareCapacity } from "./capacity.ts";
import { type Compared, comparisonsOf, decide, notesOnComparison } from "./decide.ts";
import { measure } from "./measure.ts";
import { readProfile } from "./profile.ts";
import { compare, type Strictness, TOLERANCE } from "./regression.ts";

/** What to judge, and by what. */
export interface Question {
  /** Recordings, or directories of them, of one run. */
  readonly paths: readonly string[];
  /** The same of earlier runs, or `influxdb:` and an address. */
  readonly baselines: readonly string[];
  /** Which runs of those addresses. */
  readonly stored: Stored;
  /** How strict the comparison is. Default: {@link TOLERANCE}, and the spread that is assumed for any server. */
  readonly strictness?: Strictness | undefined;
  /** Name or path. Default: the limits that the recordings hold. */
  readonly profile?: string | undefined;
  /** Whether to keep what a page of it shows. Default: no. */
  readonly isShown?: boolean;
  readonly cwd: string;
}

/** A run that was judged, and what a page of it shows. */
export type Shown = Awaited<ReturnType<typeof judgeRun>>;
export type Judged = Omit<Shown, "views">;

/**
 * Judges a run.
 *
 * @throws {@link UserError} where a file, the profile or the choice of runs is wrong
 */
export async function judgeRun(question: Question) {
  const { paths, baselines, stored, strictness, profile: given, isShown = false, cwd } = question;
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
        /** The run, then its baselines; none where they are not asked for. */
        views: isShown ? await viewsOf(group, standing, compared?.earlier ?? []) : [],
      };
    },
  );
}

interface Earlier {
  readonly files: readonly string[];
  /** Runs that were found but are not baselines, in words. */
  readonly skipped: readonly string[];
  /** The recordings of the run that is judged. */
  readonly group: readonly Source[];
  readonly cwd: string;
}

async function comparedWith(
  { files, skipped, group, cwd }: Earlier,
  run: Run,
  { steps, tested }: Summary,
  strictness: Strictness | undefined,
): Promise<Compared & { earlier: readonly Baseline[] }> {
  const { baselines, leftOut } = await openBaselines(files, group, cwd);
  const measured = measure(run);
  return {
    earlier: baselines,
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
    otherwise: testedOtherwise(tested, baselines),
  };
}

/** Another load is another experiment: in what each baseline differs. Baselines that differ alike are said together. */
function testedOtherwise(tested: Tested | undefined, baselines: readonly Baseline[]): string[] {
  if (!tested) return [];
  const alike = new Map<string, string[]>();
  for (const one of baselines) {
    const what = one.tested ? differences(termsOf(tested), termsOf(one.tested)).join(", ") : "";
    if (what !== "") alike.set(what, [...(alike.get(what) ?? []), one.measured.label]);
  }
  return [...alike].map(([what, labels]) => `not the same test as ${labels.join(", ")}: ${what}`);
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

/** The run and its baselines as a page shows them: with stretches of time of the same length. */
async function viewsOf(group: readonly Source[], summary: Summary, earlier: readonly Baseline[]) {
  const groups = [group, ...earlier.map((one) => one.group)];
  const cellSeconds = await commonCellSeconds(groups);
  const labels = earlier.map(({ measured }) => measured.label);
  const own = nameOfRun(group);
  const views: RunView[] = [];
  for (const [i, one] of groups.entries()) {
    const view = viewOf(await openRun(one, cellSeconds));
    // As the comparison calls it.
    const label = i > 0 ? labels[i - 1]! : labels.includes(own) ? `${own} (this run)` : own;
    views.push({ ...view, label, ...(i === 0 && { summary }) });
  }
  return views;
}
