import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { distance } from "../../lib/distance.ts";

const word = fc.stringMatching(/^[ab_]{0,6}$/);

/** As it is defined, without a table. */
function defined(a: string, b: string): number {
  if (a === "" || b === "") return a.length + b.length;
  const same = a[0] === b[0] ? 0 : 1;
  const [restA, restB] = [a.slice(1), b.slice(1)];
  return Math.min(defined(restA, b) + 1, defined(a, restB) + 1, defined(restA, restB) + same);
}

describe("the distance of two words", () => {
  for (const [from, to, edits] of [
    ["WS_TOKEN", "WS_TOKEN", 0],
    ["WS_TOKNE", "WS_TOKEN", 2],
    ["", "abc", 3],
    ["kitten", "sitting", 3],
  ] as const)
    test(`${from} and ${to}`, () => assert.equal(distance(from, to), edits));

  test("is the smallest number of edits", () => {
    fc.assert(
      fc.property(word, word, (a, b) => assert.equal(distance(a, b), defined(a, b))),
      { numRuns: 50 },
    );
  });

  test("is told exactly up to a limit, and above it as more than that", () => {
    fc.assert(
      fc.property(word, word, fc.integer({ min: 0, max: 3 }), (a, b, atMost) => {
        const [exact, limited] = [distance(a, b), distance(a, b, atMost)];
        if (exact <= atMost) assert.equal(limited, exact);
        else assert.ok(limited > atMost && limited <= exact);
      }),
    );
  });
});
