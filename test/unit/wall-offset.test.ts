import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ms } from "../../lib/units.ts";
import { WallOffset } from "../../lib/wall-offset.ts";

const EPOCH = 1_790_000_000_000;

test("an event handled late is placed where it came once one was handled at once", () => {
  const offset = new WallOffset();
  assert.equal(offset.arrival(EPOCH + 100, ms(100)), 100);
  assert.equal(offset.arrival(EPOCH + 150, ms(190)), 150);
});

test("the first event counts as handled at once: an upper bound", () => {
  assert.equal(new WallOffset().arrival(EPOCH + 90, ms(100)), 100);
});

test("an arrival is never after its handling, and never off by more than the smallest delay seen", () => {
  const events = fc.array(
    fc.record({
      gap: fc.double({ min: 0, max: 400, noNaN: true }),
      delay: fc.double({ min: 0, max: 80, noNaN: true }),
    }),
    { minLength: 1, maxLength: 20 },
  );
  fc.assert(
    fc.property(events, (list) => {
      const offset = new WallOffset();
      let came = 0;
      let least = Number.POSITIVE_INFINITY;
      for (const { gap, delay } of list) {
        came += gap;
        least = Math.min(least, delay);
        const arrival = offset.arrival(EPOCH + came, ms(came + delay));
        assert.ok(arrival <= came + delay);
        assert.ok(Math.abs(arrival - (came + least)) < 1e-3);
      }
    }),
  );
});

test("a clock set back is forgotten within two windows", () => {
  const offset = new WallOffset();
  offset.arrival(EPOCH, ms(0));
  for (let at = 1_000; at <= 21_000; at += 1_000) offset.arrival(EPOCH + at - 500, ms(at));
  assert.equal(offset.arrival(EPOCH + 22_000 - 500, ms(22_000)), 22_000);
});
