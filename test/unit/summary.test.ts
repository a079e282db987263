import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import * as v from "valibot";
import { notesOnSilence } from "../../lib/connecting.ts";
import { meanings, meaningsIn } from "../../lib/reason-meanings.ts";
import { CONNECT_REASONS } from "../../lib/reasons.ts";
import { fold } from "../../lib/summary/fold.ts";
import { markdown } from "../../lib/summary/markdown.ts";
import { breakdownThresholds, trendStats } from "../../lib/summary/summarize.ts";
import { SummarySchema } from "../../lib/summary/summary.ts";
import { terminal } from "../../lib/summary/terminal.ts";
import { parseLimit } from "../../lib/summary/threshold.ts";
import { describeLimit } from "../../lib/summary/words.ts";
import { k6Data, summaryOf, trend, unjudged } from "./k6-data.ts";

test("a summary has its documented shape, and its figures are k6's", () => {
  const summary = v.parse(SummarySchema, JSON.parse(JSON.stringify(summaryOf(k6Data()))));
  assert.equal(summary.startedAt, "2026-01-02T03:04:04.999Z");
  const rtt = summary.metrics.ws_msg_rtt_ms;
  assert.ok(rtt?.kind === "trend");
  assert.deepEqual([rtt.count, rtt.p50, rtt.p99, rtt.max], [100, 30, 120, 240]);
  assert.deepEqual(Object.keys(summary.metrics.ws_generator_delay_ms?.by?.side ?? {}), ["send"]);
  assert.deepEqual(summary.thresholds[0], {
    metric: "ws_replies",
    expression: "count>0",
    ok: true,
    value: 100,
  });
});

test("a metric without samples has no figures instead of zeros", () => {
  const summary = summaryOf(k6Data({ ws_generator_delay_ms: trend(0, 0) }));
  const metric = summary.metrics.ws_generator_delay_ms;
  assert.ok(metric?.kind === "trend");
  assert.deepEqual([metric.count, metric.min, metric.p99], [0, null, null]);
});

test("every tag value of a closed list is asked of k6 as a submetric", () => {
  assert.deepEqual(breakdownThresholds(["ws_generator_delay_ms", "ws_replies"]), {
    "ws_generator_delay_ms{side:send}": ["max>=0"],
    "ws_generator_delay_ms{side:receive}": ["max>=0"],
  });
});

test("k6 is asked to compute the percentiles that limits name", () => {
  assert.ok(trendStats({ ws_msg_rtt_ms: ["p(99.9)<2000"] }).includes("p(99.9)"));
});

describe("a threshold expression", () => {
  const rows: [string, ReturnType<typeof parseLimit>][] = [
    ["p(95)<500", { aggregate: "p(95)", operator: "<", bound: 500 }],
    [" p(99.9) <= 1e3 ", { aggregate: "p(99.9)", operator: "<=", bound: 1000 }],
    ["rate>0.995", { aggregate: "rate", operator: ">", bound: 0.995 }],
    ["count===0", { aggregate: "count", operator: "===", bound: 0 }],
    ["p95<500", undefined],
    ["rate>", undefined],
    ["rate>1.2.3", undefined],
  ];
  for (const [expression, limit] of rows) {
    test(JSON.stringify(expression), () => assert.deepEqual(parseLimit(expression), limit));
  }
});

