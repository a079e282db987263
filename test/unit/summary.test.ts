import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import * as v from "valibot";
import { notesOnSilence } from "../../lib/connecting.ts";
import type { MetricName } from "../../lib/metrics.ts";
import { MEANINGS, meaningsIn } from "../../lib/reason-meanings.ts";
import { CONNECT_REASONS } from "../../lib/reasons.ts";
import { fold } from "../../lib/summary/fold.ts";
import { markdown } from "../../lib/summary/markdown.ts";
import {
  breakdownThresholds,
  type K6Data,
  summarize,
  type Thresholds,
  trendStats,
} from "../../lib/summary/summarize.ts";
import { SummarySchema, type Verdict } from "../../lib/summary/summary.ts";
import { terminal } from "../../lib/summary/terminal.ts";
import type { Tested } from "../../lib/summary/tested.ts";
import { parseLimit } from "../../lib/summary/threshold.ts";
import { describeLimit } from "../../lib/summary/words.ts";

const METRIC_NAMES: MetricName[] = [
  "ws_msg_rtt_ms",
  "ws_generator_delay_ms",
  "ws_replies",
  "ws_publications",
  "ws_deliveries",
  "ws_message_errors",
  "ws_connect_failures",
  "ws_connections_given_up",
  "ws_delivery_success_rate",
  "ws_shards_started",
  "ws_shards_completed",
];
const LIMITS = {
  ws_replies: ["count>0"],
  ws_msg_rtt_ms: ["p(95)<500", "p(99)<1000"],
  ws_delivery_success_rate: ["rate>0.995"],
};

const trend = (p99: number, count = 100) => ({
  values: {
    count,
    min: p99 / 8,
    avg: p99 / 3,
    "p(50)": p99 / 4,
    "p(90)": p99 / 2,
    "p(95)": p99 / 1.5,
    "p(99)": p99,
    max: p99 * 2,
  },
});

/** What k6 hands over after a good run, with changes. */
function k6Data(
  changes: K6Data["metrics"] = {},
  setup: K6Data["setup_data"] | null = { upgraded: true },
): K6Data {
  return {
    state: { testRunDurationMs: 12_000.4 },
    setup_data: setup,
    metrics: {
      ws_replies: { values: { count: 100, rate: 8 }, thresholds: { "count>0": { ok: true } } },
      ws_msg_rtt_ms: { ...trend(120), thresholds: { "p(95)<500": { ok: true }, "p(99)<1000": { ok: true } } },
      ws_delivery_success_rate: {
        values: { rate: 1, passes: 100, fails: 0 },
        thresholds: { "rate>0.995": { ok: true } },
      },
      ws_generator_delay_ms: trend(3),
      "ws_generator_delay_ms{side:send}": { ...trend(3), thresholds: { "max>=0": { ok: true } } },
      ws_shards_started: { values: { count: 10, rate: 1 } },
      ws_shards_completed: { values: { count: 10, rate: 1 } },
      ...changes,
    },
  };
}

/** No part of the load. */
const NOT_BEGUN: K6Data["metrics"] = {
  ws_shards_started: { values: { count: 0, rate: 0 } },
  ws_shards_completed: { values: { count: 0, rate: 0 } },
};

/** What k6 hands over where it judged nothing (`--no-thresholds`). */
function unjudged(changes: K6Data["metrics"] = {}): K6Data {
  const data = k6Data(changes);
  const metrics = Object.entries(data.metrics).map(([name, { values }]) => [name, { values }]);
  return { ...data, metrics: Object.fromEntries(metrics) };
}

const summaryOf = (data: K6Data, limits: Thresholds = LIMITS, tested?: Tested) =>
  summarize(data, {
    scenario: "chat-soak",
    tested,
    plannedMs: 12_000,
    metrics: METRIC_NAMES,
    limits,
    k6: { version: "v2.2.0", extension: null },
    endedAt: new Date("2026-01-02T03:04:17.000Z"),
  });

describe("messages that did not come are the generator's doing where it took up their time", () => {
  const lost: K6Data["metrics"] = {
    ws_delivery_success_rate: {
      values: { rate: 0.9, passes: 90, fails: 10 },
      thresholds: { "rate>0.995": { ok: false } },
    },
  };
  const late = { "ws_generator_delay_ms{side:send}": trend(50) }; // 100 ms at the most
  const rows: [replyTimeoutMs: number, metrics: K6Data["metrics"], verdict: string, reason: RegExp][] = [
    [
      200,
      { ...late, ...lost },
      "generator-bound",
      /side:send\} was up to 100 ms, of the 200 ms \(REPLY_TIMEOUT\) that messages had to come; also broken: share delivered in time 90 % /,
    ],
    [201, { ...late, ...lost }, "fail", /^share delivered in time 90 % /],
    [200, late, "pass", /^all 4 limits held$/],
  ];
  for (const [replyTimeoutMs, metrics, verdict, reason] of rows)
    test(`${verdict} at ${replyTimeoutMs} ms`, () => {
      const tested = { urls: [], protocol: "chat", profile: null, load: "", connections: 1, settings: {} };
      const summary = summaryOf(k6Data(metrics), LIMITS, { ...tested, replyTimeoutMs });
      assert.equal(summary.verdict, verdict, summary.reason);
      assert.match(summary.reason, reason);
    });
});

