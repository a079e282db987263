import type { MetricName } from "../metrics.ts";
import { evidenceOf, judgeStep, nextSize, type StepEvidence } from "../steps.ts";
import { percentilesOf } from "../summary/exact.ts";
import { type Thresholds, trendStats } from "../summary/summarize.ts";
import type { StepSummary } from "../summary/summary.ts";
import type { Engine, Shard, StepsPlan } from "./plan.ts";

/** One load of several, which records under its size. */
export interface Step {
  readonly size: number;
  drive(shard: Shard): Promise<unknown>;
}

/** Drives one load after the other, by what the figures of those before let expect. */
export async function climb(
  shard: Shard,
  { each, sizes }: Pick<StepsPlan, "each" | "sizes">,
  engine: Engine,
  names: readonly MetricName[],
  limits: Thresholds,
): Promise<void> {
  const tried: { size: number; verdict: StepSummary["verdict"] }[] = [];
  for (let size = nextSize(sizes, tried); size !== undefined; size = nextSize(sizes, tried)) {
    const { drive } = each.find((step) => step.size === size)!;
    const failure = await drive(shard).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    const evidence = figuresOfSteps(engine, names, limits).at(-1)!;
    // A step that ended early for another reason than its limits is no answer where there is none before it.
    const isAnswer = tried.length > 0 || evidence.thresholds.some(({ ok }) => !ok);
    if (failure && (evidence.interrupted || !isAnswer)) throw failure.error;
    const { verdict, reason } = judgeStep(evidence);
    console.log(`step ${size}: ${verdict}, ${reason}`);
    tried.push({ size, verdict });
  }
}

/** The steps so far, as they are judged in the run and summed up after it. */
export const figuresOfSteps = (
  engine: Engine,
  names: readonly MetricName[],
  limits: Thresholds,
): StepEvidence[] =>
  engine.steps(percentilesOf(trendStats(limits))).map((figures) => evidenceOf(figures, names, limits));