describe("what came of a limit is told in words, the value with its unit and on its side of the limit", () => {
  const rows: [metric: string, expression: string, value: number | null, said: string][] = [
    [
      "ws_reply_success_rate",
      "rate>0.995",
      0.99983,
      "share of replies in time 99.983 % (expected more than 99.5 %)",
    ],
    [
      "ws_reply_success_rate",
      "rate>0.995",
      0.99496,
      "share of replies in time 99.496 % (expected more than 99.5 %)",
    ],
    [
      "ws_reply_success_rate",
      "rate>0.9999",
      0.99985,
      "share of replies in time 99.985 % (expected more than 99.99 %)",
    ],
    [
      "ws_reply_success_rate",
      "rate>0.995",
      0.995,
      "share of replies in time 99.5 % (expected more than 99.5 %)",
    ],
    ["ws_reply_success_rate", "rate>0.995", 1, "share of replies in time 100 % (expected more than 99.5 %)"],
    [
      "ws_reply_success_rate",
      "rate>=0.787",
      0.7869,
      "share of replies in time 78.69 % (expected at least 78.7 %)",
    ],
    [
      "ws_connection_drop_rate",
      "rate<0.01",
      0.00999,
      "share of connections that dropped 0.999 % (limit 1 %)",
    ],
    ["ws_msg_rtt_ms", "p(50)<100", 303.4, "median round trip 303 ms (limit 100 ms)"],
    ["ws_msg_rtt_ms", "p(95)<500", 500.3, "round trip p95 500.3 ms (limit 500 ms)"],
    ["ws_msg_rtt_ms", "p(95)<500", 499.7, "round trip p95 499.7 ms (limit 500 ms)"],
    ["ws_msg_rtt_ms", "p(95)<500", 500, "round trip p95 500 ms (limit: less than 500 ms)"],
    ["ws_msg_rtt_ms", "p(99)<=1000", 1000.04, "round trip p99 1000.04 ms (limit 1000 ms)"],
    ["ws_msg_rtt_ms", "p(95)<500", 12.345, "round trip p95 12.3 ms (limit 500 ms)"],
    ["ws_msg_rtt_ms", "p(95)<500", null, "no value for round trip p95 (limit 500 ms)"],
    ["ws_messages_lost", "count==0", 119, "119 lost messages (limit 0)"],
    ["ws_messages_lost{step:40}", "count==0", 119, "119 lost messages (limit 0)"],
    [
      "ws_connection_drops{code:1006}",
      "count<5",
      5,
      "5 dropped connections with code 1006 (limit: fewer than 5)",
    ],
    ["ws_replies", "count>0", 0, "0 replies (expected more than 0)"],
    ["ws_replies", "rate>5", 4.2, "replies 4.2 a second (expected more than 5 a second)"],
    ["my_metric", "max<5", 6, "longest my_metric 6 (limit 5)"],
  ];
  for (const [metric, expression, value, said] of rows) {
    test(`${metric} ${expression}: ${value}`, () => {
      assert.equal(describeLimit({ metric, expression, ok: false, value }), said);
    });
  }
});

test("the text for a terminal fits 100 columns", () => {
  const lines = terminal(summaryOf(k6Data())).split("\n");
  assert.ok(lines.some((line) => line.includes("✓  ws_msg_rtt_ms p(95)<500")));
  for (const line of lines) assert.ok(line.length <= 100, line);
});

for (const [sentence, line, folded] of [
  ["a line that fits stays as it is", "  a b", ["  a b"]],
  ["one that does not goes on below, indented", "aaa bb cc dd", ["aaa bb", "  cc", "  dd"]],
  ["a word is never cut", "aaaaaaaaa b", ["aaaaaaaaa", "  b"]],
  [
    "nor is one that is wider than what is left of an indented line",
    "a bbbbbbbbb c",
    ["a", "  bbbbbbbbb", "  c"],
  ],
] as const) {
  test(sentence, () => assert.deepEqual(fold(line, "  ", 6), folded));
}

test("a verdict of many broken limits fits 100 columns too", () => {
  const summary = { ...summaryOf(k6Data()), reason: "ws_msg_rtt_ms p(95)<500: was 812; ".repeat(9).trim() };
  for (const line of terminal(summary).split("\n")) assert.ok(line.length <= 100, line);
});

test("the parts of a count stand by their tags, where it has several", () => {
  const drops = (count: number) => ({ kind: "counter", unit: "1", count }) as const;
  const by = { code: { "1006": drops(2), "1011": drops(1) }, by: { network: drops(2), server: drops(1) } };
  const metrics = {
    ws_connection_drops: { ...drops(3), by },
    ws_connect_failures: { ...drops(4), by: { reason: { tls: drops(4) } } },
  };
  const text = terminal({ ...summaryOf(k6Data()), metrics });
  assert.match(text, /ws_connection_drops +3 +code: 1006 2, 1011 1; by: network 2, server 1\n/);
  assert.match(text, /ws_connect_failures +4 +tls 4\n/);
});

