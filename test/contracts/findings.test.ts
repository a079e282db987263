/** What a summary, and JUnit XML, say of a contract. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Contract } from "../../lib/contract/contract.ts";
import { describeBreach, isContractFinding, notesOnContract } from "../../lib/contract/findings.ts";
import { loadContract } from "../../lib/contract/load.ts";
import { junit } from "../../lib/summary/junit.ts";
import type { Summary } from "../../lib/summary/summary.ts";

const contract: Contract = loadContract("orders.json", () => ({
  messages: {
    order: { properties: { side: { enum: ["buy", "sell"] } } },
    cancelled: { properties: { id: {} } },
    ask: { from: "client", schema: {} },
  },
}));

const counter = (count: number, kind: Record<string, number> = {}) => ({
  kind: "counter" as const,
  unit: "1" as const,
  count,
  by: {
    kind: Object.fromEntries(
      Object.entries(kind).map(([name, n]) => [
        name,
        { kind: "counter" as const, unit: "1" as const, count: n },
      ]),
    ),
  },
});

const own = "; of our own, 12 messages were checked";

const finding = {
  kind: "order",
  rule: "type" as const,
  at: "/qty",
  schema: "contract:///orders.json#/messages/order/properties/qty/type",
  expected: "integer",
  found: `"12"`,
  count: 3,
};

test("the summary names each way once, the share that was checked, and what never came", () => {
  const metrics = {
    ws_contract_messages: counter(75, { order: 75 }),
    ws_contract_unchecked: counter(25),
    ws_contract_sent_messages: counter(12, { ask: 12 }),
  } as unknown as Summary["metrics"];
  const unseen = ["order/side=sell", "cancelled/id", "ask/id"];
  const sent = [{ ...finding, kind: "ask", count: 1 }];
  assert.deepEqual(notesOnContract(contract, metrics, { unseen, findings: [finding], sent }), [
    `contract: order /qty: expected integer, got "12" (type), 3 times`,
    "contract, our own message: ask /qty: expected integer, got a text (type), once",
    `contract orders.json: 75 messages were checked, 75 % of the received ones: the rest exceeded the bound on checks${own}`,
    "contract: kinds that never came: cancelled",
    "contract: fields and values that never came: order/side=sell",
  ]);
});

test("without findings, as on stock k6, the broken rules are named by their counts", () => {
  const count = (n: number) => ({ kind: "counter" as const, unit: "1" as const, count: n });
  const metrics = {
    ws_contract_messages: counter(9, { order: 9 }),
    ws_contract_violations: {
      ...count(4),
      by: { rule: { type: count(1), enum: count(3), format: count(0) } },
    },
  } as unknown as Summary["metrics"];
  const notes = notesOnContract(contract, metrics, {});
  assert.deepEqual(notes.slice(0, 2), [
    "contract: enum was broken, with places in the log, 3 times",
    "contract: type was broken, with places in the log, once",
  ]);
  assert.ok(notes.slice(0, 2).every(isContractFinding));
  assert.doesNotMatch(notesOnContract(contract, metrics, { findings: [] }).join(), /was broken/);
});

test("no secret is shown", () => {
  const said = describeBreach("order", { ...finding, found: `"my-secret and AAAABBBBCCCCDDDDEEEE1111222"` }, [
    "my-secret",
  ]);
  assert.equal(said, `contract: order /qty: expected integer, got "*** and ***" (type)`);
});

test("JUnit XML shows them in the limit's failure", () => {
  const xml = junit({
    scenario: "massconnect",
    verdict: "fail",
    reason: "3 broken rules",
    startedAt: "2026-11-30T15:00:00.000Z",
    durationMs: 1_000,
    notes: [
      `contract: order: expected a member "qty", got none (required), once`,
      "contract orders.json: 3 messages were checked",
    ],
    thresholds: [{ metric: "ws_contract_violations", expression: "count==0", ok: false, value: 1 }],
  } as unknown as Summary);
  assert.match(
    xml,
    /name="ws_contract_violations count==0"><failure message="[^"]+">contract: order: expected a member &#34;qty&#34;, got none \(required\), once<\/failure>/,
  );
});
