/** How fast-check makes a failing sequence smaller. Pure. */
import fc from "fast-check";
import type { Sequence } from "./sequence.ts";
import { smaller } from "./shrink.ts";

/** Sequences by chance, which fast-check makes smaller in the way of this protocol rather than of its parts. */
export class SequenceArbitrary extends fc.Arbitrary<Sequence> {
  readonly #inner: fc.Arbitrary<Sequence>;

  constructor(inner: fc.Arbitrary<Sequence>) {
    super();
    this.#inner = inner;
  }

  generate(random: fc.Random, biasFactor: number | undefined): fc.Value<Sequence> {
    return new fc.Value(this.#inner.generate(random, biasFactor).value, undefined);
  }

  canShrinkWithoutContext(value: unknown): value is Sequence {
    return typeof value === "object";
  }

  shrink(value: Sequence): fc.Stream<fc.Value<Sequence>> {
    return fc.stream(smaller(value)).map((one) => new fc.Value(one, undefined));
  }
}