test("nothing that is named in a summary becomes markup", () => {
  const specials = fc.stringMatching(/^[<>[\]()`*_|~#\\a!&]{1,20}$/);
  fc.assert(
    fc.property(specials, (reason) => {
      const text = markdown({ ...summaryOf(k6Data()), reason });
      const line = text.split("\n")[2]!;
      assert.doesNotMatch(line, /(?<!\\)(?:\\\\)*[<>[\]`*_|]/);
    }),
  );
});

test("a run says how long it took of what was planned, and takes no gauge's last value for all of its parts", () => {
  const status = { kind: "gauge", unit: "1", value: 426, min: 101, max: 431 } as const;
  const metrics = { ws_handshake_status: { ...status, by: { case: { "no-key": status } } } };
  const text = terminal({ ...summaryOf(k6Data()), durationMs: 430.2, plannedMs: 0, metrics });
  assert.match(text, /^ {2}430ms; k6 v2\.2\.0$/m);
  assert.doesNotMatch(text, /ws_handshake_status/);
  assert.match(
    terminal({ ...summaryOf(k6Data()), durationMs: 11_600, plannedMs: 11_745 }),
    /^ {2}12s of 12s planned; k6/m,
  );
});

test("that k6 judged no limits is said beside the figures, and not where it did", () => {
  assert.match(summaryOf(unjudged()).notes!.join(), /k6 judged no limits \(--no-thresholds\)/);
  assert.doesNotMatch(summaryOf(k6Data()).notes!.join(), /k6 judged no limits/);
});

test("a soak without any reply says where to look", () => {
  const metrics = (replies: number) =>
    ({
      ws_probes: { kind: "counter", unit: "1", count: 40 },
      ws_replies: { kind: "counter", unit: "1", count: replies },
      ws_sessions_opened: { kind: "counter", unit: "1", count: 4 },
    }) as const;
  assert.match(notesOnSilence(metrics(0)).join(), /^no probe got a reply: k6-realtime try shows/);
  assert.deepEqual(notesOnSilence(metrics(1)), []);
});

test("a soak whose sessions never got ready says so", () => {
  const counter = (count: number) => ({ kind: "counter", unit: "1", count }) as const;
  const metrics = (unready: number) => ({
    ws_probes: counter(0),
    ws_replies: counter(0),
    ws_sessions_opened: counter(4),
    ws_message_errors: { ...counter(unready), by: { reason: { session: counter(unready) } } },
  });
  assert.match(notesOnSilence(metrics(4)).join(), /^no session got ready/);
  assert.deepEqual(notesOnSilence(metrics(0)), []);
});

test("each reason of a failed attempt has a meaning and advice, and a report lists those that occurred", () => {
  const reasons = Object.keys(meanings().ws_connect_failures!.reason!);
  assert.deepEqual([...reasons].sort(), [...CONNECT_REASONS].sort());
  const count = (n: number) => ({ kind: "counter", unit: "1", count: n }) as const;
  const terms = meaningsIn({
    ws_connect_failures: { ...count(3), by: { reason: { refused: count(3), dns: count(0) } } },
    ws_connection_drops: { ...count(2), by: { code: { 1006: count(2) }, by: { network: count(2) } } },
    ws_contract_violations: { ...count(5), by: { kind: { order: count(5) }, rule: { enum: count(5) } } },
  });
  assert.deepEqual(
    terms.map(({ name, count }) => [name, count]),
    [
      ["reason refused", 3],
      ["code 1006", 2],
      ["by network", 2],
      ["rule enum", 5],
    ],
  );
  for (const { means, advice } of terms) assert.ok(means.length > 10 && advice.length > 10);
});