describe("a run is judged", () => {
  const brokenRtt = {
    ...trend(1_200),
    thresholds: { "p(95)<500": { ok: false }, "p(99)<1000": { ok: false } },
  };
  const unsampledRtt = {
    values: trend(0, 0).values,
    thresholds: { "p(95)<500": { ok: true }, "p(99)<1000": { ok: true } },
  };
  const slowSend = { "ws_generator_delay_ms{side:send}": trend(101) };
  const slightlySlowSend = { "ws_generator_delay_ms{side:send}": trend(51) };
  const rows: [sentence: string, data: K6Data, verdict: Verdict, reason: RegExp][] = [
    ["pass when every limit held", k6Data(), "pass", /^all 4 limits held$/],
    [
      "fail when limits broke, with their values",
      k6Data({ ws_msg_rtt_ms: brokenRtt }),
      "fail",
      /^round trip p95 800 ms \(limit 500 ms\); 1 more limit broken$/,
    ],
    [
      "fail where k6 calls a limit without samples ok",
      k6Data({ ws_msg_rtt_ms: unsampledRtt }),
      "fail",
      /^no value for round trip p95 \(limit 500 ms\)/,
    ],
    [
      "generator-bound when it added over a tenth of the highest limit",
      k6Data(slowSend),
      "generator-bound",
      /side:send} p99 was 101 ms, more than 10 % of the highest latency limit \(1000 ms\)$/,
    ],
    [
      "generator-bound rather than fail",
      k6Data({ ...slowSend, ws_msg_rtt_ms: brokenRtt }),
      "generator-bound",
      /bottleneck/,
    ],
    [
      "generator-bound, with what broke beside latencies",
      k6Data({
        ...slowSend,
        ws_msg_rtt_ms: brokenRtt,
        ws_replies: { values: { count: 0, rate: 0 }, thresholds: { "count>0": { ok: false } } },
      }),
      "generator-bound",
      /of the tightest latency limit that broke \(500 ms\); also broken: 0 replies \(expected more than 0\)$/,
    ],
    [
      "generator-bound by the tightest limit that broke, however high the others are",
      k6Data({ ...slightlySlowSend, ws_msg_rtt_ms: brokenRtt }),
      "generator-bound",
      /side:send} p99 was 51 ms, more than 10 % of the tightest latency limit that broke \(500 ms\)$/,
    ],
    ["pass by the highest limit where none broke", k6Data(slightlySlowSend), "pass", /^all 4 limits held$/],
    [
      "not generator-bound at exactly a tenth",
      k6Data({ "ws_generator_delay_ms{side:send}": trend(100) }),
      "pass",
      /limits held/,
    ],
    [
      "incomplete when a percentile that held is of replies that were not waited for long enough",
      k6Data({ ws_replies: { values: { count: 94, rate: 8 }, thresholds: { "count>0": { ok: true } } } }),
      "incomplete",
      /^whether ws_msg_rtt_ms p\(95\)<500 and ws_msg_rtt_ms p\(99\)<1000 held is not known: 6 of 100 replies had not come/,
    ],
    [
      "pass when fewer replies are missing than a limit lets pass",
      k6Data({ ws_replies: { values: { count: 99, rate: 8 }, thresholds: { "count>0": { ok: true } } } }),
      "pass",
      /limits held/,
    ],
    [
      "fail where a delivery rate has no value although something was published",
      k6Data({
        ws_deliveries: { values: { count: 3, rate: 0 } },
        ws_publications: { values: { count: 3, rate: 0 } },
        ws_delivery_success_rate: { values: { rate: 0, passes: 0, fails: 0 }, thresholds: {} },
      }),
      "fail",
      /^no value for share delivered in time \(expected more than 99\.5 %\)$/,
    ],
    [
      "incomplete where nobody published here and no subscriber heard what another did",
      k6Data({
        ws_deliveries: { values: { count: 3, rate: 0 } },
        ws_delivery_success_rate: { values: { rate: 0, passes: 0, fails: 0 }, thresholds: {} },
      }),
      "incomplete",
      /^whether ws_delivery_success_rate rate>0.995 held is not known: no delivery came to two subscribers/,
    ],
    [
      "incomplete where lag is known by the stamps of another clock alone",
      k6Data({ "ws_message_errors{reason:clock_differs}": { values: { count: 3, rate: 0 } } }),
      "incomplete",
      /^the server's clock is not this machine's: 3 deliveries are stamped later than they came/,
    ],
    [
      "pass where what was published here tells, whatever the server's clock",
      k6Data({
        "ws_message_errors{reason:clock_differs}": { values: { count: 3, rate: 0 } },
        ws_publications: { values: { count: 3, rate: 0 } },
      }),
      "pass",
      /limits held/,
    ],
    [
      "incomplete after a failed set-up",
      k6Data(NOT_BEGUN, null),
      "incomplete",
      /^the load did not begin: an output of k6 did not start, or the setup/,
    ],
    [
      "incomplete after a refused upgrade, with the reason",
      k6Data(
        { ...NOT_BEGUN, "ws_connect_failures{reason:refused}": { values: { count: 1, rate: 0 } } },
        null,
      ),
      "incomplete",
      /took no WebSocket upgrade \(refused\)\. Check host and port/,
    ],
    ["pass where the set-up was left out and the load was there", k6Data({}, null), "pass", /limits held/],
    ["pass by figures that k6 did not judge", unjudged(), "pass", /^all 4 limits held$/],
    [
      "fail by figures that k6 did not judge",
      unjudged({ ws_msg_rtt_ms: trend(1_200) }),
      "fail",
      /^round trip p95 800 ms \(limit 500 ms\); 1 more limit broken$/,
    ],
    [
      "fail where k6 judged nothing and there was no value",
      unjudged({ ws_delivery_success_rate: { values: { rate: 0, passes: 0, fails: 0 } } }),
      "fail",
      /^no value for share delivered in time \(expected more than 99\.5 %\)$/,
    ],
    [
      "incomplete where k6 neither judged a limit nor computed what it is on",
      unjudged({ ws_msg_rtt_ms: { values: { count: 9, min: 1, max: 3 } } }),
      "incomplete",
      /^not judged, for k6 did not compute it: ws_msg_rtt_ms p\(95\)<500, ws_msg_rtt_ms p\(99\)<1000$/,
    ],
    [
      "incomplete when part of the load ended early",
      k6Data({ ws_shards_completed: { values: { count: 7, rate: 1 } } }),
      "incomplete",
      /^3 of 10 parts of the load/,
    ],
    [
      "incomplete when connections could not be had, with how many",
      k6Data({
        ws_shards_completed: { values: { count: 9, rate: 1 } },
        ws_connections_given_up: { values: { count: 20, rate: 1 } },
      }),
      "incomplete",
      /^1 of 10 parts of the load ended before their planned end: 20 connections were never open$/,
    ],
    [
      "incomplete when nothing began",
      k6Data({ ws_shards_started: { values: { count: 0, rate: 0 } } }),
      "incomplete",
      /^no part of the load began$/,
    ],
  ];
  for (const [sentence, data, verdict, reason] of rows) {
    test(sentence, () => {
      const summary = summaryOf(data);
      assert.equal(summary.verdict, verdict, summary.reason);
      assert.match(summary.reason, reason);
    });
  }
});

