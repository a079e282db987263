import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  mostSteps,
  nextSize,
  offStep,
  onStep,
  requireLimitsOfSteps,
  type StepEvidence,
  sizesOf,
  stepsSummary,
} from "../../lib/steps.ts";
import type { MetricSummary, ThresholdSummary } from "../../lib/summary/summary.ts";

const lag = (p99: number): MetricSummary => ({
  kind: "trend",
  unit: "ms",
  count: 1_000,
  min: 1,
  p50: p99 / 4,
  p90: p99 / 2,
  p95: p99 / 2,
  p99,
  max: p99,
});
const LIMIT = { metric: "ws_fanout_lag_ms", expression: "p(99)<500" };

/** A step of which one in a hundred deliveries took so long, and what else is known of it. */
function step(size: number, p99: number, more: Partial<StepEvidence> = {}): StepEvidence {
  const threshold: ThresholdSummary = { ...LIMIT, value: p99, ok: p99 < 500 };
  const { metrics } = more;
  return { size, thresholds: [threshold], ...more, metrics: { ws_fanout_lag_ms: lag(p99), ...metrics } };
}

const counter = (count: number) => ({ kind: "counter", unit: "1", count }) as const;
const slowGenerator: StepEvidence["metrics"] = {
  ws_generator_delay_ms: { ...lag(80), by: { side: { receive: lag(80) } } } as MetricSummary,
};
const noPorts: StepEvidence["metrics"] = {
  ws_connect_failures: { ...counter(3), by: { reason: { no_ports: counter(3) } } },
};

describe("what a server holds, in a sentence", () => {
  const rows: [sentence: string, steps: StepEvidence[], capacity: string, holds: number | null][] = [
    [
      "the last step that held, and which limit the next one broke",
      [step(1_000, 12), step(5_000, 90), step(15_000, 812)],
      "capacity: 5,000 subscribers; at 15,000: fan-out lag p99 812 ms (limit 500 ms)",
      5_000,
    ],
    [
      "every step held: there may be more",
      [step(1_000, 12), step(15_000, 499)],
      "capacity: at least 15,000 subscribers, the largest step asked for",
      15_000,
    ],
    [
      "not even the first held",
      [step(1_000, 500)],
      "capacity: fewer than 1,000 subscribers; at 1,000: fan-out lag p99 500 ms (limit: less than 500 ms)",
      null,
    ],
    [
      "the generator was slow: no word of what the server holds beyond, broken limit or not",
      [step(5_000, 90), step(15_000, 812, { metrics: slowGenerator })],
      "capacity: at least 5,000 subscribers; at 15,000: the generator was the bottleneck: ws_generator_delay_ms{side:receive} p99 was 80 ms, more than 10 % of the tightest latency limit that broke (500 ms)",
      5_000,
    ],
    [
      "the generator was slow from the start",
      [step(999, 12, { metrics: slowGenerator })],
      "capacity: not known; at 999: the generator was the bottleneck: ws_generator_delay_ms{side:receive} p99 was 80 ms, more than 10 % of the highest latency limit (500 ms)",
      null,
    ],
    [
      "this machine had no ports left",
      [step(28_000, 12), step(29_000, 12, { metrics: noPorts, failure: "no ports" })],
      "capacity: at least 28,000 subscribers; at 29,000: the generator was the bottleneck: this machine had no local port left for 3 attempts to connect (no_ports): give more addresses (SOURCE_IPS) or servers, or widen the range of ports",
      28_000,
    ],
    [
      "a step ended before its time although each limit held",
      [step(10, 12), step(20, 12, { failure: "the connections ended before the publications did" })],
      "capacity: 10 subscribers; at 20: the connections ended before the publications did",
      10,
    ],
    [
      "interrupted: the figures of half a step decide nothing",
      [step(10, 12), step(20, 812, { interrupted: true })],
      "capacity: at least 10 subscribers; at 20: the step was cut short",
      10,
    ],
  ];
  for (const [sentence, steps, capacity, holds] of rows) {
    test(sentence, () => {
      const summary = stepsSummary("subscribers", steps, false);
      assert.deepEqual([summary.capacity, summary.holds], [capacity, holds]);
      assert.deepEqual(
        summary.curve.map(({ size, latency }) => [size, latency?.p99]),
        steps.map(({ size, metrics }) => [size, (metrics.ws_fanout_lag_ms as { p99?: number }).p99]),
      );
    });
  }
});

