import type { MetricName } from "../metrics.ts";
import { evidenceOf, judgeStep, type StepEvidence } from "../steps.ts";
import { percentilesOf } from "../summary/exact.ts";
import { type Thresholds, trendStats } from "../summary/summarize.ts";
import type { Engine } from "./scenario.ts";

/** One load of several, which records under its size. */
export interface Step {
  readonly size: number;
  drive(): Promise<unknown>;
}

/** Drives one load after the other, up to the first that its own figures do not let pass. */
export async function climb(
  steps: readonly Step[],
  engine: Engine,
  names: readonly MetricName[],
  limits: Thresholds,
): Promise<void> {
  for (const { size, drive } of steps) {
    const failure = await drive().then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    const evidence = figuresOfSteps(engine, names, limits).at(-1)!;
    // A step that ended early for another reason than its limits is no answer where there is none before it.
    const isAnswer = size !== steps[0]!.size || evidence.thresholds.some(({ ok }) => !ok);
    if (failure && (evidence.interrupted || !isAnswer)) throw failure.error;
    const { verdict, reason } = judgeStep(evidence);
    console.log(`step ${size}: ${verdict}, ${reason}`);
    if (verdict !== "pass") return;
  }
}

/** The steps so far, as they are judged in the run and summed up after it. */
export const figuresOfSteps = (
  engine: Engine,
  names: readonly MetricName[],
  limits: Thresholds,
): StepEvidence[] =>
  engine.steps(percentilesOf(trendStats(limits))).map((figures) => evidenceOf(figures, names, limits));
