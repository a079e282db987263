/** Verdicts of runs, by what k6 hands over. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { K6Data, Thresholds } from "../../lib/summary/summarize.ts";
import type { Verdict } from "../../lib/summary/summary.ts";
import { k6Data, LIMITS, summaryOf, trend, unjudged } from "./k6-data.ts";

/** Sessions of which none was ready in time for a probe. */
const UNASKED: K6Data["metrics"] = {
  ws_sessions_opened: { values: { count: 4, rate: 1 } },
  ws_probes: { values: { count: 0, rate: 0 } },
  ws_replies: { values: { count: 0, rate: 0 }, thresholds: { "count>0": { ok: false } } },
  ws_msg_rtt_ms: { ...trend(0, 0), thresholds: { "p(95)<500": { ok: true }, "p(99)<1000": { ok: true } } },
};

/** No part of the load. */
const NOT_BEGUN: K6Data["metrics"] = {
  ws_shards_started: { values: { count: 0, rate: 0 } },
  ws_shards_completed: { values: { count: 0, rate: 0 } },
};

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
      const summary = summaryOf(k6Data(metrics), undefined, { ...tested, replyTimeoutMs });
      assert.equal(summary.verdict, verdict, summary.reason);
      assert.match(summary.reason, reason);
    });
});

