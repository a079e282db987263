/** What became of the connections that were put to a test, and what of it the user's specification allows. Pure. */
import type { Outcome } from "./reasons.ts";
import { SettingsError } from "./settings.ts";
import { countOf } from "./summary/counts.ts";
import type { Thresholds } from "./summary/summarize.ts";
import type { Summary } from "./summary/summary.ts";

/**
 * The outcomes that `EXPECT` allows.
 *
 * @param possible the scenario's outcomes, the one that it expects by default first
 * @throws {@link SettingsError} on one that this scenario does not know
 */
export function allowedOutcomes(expect: string, possible: readonly Outcome[]): readonly Outcome[] {
  if (expect === "") return possible.slice(0, 1);
  return expect.split(",").map((name) => {
    const outcome = possible.find((known) => known === name);
    if (outcome) return outcome;
    throw new SettingsError(`EXPECT: expected some of ${possible.join(", ")}, got ${JSON.stringify(name)}`);
  });
}

/** Every connection has an outcome, and none that is possible and not allowed. */
export function outcomeLimits(
  allowed: readonly Outcome[],
  possible: readonly Outcome[],
  connections: number,
): Thresholds {
  const limits: { [series: string]: string[] } = { ws_outcomes: [`count==${connections}`] };
  for (const outcome of possible) {
    if (!allowed.includes(outcome)) limits[`ws_outcomes{outcome:${outcome}}`] = ["count==0"];
  }
  return limits;
}

/** What the outcomes mean, in sentences. */
export function outcomeNotes(
  metrics: Summary["metrics"],
  meanings: Readonly<Partial<Record<Outcome, string>>>,
): string[] {
  const counts = Object.entries(metrics.ws_outcomes?.by?.outcome ?? {});
  return counts.map(([outcome, figures]) => {
    return `${outcome} (${countOf(figures)}): ${meanings[outcome as Outcome]}`;
  });
}
