import assert from "node:assert/strict";
import { test } from "node:test";
import { contentOf } from "../../cli/report/document.ts";
import type { RunView } from "../../cli/report/view.ts";
import type { MetricSummary, Summary } from "../../lib/summary/summary.ts";

const counter = (kinds: Record<string, number>): MetricSummary => ({
  kind: "counter",
  unit: "1",
  count: Object.values(kinds).reduce((sum, count) => sum + count, 0),
  by: {
    kind: Object.fromEntries(
      Object.entries(kinds).map(([kind, count]) => [kind, { kind: "counter" as const, unit: "1", count }]),
    ),
  },
});

const viewOf = (metrics: Summary["metrics"], notes: string[]) =>
  ({
    label: "tonight",
    summary: {
      scenario: "mass-soak",
      startedAt: "2026-11-30T00:00:00.000Z",
      verdict: "fail",
      metrics,
      thresholds: [],
      notes,
      k6: {},
    } as unknown as Summary,
  }) as RunView;

test("the page has the kinds of a contract, the ways in which it was broken, and its coverage", () => {
  const { above, below } = contentOf(
    [
      viewOf(
        {
          ws_contract_messages: counter({ order: 1_200, cancelled: 0 }),
          ws_contract_violations: counter({ order: 3 }),
        },
        [
          "contract: order /qty: expected integer, got <b>12</b> (type), 3 times",
          "contract orders.json: 1200 messages were checked",
          "contract: kinds that never came: cancelled",
          "3 connections were slow",
        ],
      ),
    ],
    [],
  );
  const [, section = ""] = /<h2>Contract<\/h2>(.*?)<\/section>/s.exec(above.markup) ?? [];
  assert.match(section, /<td>order<\/td><td class="figure">1,200<\/td><td class="figure">3<\/td>/);
  assert.doesNotMatch(section, /<td>cancelled/);
  const items = [...section.matchAll(/<li>(.*?)<\/li>/g)].map(([, item]) => item);
  assert.deepEqual(items, [
    "order /qty: expected integer, got &#60;b&#62;12&#60;/b&#62; (type), 3 times",
    "contract orders.json: 1200 messages were checked",
    "kinds that never came: cancelled",
  ]);
  assert.doesNotMatch(below.markup, /never came|messages were checked/);
  assert.match(below.markup, /3 connections were slow/);
});

test("a page of several runs has the violations of each rule side by side", () => {
  const count = (n: number): MetricSummary => ({ kind: "counter", unit: "1", count: n });
  const run = (label: string, rules: Record<string, number>, isChecked = true) => {
    const rule = Object.fromEntries(Object.entries(rules).map(([name, n]) => [name, count(n)]));
    const view = viewOf(
      {
        ...(isChecked && { ws_contract_messages: counter({ order: 10 }) }),
        ws_contract_violations: { ...count(0), by: { rule } } as MetricSummary,
      },
      [],
    );
    return { ...view, label } as RunView;
  };
  const { above } = contentOf(
    [run("before", { type: 1_500, format: 0 }), run("after", { enum: 2, format: 0 }), run("bare", {}, false)],
    [],
  );
  const [, rules = ""] = /<caption>Violations by rule<\/caption>(.*?)<\/table>/s.exec(above.markup) ?? [];
  const rows = [...rules.matchAll(/<tr>(.*?)<\/tr>/gs)].map(([, row]) =>
    row!.split(/<\/t[dh]>/).map((cell) => cell.replace(/<[^>]*>/g, "")),
  );
  assert.deepEqual(
    rows.map((row) => row.slice(0, 4)),
    [
      ["rule", "before", "after", "bare"],
      ["type", "1,500", "0", "not checked"],
      ["enum", "0", "2", "not checked"],
    ],
  );
  assert.doesNotMatch(contentOf([run("before", { type: 1 })], []).above.markup, /Violations by rule/);
});

test("a page of a run without a contract has no word on contracts", () => {
  const { above } = contentOf([viewOf({}, [])], []);
  assert.doesNotMatch(above.markup, /[Cc]ontract/);
});