describe("a limit on connecting is not the server's fault where a slow proxy may have broken it", () => {
  const PROXY = "http://proxy.test:3128 (HTTP_PROXY)";
  const LIMIT = "p(95)<500";
  const connects = (p95: number): K6Data["metrics"] => ({
    ws_connect_latency_ms: { ...trend(p95 * 1.5), thresholds: { [LIMIT]: { ok: p95 < 500 } } },
  });
  const phases = (p95s: { readonly [phase: string]: number }): K6Data["metrics"] =>
    Object.fromEntries(
      Object.entries(p95s).map(([phase, p95]) => [`ws_connect_phase_ms{phase:${phase}}`, trend(p95 * 1.5)]),
    );
  const lost = {
    ws_delivery_success_rate: {
      values: { rate: 0.9, passes: 90, fails: 10 },
      thresholds: { "rate>0.995": { ok: false } },
    },
  };
  const rows: [sentence: string, metrics: K6Data["metrics"], verdict: Verdict, reason: RegExp][] = [
    [
      "incomplete where the proxy took the time",
      { ...connects(1_508), ...phases({ tcp: 1, proxy: 1_500, upgrade: 6 }) },
      "incomplete",
      /^time to connect p95 1508 ms \(limit 500 ms\) includes 1501 ms of the proxy http:\/\/proxy\.test:3128 \(HTTP_PROXY\) .*: without it the limit may hold$/,
    ],
    [
      "incomplete where nothing tells what the proxy took",
      connects(1_508),
      "incomplete",
      /^time to connect p95 1508 ms \(limit 500 ms\) includes the time of the proxy http:\/\/proxy\.test:3128 /,
    ],
    [
      "fail where the limit broke without the proxy's time",
      { ...connects(1_508), ...phases({ proxy: 1_000, upgrade: 400 }) },
      "fail",
      /^time to connect p95 1508 ms \(limit 500 ms\)$/,
    ],
    [
      "fail where the server alone took too long, at whichever connections the proxy did",
      { ...connects(1_508), ...phases({ proxy: 1_500, upgrade: 500 }) },
      "fail",
      /^time to connect p95 1508 ms \(limit 500 ms\)$/,
    ],
    [
      "fail by another limit, with what the proxy took",
      { ...connects(1_508), ...phases({ proxy: 1_500 }), ...lost },
      "fail",
      /^share delivered in time 90 % .*; time to connect p95 1508 ms .*includes 1500 ms of the proxy/,
    ],
    [
      "pass where the limit held",
      { ...connects(400), ...phases({ proxy: 390 }) },
      "pass",
      /^all 5 limits held$/,
    ],
  ];
  const limits = { ...LIMITS, ws_connect_latency_ms: [LIMIT] };
  const tested = { urls: [], protocol: "chat", profile: null, load: "", connections: 1, settings: {} };
  for (const [sentence, metrics, verdict, reason] of rows)
    test(sentence, () => {
      const summary = summaryOf(k6Data(metrics), limits, { ...tested, proxies: [PROXY] });
      assert.equal(summary.verdict, verdict, summary.reason);
      assert.match(summary.reason, reason);
    });

  test("fail without a proxy", () => {
    assert.equal(summaryOf(k6Data(connects(1_508)), limits, tested).verdict, "fail");
  });

  test("fail where the way back took longer than any connecting", () => {
    const back = { ws_reconnect_time_ms: { ...trend(3_000), thresholds: { "p(95)<1000": { ok: false } } } };
    const judged = (connecting: number) =>
      summaryOf(
        k6Data({ ...connects(connecting), ...back }),
        { ...limits, ws_reconnect_time_ms: ["p(95)<1000"] },
        { ...tested, proxies: [PROXY] },
      ).verdict;
    assert.equal(judged(400), "fail");
    assert.equal(judged(1_900), "incomplete");
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
      "incomplete without replies where no probe fell due",
      k6Data(UNASKED),
      "incomplete",
      /^no probe fell due: no session was ready as long as REPLY_TIMEOUT before its end/,
    ],
    [
      "fail without replies where a probe fell due",
      k6Data({ ...UNASKED, ws_probes: { values: { count: 1, rate: 1 } } }),
      "fail",
      /^0 replies \(expected more than 0\)/,
    ],
    [
      "fail without replies where the server left a session waiting",
      k6Data({ ...UNASKED, "ws_message_errors{reason:session}": { values: { count: 1, rate: 1 } } }),
      "fail",
      /^0 replies \(expected more than 0\)/,
    ],
    [
      "fail without replies where no connection was opened",
      k6Data({ ...UNASKED, ws_sessions_opened: { values: { count: 0, rate: 0 } } }),
      "fail",
      /^0 replies \(expected more than 0\)/,
    ],
    [
      "fail by another limit, though no probe fell due",
      k6Data({
        ...UNASKED,
        ws_delivery_success_rate: {
          values: { rate: 0.9, passes: 9, fails: 1 },
          thresholds: { "rate>0.995": { ok: false } },
        },
      }),
      "fail",
      /^0 replies \(expected more than 0\); 3 more limits broken$/,
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
      /^whether ws_msg_rtt_ms p\(95\)<500 and ws_msg_rtt_ms p\(99\)<1000 held is unknown: 6 of 100 replies were missing/,
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
      /^whether ws_delivery_success_rate rate>0.995 held is unknown: no delivery came to two subscribers/,
    ],
    [
      "incomplete where lag is known by the stamps of another clock alone",
      k6Data({ "ws_message_errors{reason:clock_differs}": { values: { count: 3, rate: 0 } } }),
      "incomplete",
      /^the clocks of the server and this machine differ: 3 deliveries are stamped later than they came/,
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
      /^not judged, since k6 did not compute it: ws_msg_rtt_ms p\(95\)<500, ws_msg_rtt_ms p\(99\)<1000$/,
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
      "incomplete when connections could not be had, with what most of them failed with",
      k6Data({
        ws_shards_completed: { values: { count: 9, rate: 1 } },
        ws_connections_given_up: { values: { count: 20, rate: 1 } },
        ws_connect_failures: { values: { count: 42, rate: 1 } },
        "ws_connect_failures{reason:reset}": { values: { count: 2, rate: 1 } },
        "ws_connect_failures{reason:timeout_upgrade}": { values: { count: 40, rate: 1 } },
      }),
      "incomplete",
      /: 20 connections were never open, and 40 of 42 failed attempts to connect ended with timeout_upgrade$/,
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
