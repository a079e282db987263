import assert from "node:assert/strict";
import { test } from "node:test";
import { legsOf, offsetBetween, pageNotes } from "../../lib/page-legs.ts";
import type { Seen } from "../../lib/page-watch.ts";
import type { Summary } from "../../lib/summary/summary.ts";
import { ms } from "../../lib/units.ts";

const clock = { offset: ms(1_000), errorMs: ms(0.1) };

const rows: [sentence: string, arrivals: number[], seen: Seen, legs: object][] = [
  [
    "the page has the arrival of its later neighbour",
    [102, 104],
    ["a", -890, -880, -870],
    { wire: 4, handler: 6, dom: 10, frame: 10 },
  ],
  [
    "but never one after its own handler",
    [102, 120],
    ["a", -890, -880, -870],
    { wire: 10, handler: 0, dom: 10, frame: 10 },
  ],
  ["nor one before it was due", [99], ["a", -899, -880, -870], { wire: 0, handler: 1, dom: 19, frame: 10 }],
  ["a handler that was not seen leaves its legs out", [102], ["a", null, -880, -870], { wire: 2, frame: 10 }],
  ["without an arrival no leg is known", [], ["a", -890, -880, -870], {}],
];
for (const [sentence, arrivals, seen, legs] of rows) {
  test(sentence, () => {
    assert.deepEqual(legsOf({ due: ms(100), arrivals: arrivals.map(ms) }, seen, clock), legs);
  });
}

test("two clocks are compared by ticks of the wall clock, whichever they are", () => {
  const offset = offsetBetween(
    { wallMs: 5_000, low: 20, high: 20.25 },
    { wallMs: 5_003, low: 1_023, high: 1_023.5 },
  );
  assert.equal(offset.offset, 1_000.125);
  assert.equal(offset.errorMs, 0.375 + 0.1);
});

const summary = (medians: Record<string, number>) =>
  ({
    ws_page_leg_ms: {
      kind: "trend",
      by: {
        leg: Object.fromEntries(Object.entries(medians).map(([leg, p50]) => [leg, { kind: "trend", p50 }])),
      },
    },
  }) as unknown as Summary["metrics"];

const verdicts: [medians: Record<string, number>, note: RegExp][] = [
  [
    { wire: 3, handler: 1, dom: 200, frame: 8 },
    /^server fast, page slow: most of the way is from the handler to the DOM\. Medians: 3 ms from the publication to this machine, 1 ms /,
  ],
  [{ wire: 300, handler: 1, dom: 20, frame: 8 }, /^server slow, page fast: /],
  [{ wire: 3, handler: 1, dom: 2, frame: 12 }, /^neither server nor page holds publications up\./],
  [
    { wire: 3, handler: 80, dom: 2, frame: 12 },
    /^server fast, page slow: most of the way is from there to the page's handler\./,
  ],
  [{}, /^no publication was seen on its way to a page, .*: pages need Chromium/],
];
for (const [medians, note] of verdicts) {
  test(`by the medians ${JSON.stringify(medians)}`, () =>
    assert.match(pageNotes(summary(medians))[0]!, note));
}

test("where the server took no connection, nothing is said of pages", () => {
  const metrics = { ws_connect_failures: { kind: "counter", count: 1 } } as unknown as Summary["metrics"];
  assert.deepEqual(pageNotes(metrics), []);
});
