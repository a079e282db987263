import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { GENERATOR_FAULTS, generatorFaultsIn, isGeneratorFault } from "../../lib/generator-faults.ts";
import { METRICS, type MetricSpec } from "../../lib/metrics.ts";
import { judgeStep } from "../../lib/steps.ts";
import type { MetricSummary, Summary } from "../../lib/summary/summary.ts";
import { judge } from "../../lib/summary/verdict.ts";

const counter = (count: number) => ({ kind: "counter", unit: "1", count }) as const;
const whole = { ws_shards_started: counter(1), ws_shards_completed: counter(1) };
const broken = [{ metric: "ws_connection_drop_rate", expression: "rate<0.01", ok: false, value: 0.5 }];

const happened = (metric: string, tag: string, value: string): Summary["metrics"] => ({
  ...whole,
  [metric]: { ...counter(3), by: { [tag]: { [value]: counter(3) } } } as MetricSummary,
});

describe("what this side did is never put down to the server", () => {
  for (const { metric, tag, value, exhausted } of GENERATOR_FAULTS) {
    const metrics = happened(metric, tag, value);

    test(`${metric}{${tag}:${value}}: incomplete for that reason, whatever limits it broke`, () => {
      const { verdict, reason } = judge({ setupDone: true, metrics, thresholds: broken });
      assert.equal(verdict, "incomplete");
      assert.deepEqual([reason], generatorFaultsIn(metrics));
      assert.match(reason, /\b3 /);
      assert.match(reason, new RegExp(value));
      const atSetUp = judge({ setupDone: false, metrics, thresholds: broken });
      assert.deepEqual(atSetUp, { verdict: "incomplete", reason: `the setup failed: ${reason}` });
    });

    test(`${metric}{${tag}:${value}} ends a load that grows, and is not the server's capacity`, () => {
      const step = judgeStep({ size: 10, metrics, thresholds: broken });
      assert.equal(step.verdict, exhausted ? "generator-bound" : "incomplete");
    });

    test(`${metric} has ${tag}:${value} on its closed list`, () => {
      assert.ok((METRICS[metric] as MetricSpec).by?.[tag]?.includes(value));
      assert.ok(isGeneratorFault(metric, value));
    });
  }
});

test("a message too big is said once, not again as the drop that it caused", () => {
  const metrics = {
    ...happened("ws_message_errors", "reason", "message_too_big"),
    ...happened("ws_connection_drops", "by", "generator"),
  };
  assert.equal(generatorFaultsIn(metrics).length, 1);
  assert.match(
    generatorFaultsIn(metrics)[0]!,
    /^3 messages larger than MESSAGE_BYTES, for which the generator ended their connections/,
  );
});

test("messages of ours that broke the contract leave a run, or a step, incomplete", () => {
  const metrics = { ...whole, ws_contract_sent_violations: counter(3), ws_contract_violations: counter(9) };
  const { verdict, reason } = judge({ setupDone: true, metrics, thresholds: broken });
  assert.equal(verdict, "incomplete");
  assert.match(reason, /^messages of ours broke the contract \(3 rules in all\): .*CONTRACT_SENT=none/);
  assert.equal(judgeStep({ size: 10, metrics, thresholds: broken }).verdict, "incomplete");
  assert.deepEqual(generatorFaultsIn({ ...whole, ws_contract_sent_violations: counter(0) }), []);
});

test("what the server did is the server's", () => {
  const metrics = {
    ...happened("ws_message_errors", "reason", "bad_utf8"),
    ...happened("ws_connection_drops", "by", "server"),
    ...happened("ws_connect_failures", "reason", "refused"),
  };
  assert.deepEqual(generatorFaultsIn(metrics), []);
  assert.equal(judge({ setupDone: true, metrics, thresholds: broken }).verdict, "fail");
});
