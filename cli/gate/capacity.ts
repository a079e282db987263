/** Whether fewer steps of a load that grew hold than before. Pure. */
import type { StepsSummary } from "../../lib/summary/summary.ts";
import { grouped } from "../../lib/summary/verdict.ts";

/** What a run and its baselines hold. */
export interface CapacityComparison {
  readonly of: string;
  /** The median of the baselines that have steps. */
  readonly before: number;
  readonly now: number;
  readonly baselines: readonly { readonly label: string; readonly holds: number }[];
  /** Whether a step failed that at least half of the baselines held. */
  readonly isFall: boolean;
  /** In words. */
  readonly reason: string;
}

/**
 * Compares the largest steps that held. A run that was not asked for larger ones has not fallen; nor has one in which
 * it was the generator that gave up.
 *
 * @returns undefined where neither side has steps; a text where something keeps them from being compared
 */
export function compareCapacity(
  now: StepsSummary | undefined,
  baselines: readonly { readonly label: string; readonly steps: StepsSummary | undefined }[],
): CapacityComparison | string | undefined {
  const before = baselines.flatMap(({ label, steps }) => (steps ? [{ label, holds: steps.holds ?? 0 }] : []));
  if (!now || before.length === 0) {
    return !now && before.length === 0
      ? undefined
      : `capacity: ${now ? "no baseline" : "this run"} has steps`;
  }
  const usual = lowerMedian(before.map(({ holds }) => holds));
  const holds = now.holds ?? 0;
  const failed = now.curve.find(({ verdict }) => verdict !== "pass");
  const isBelow = failed !== undefined && failed.size <= usual;
  if (isBelow && failed.verdict !== "fail") {
    return `capacity: at ${grouped(failed.size)} ${now.of} this run is ${failed.verdict}: ${failed.reason}`;
  }
  const comparison = { of: now.of, before: usual, now: holds, baselines: before, isFall: isBelow };
  const than = before.length === 1 ? "the baseline" : `the median of ${before.length} baselines`;
  const reason = isBelow
    ? `capacity fell to ${grouped(holds)} ${now.of}, ${than} held ${grouped(usual)}: at ${grouped(failed.size)}: ${failed.reason}${named(comparison)}`
    : `${grouped(holds)} ${now.of} held; ${than} held ${grouped(usual)}`;
  return { ...comparison, reason };
}

/** Of an even number the smaller one in the middle: a capacity is a step that was tried. */
const lowerMedian = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length / 2) - 1]!;
};

function named({ baselines, now }: Pick<CapacityComparison, "baselines" | "now">): string {
  const more = baselines.filter(({ holds }) => holds > now).map(({ label }) => label);
  return baselines.length > 1 ? `; fewer than ${more.length} of ${baselines.length}: ${more.join(", ")}` : "";
}
