/** The findings of a route: like ones count as one. */
import { type Finding, likenessOf, placeOf } from "./finding.ts";
import { type Symptom, signatureOf } from "./oracle.ts";
import type { Sequence } from "./sequence.ts";

/** How many findings of one kind and code are made small. */
const MOST_OF_A_KIND = 6;

export class Findings {
  readonly all: Finding[] = [];
  /** The place of the first of each likeness. */
  readonly #likeness = new Map<string, number>();

  /** Whether a finding says as much already, or there are enough of its kind; it then counts once more. */
  countsAs(symptom: Symptom, { steps }: Sequence): boolean {
    const places = steps.map(placeOf);
    const ofKind = [...this.all.entries()].filter(([, one]) => signatureOf(one) === signatureOf(symptom));
    const alike = ofKind.find(([, { sequence }]) =>
      sequence.steps.every((step) => places.includes(placeOf(step))),
    );
    const [known] = alike ?? (ofKind.length >= MOST_OF_A_KIND ? ofKind[0]! : []);
    if (known === undefined) return false;
    this.#count(known);
    return true;
  }

  /** Keeps a finding unless there is one that is alike, which then counts once more. Gives whether it is kept. */
  keep(finding: Finding, symptom: Symptom): boolean {
    const likeness = likenessOf(symptom, finding.sequence);
    const known = this.#likeness.get(likeness);
    if (known !== undefined) {
      this.#count(known);
      return false;
    }
    this.#likeness.set(likeness, this.all.length);
    this.all.push(finding);
    return true;
  }

  #count(index: number): void {
    const known = this.all[index]!;
    this.all[index] = { ...known, times: known.times + 1 };
  }
}
