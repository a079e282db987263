/** A sequence that shows something wrong is made as small as it can be. */
import fc from "fast-check";
import { KIND_TITLES } from "../../lib/fuzz/finding.ts";
import type { Sequence } from "../../lib/fuzz/sequence.ts";
import { SequenceArbitrary } from "../../lib/fuzz/sequence-arbitrary.ts";
import type { Running } from "./run.ts";
import type { Shown, Trials } from "./trials.ts";

/** A symptom, and the messages sent before it. */
export interface Suspicion extends Shown {
  readonly sequence: Sequence;
  /** The round that showed it: its seed, and fast-check's path in it. */
  readonly round: { readonly seed: number; readonly path: string };
  readonly run: number;
}

/** Runs that one finding may take to become small. */
const MOST_SHRINKS = 250;
const MOST_SHRINK_MS = 20_000;

/** The smallest sequence that shows the same, as far as fast-check comes within bounds. */
export async function smallestOf(
  suspicion: Suspicion,
  chance: fc.Arbitrary<Sequence>,
  trials: Trials,
  progress: (doing: string) => void,
): Promise<Suspicion> {
  let smallest = suspicion;
  let tried = 0;
  const since = performance.now();
  const usual = isLate(suspicion, trials.running) ? trials.patient : trials.running;
  const property = fc.asyncProperty(new SequenceArbitrary(chance), async (sequence) => {
    if (tried++ === 0) return false; // as it was found
    if (trials.ended !== undefined || trials.signal.aborted) return true;
    if (tried > MOST_SHRINKS || performance.now() - since > MOST_SHRINK_MS) return true;
    progress(`making a finding smaller: ${KIND_TITLES[suspicion.symptom.kind]}`);
    const found = await trials.showing(sequence, suspicion.symptom, usual);
    if (!found) return true;
    smallest = { ...suspicion, ...found, sequence };
    return false;
  });
  const { seed, path } = suspicion.round;
  const examples: [Sequence][] = [[suspicion.sequence]];
  const { counterexamplePath } = await fc.check(property, { seed, numRuns: 1, examples });
  const steps = (counterexamplePath ?? "0").split(":").slice(1);
  return { ...smallest, round: { seed, path: [path, ...steps].join(":") } };
}

/** Whether it showed so late that a short wait would miss it. */
export const isLate = ({ symptom: { atMs } }: Suspicion, { waitMs }: Running): boolean =>
  Number.isFinite(atMs) && atMs > waitMs / 2;
