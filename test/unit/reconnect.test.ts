import assert from "node:assert/strict";
import { test } from "node:test";
import { type Fate, GapAccount } from "../../lib/reconnect.ts";

/** A subscriber that had 1 and 2, was away while 3 to 6 went out, and whose new session took until 8. */
function account(): GapAccount {
  const gap = new GapAccount();
  for (const seq of [1, 2]) assert.deepEqual(gap.arrive(seq), { fate: undefined, arrival: "in-order" });
  gap.dropped();
  gap.opened(6);
  return gap;
}

const replayed = (count: number): Fate[] => Array.from({ length: count }, () => "replayed");
const rows: Record<string, { came: number[]; fates: Fate[]; lost: number }> = {
  "all replayed in order": { came: [3, 4, 5, 6, 7, 8], fates: replayed(6), lost: 0 },
  "what comes live may overtake the replay": { came: [7, 3, 4, 5, 6, 8], fates: replayed(6), lost: 0 },
  "two change places": { came: [3, 5, 4], fates: ["replayed", "replayed", "reordered"], lost: 3 },
  "what it had before, and what comes twice": {
    came: [2, 3, 3, 8],
    fates: ["repeated", "replayed", "repeated", "replayed"],
    lost: 4,
  },
  "nothing comes": { came: [], fates: [], lost: 6 },
};

for (const [sentence, { came, fates, lost }] of Object.entries(rows)) {
  test(sentence, () => {
    const gap = account();
    assert.deepEqual(
      came.map((seq) => gap.arrive(seq).fate),
      fates,
    );
    gap.whole(8);
    assert.deepEqual(gap.arrive(10), { fate: undefined, arrival: "in-order" });
    assert.deepEqual(
      gap.missing(11, () => true),
      { inGap: lost, outside: 2 },
    );
    assert.deepEqual(
      gap.missing(11, (seq) => seq < 9),
      { inGap: lost, outside: 0 },
    );
  });
}

test("once it is whole, history still counts as a replay, and what came since does not", () => {
  const gap = account();
  gap.whole(6);
  assert.deepEqual(gap.arrive(2), { fate: "repeated" });
  assert.deepEqual(gap.arrive(3), { fate: "replayed" });
  assert.deepEqual(gap.arrive(7), { fate: undefined, arrival: "in-order" });
  assert.deepEqual(gap.arrive(7), { fate: undefined, arrival: "duplicated" });
  gap.dropped();
  gap.opened(7);
  gap.whole(7);
  assert.deepEqual(gap.arrive(7), { fate: "repeated" }, "of whatever connection it was had");
});

test("who is cut off while it catches up asks for some of it again, once", () => {
  const gap = account();
  for (const seq of [7, 3, 4]) assert.deepEqual(gap.arrive(seq), { fate: "replayed" });
  gap.dropped();
  gap.opened(7, 4);
  for (const seq of [5, 6]) assert.deepEqual(gap.arrive(seq), { fate: "replayed" });
  assert.deepEqual(gap.arrive(7), { fate: undefined, arrival: "in-order" });
  assert.deepEqual(gap.arrive(7), { fate: "repeated" });
  assert.deepEqual(gap.arrive(4), { fate: "repeated" }, "before what it asked for");
  gap.whole(7);
  assert.deepEqual(
    gap.missing(7, () => true),
    { inGap: 0, outside: 0 },
  );
});

test("a replay that comes twice on one connection is repeated, although that asked for it", () => {
  const gap = new GapAccount();
  for (const seq of [1, 2]) gap.arrive(seq);
  gap.dropped();
  gap.opened(4, 2);
  gap.whole(4);
  for (const seq of [3, 4]) assert.deepEqual(gap.arrive(seq), { fate: "replayed" });
  assert.deepEqual(gap.arrive(4), { fate: "repeated" });
});

test("who was never cut off has duplicates only", () => {
  const never = new GapAccount();
  never.arrive(1);
  assert.deepEqual(never.arrive(1), { fate: undefined, arrival: "duplicated" });
});