test("a run that ended between two steps does not claim to have tried the largest", () => {
  const { capacity } = stepsSummary("connections", [step(10, 12)], true);
  assert.equal(capacity, "capacity: at least 10 connections; the run ended before a larger step");
  assert.equal(stepsSummary("connections", [], true).capacity, "capacity: not known; no step began");
});

test("limits are put on one step's samples, and taken off again", () => {
  const limits = { ws_fanout_lag_ms: ["p(99)<500"], "ws_connection_drops{code:1006}": ["count<5"] };
  const onFirst = onStep(limits, 1_000);
  assert.deepEqual(Object.keys(onFirst), [
    "ws_fanout_lag_ms{step:1000}",
    "ws_connection_drops{code:1006,step:1000}",
  ]);
  assert.deepEqual(offStep(onFirst), limits);
});

describe("limits that a step cannot be judged by are refused", () => {
  for (const series of ["ws_active_sessions", "ws_connection_drops{code:1006,by:server}"]) {
    test(series, () => {
      assert.throws(
        () => requireLimitsOfSteps({ [series]: ["value>0"] }),
        /STEPS: expected limits on counters/,
      );
    });
  }
  test("how many a second: k6 would divide by the time of all steps", () => {
    assert.throws(() => requireLimitsOfSteps({ ws_replies: ["count>0", "rate>5"] }), {
      message:
        "STEPS: expected no limit on how many a second, which k6 takes over all steps together, got ws_replies rate>5",
    });
    requireLimitsOfSteps({ ws_delivery_success_rate: ["rate>0.9"] });
  });
});

test("all steps are drawn by one metric: one without its values has none of another", () => {
  const connects = { ws_connect_latency_ms: lag(3) };
  const silent = { ...step(20, 1), metrics: connects };
  const { curve } = stepsSummary("subscribers", [step(10, 12, { metrics: connects }), silent], false);
  assert.deepEqual(
    curve.map(({ latency }) => latency?.metric),
    ["ws_fanout_lag_ms", undefined],
  );
  const held = stepsSummary("connections", [silent], false).curve[0]?.latency;
  assert.deepEqual([held?.metric, held?.p99], ["ws_connect_latency_ms", 3]);
});

describe("which size is tried next", () => {
  const search = sizesOf({ from: 1_000, to: 20_000 }, 10);
  /** The sizes that are tried on a server that holds so many. */
  const path = (holds: number, sizes = search): number[] => {
    const tried: { size: number; verdict: "pass" | "fail" }[] = [];
    for (let size = nextSize(sizes, tried); size !== undefined; size = nextSize(sizes, tried))
      tried.push({ size, verdict: size <= holds ? "pass" : "fail" });
    return tried.map(({ size }) => size);
  };
  const rows: [sentence: string, holds: number, tried: number[]][] = [
    [
      "a search doubles the load, then halves the gap",
      5_600,
      [1_000, 2_000, 4_000, 8_000, 6_000, 5_000, 5_500],
    ],
    ["it ends where the largest holds", 99_999, [1_000, 2_000, 4_000, 8_000, 16_000, 20_000]],
    ["and where the smallest does not", 999, [1_000]],
  ];
  for (const [sentence, holds, tried] of rows) {
    test(sentence, () => {
      assert.deepEqual(path(holds), tried);
      assert.ok(tried.length <= mostSteps(search));
    });
  }
  test("a list is tried up to the first that does not hold", () => {
    assert.deepEqual(path(500, sizesOf({ sizes: [100, 400, 900, 1_000] })), [100, 400, 900]);
  });
  test("every size is a multiple of what it must be", () => {
    const { all } = sizesOf({ from: 100, to: 1_000 }, 30);
    assert.ok(all.length > 10 && all.every((size) => size % 30 === 0), String(all));
  });
  test("nothing follows a step of which the generator was the bottleneck", () => {
    const tried = [
      { size: 1_000, verdict: "pass" },
      { size: 2_000, verdict: "generator-bound" },
    ] as const;
    assert.equal(nextSize(search, tried), undefined);
  });
});

test("a capacity says what was fixed, and the limits that a search went back from come in order of size", () => {
  const { capacity, curve } = stepsSummary(
    "subscribers",
    [step(1_000, 12), step(4_000, 812), step(2_000, 40)],
    false,
    "in 1 room with 5 publications a second",
  );
  assert.equal(
    capacity,
    "capacity: 2,000 subscribers in 1 room with 5 publications a second; at 4,000: fan-out lag p99 812 ms (limit 500 ms)",
  );
  assert.deepEqual(
    curve.map(({ size }) => size),
    [1_000, 2_000, 4_000],
  );
});
