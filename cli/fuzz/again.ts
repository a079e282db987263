/** Runs a suspicion again. A symptom that shows only once, or as often without the messages, is not a finding. */
import { cut, type Finding, KIND_TITLES } from "../../lib/fuzz/finding.ts";
import { TIMED } from "../../lib/fuzz/oracle.ts";
import { describeStep, type Sequence } from "../../lib/fuzz/sequence.ts";
import { isLate, type Suspicion } from "./smallest.ts";
import type { Trials } from "./trials.ts";

/** The outcome: a finding with its symptom, anything else with the reason why it is not one. */
export type Verdict =
  | { readonly isFinding: true; readonly suspicion: Suspicion; readonly again: Finding["again"] }
  | { readonly isFinding: false; readonly note: string };

/** @param times how often it is run again */
export async function runAgain(
  suspicion: Suspicion,
  times: number,
  trials: Trials,
  progress: (doing: string) => void,
): Promise<Verdict> {
  const { sequence, symptom } = suspicion;
  const isTimed = TIMED.includes(symptom.kind);
  // What comes late is waited for.
  const usual = isLate(suspicion, trials.running) ? trials.patient : trials.running;
  const nothing: Sequence = {
    connections: sequence.connections.map(({ start }) => ({ start })),
    steps: [],
  };
  let told = suspicion;
  const again = { seen: 0, of: 0, control: 0 };
  for (let i = 0; i < times && trials.ended === undefined && !trials.signal.aborted; i++) {
    progress(`seeing a finding again: ${KIND_TITLES[symptom.kind]}`);
    // The first time, an answer may take all its time. The report shows this run.
    const found = await trials.showing(sequence, told.symptom, i === 0 ? trials.patient : usual);
    again.of++;
    if (found) {
      again.seen++;
      if (again.seen === 1) told = { ...suspicion, ...found };
    }
    if (isTimed && (await trials.showing(nothing, told.symptom))) again.control++;
    // What was not seen in three runs is not worth more of them.
    if (i === 2 && again.seen === 0) break;
  }
  const isUnseen = again.of > 0 && again.seen === 0;
  const isGone = symptom.kind === "server-gone" && trials.ended !== undefined && !trials.isEndedByUs;
  const isRare = again.seen <= again.of / 2 || again.seen <= 3 * again.control;
  const isCutShort = again.of === 0 && trials.isEndedByUs;
  const restsOnMore = isTimed || symptom.kind === "server-gone";
  if (
    isUnseen ? restsOnMore && !isGone : (isTimed && again.of > 0 && isRare) || (restsOnMore && isCutShort)
  ) {
    const last = sequence.steps.at(-1);
    const after = last ? `, after ${cut(describeStep(last), 80)}` : "";
    return {
      isFinding: false,
      note: `not a finding: ${KIND_TITLES[told.symptom.kind]}${after}: seen again ${again.seen} of ${again.of} times, and ${again.control} times without the messages`,
    };
  }
  return { isFinding: true, suspicion: told, again };
}
