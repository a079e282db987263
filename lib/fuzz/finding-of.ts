/** Writes a finding down: the messages sent, the messages received, and the state of each connection. Pure. */
import { cut, entriesOf, FINDING_FORMAT, type Finding, KIND_TITLES, sentLines, stateOf } from "./finding.ts";
import type { Observation } from "./observation.ts";
import { judge, type Rules, type Symptom, signatureOf } from "./oracle.ts";
import { describeStep, type Sequence } from "./sequence.ts";

/** The fault, the messages before it, and the connection that showed it. */
export interface Evidence extends Pick<Finding, "round" | "run"> {
  readonly sequence: Sequence;
  readonly symptom: Symptom;
  readonly seen: Observation;
}

/** The target of the fuzzing. */
export interface Circumstances extends Pick<Finding, "route" | "url" | "seed"> {
  readonly rules: Rules;
  readonly running: { readonly target: { readonly protocol: { readonly name: string } } };
}

export function findingOf(
  { sequence, symptom, seen, round, run }: Evidence,
  again: Finding["again"],
  shrunk: boolean,
  { route, url, seed, rules, running }: Circumstances,
): Finding {
  const all = [...seen.connections, ...seen.neighbours];
  const also = judge(sequence, seen, rules)
    .filter((one) => signatureOf(one) !== signatureOf(symptom))
    .map(({ kind, on, received }) => `${KIND_TITLES[kind]} (${on}): ${cut(received, 120)}`);
  const culprit = sequence.steps[symptom.step ?? -1];
  return {
    format: FINDING_FORMAT,
    url,
    route,
    protocol: running.target.protocol.name,
    kind: symptom.kind,
    key: symptom.key,
    also: [...new Set(also)],
    title: `${KIND_TITLES[symptom.kind]}${culprit ? ` after ${cut(describeStep(culprit), 120)}` : ""}`,
    sent: sentLines(sequence),
    expected: symptom.expected,
    received: cut(symptom.received),
    ...(symptom.step !== undefined && { index: symptom.step }),
    on: symptom.on,
    ...(symptom.closeCode !== undefined && {
      closeCode: symptom.closeCode,
      closeReason: symptom.closeReason ?? "",
    }),
    atMs: symptom.atMs,
    connections: all.map(stateOf),
    again,
    shrunk,
    seed,
    round,
    run,
    times: 1,
    sequence,
    log: entriesOf(all),
  };
}
