import * as v from "valibot";

const duration = v.pipe(v.number(), v.finite(), v.minValue(0));
/** Seed of the generator, 32 bits. Default 1: two runs draw the same delays. */
const seed = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff)), 1);

/** A delay in milliseconds: a fixed one, or a distribution to draw from. `list` takes its values in turn, for ever. */
export const DelaySchema = v.union([
  duration,
  v.variant("kind", [
    v.strictObject({ kind: v.literal("uniform"), minMs: duration, maxMs: duration, seed }),
    v.strictObject({ kind: v.literal("exponential"), meanMs: duration, seed }),
    v.strictObject({ kind: v.literal("lognormal"), medianMs: duration, sigma: duration, seed }),
    v.strictObject({
      kind: v.literal("list"),
      ms: v.pipe(v.array(duration), v.minLength(1, "expected at least one delay, got none")),
    }),
  ]),
]);

/** Makes the function that gives the next delay, in milliseconds. */
export function sampler(delay: v.InferOutput<typeof DelaySchema>): () => number {
  if (typeof delay === "number") return () => delay;
  switch (delay.kind) {
    case "list": {
      let next = 0;
      return () => delay.ms[next++ % delay.ms.length]!;
    }
    case "uniform": {
      const random = mulberry32(delay.seed);
      return () => delay.minMs + (delay.maxMs - delay.minMs) * random();
    }
    case "exponential": {
      const random = mulberry32(delay.seed);
      return () => -delay.meanMs * Math.log(1 - random());
    }
    case "lognormal": {
      const random = mulberry32(delay.seed);
      return () => delay.medianMs * Math.exp(delay.sigma * standardNormal(random));
    }
  }
}

/** Box and Muller's transform. `1 - random()` is never 0. */
function standardNormal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Mulberry32: a 32-bit generator, good enough for delays, the same sequence for the same seed everywhere. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