describe("what the generator may add is a tenth of", () => {
  const rows: [sentence: string, limits: Thresholds, delay: number, verdict: Verdict][] = [
    [
      "the connect latency's limit where there is none on messages",
      { ws_connect_latency_ms: ["p(95)<500"] },
      51,
      "generator-bound",
    ],
    ["that, but no less", { ws_connect_latency_ms: ["p(95)<500"] }, 49, "pass"],
    [
      "the messages' limit where there are both",
      { ws_connect_latency_ms: ["p(95)<500"], ws_msg_rtt_ms: ["p(99)<1000"] },
      51,
      "pass",
    ],
    ["nothing where no latency is limited", { ws_replies: ["count>0"] }, 1e6, "pass"],
  ];
  for (const [sentence, limits, delay, verdict] of rows) {
    test(sentence, () => {
      const connect = { ...trend(20), thresholds: { "p(95)<500": { ok: true } } };
      const data = k6Data({
        ws_connect_latency_ms: connect,
        "ws_generator_delay_ms{side:send}": trend(delay),
      });
      assert.equal(summaryOf(data, limits).verdict, verdict);
    });
  }
});

test("what the generator may add is a tenth of a connect latency's limit that broke, though those on messages held", () => {
  const data = k6Data({
    ws_connect_latency_ms: { ...trend(600), thresholds: { "p(95)<500": { ok: false } } },
    "ws_generator_delay_ms{side:send}": trend(51),
  });
  const limits = { ws_connect_latency_ms: ["p(95)<500"], ws_msg_rtt_ms: ["p(99)<1000"] };
  assert.equal(summaryOf(data, limits).verdict, "generator-bound");
});

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
  assert.match(notesOnSilence(metrics(0)).join(), /^no probe had a reply: k6-realtime try shows/);
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
  const reasons = Object.keys(MEANINGS.ws_connect_failures!.reason!);
  assert.deepEqual([...reasons].sort(), [...CONNECT_REASONS].sort());
  const count = (n: number) => ({ kind: "counter", unit: "1", count: n }) as const;
  const terms = meaningsIn({
    ws_connect_failures: { ...count(3), by: { reason: { refused: count(3), dns: count(0) } } },
    ws_connection_drops: { ...count(2), by: { code: { 1006: count(2) }, by: { network: count(2) } } },
  });
  assert.deepEqual(
    terms.map(({ name, count }) => [name, count]),
    [
      ["reason refused", 3],
      ["code 1006", 2],
      ["by network", 2],
    ],
  );
  for (const { means, advice } of terms) assert.ok(means.length > 10 && advice.length > 10);
});
