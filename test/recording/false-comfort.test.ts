/**
 * Runs that a gate could pass although something is wrong, each with what it says instead. That an Action's log, summary
 * and exit code have one verdict is in test/action/action.alone.test.ts ("a run that is slower than the baseline fails"), and
 * that of a run whose k6 has an output that does not start in test/cli/run.test.ts.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { smokeRoundTrips } from "../k6/smoke.ts";
import { files, gate, run } from "./gate.ts";
import { encoded, RTT, type Synthetic } from "./synthetic.ts";

/** A script of one's own with one limit, on round trips that are fast. */
const script = (series: Synthetic["series"], second: readonly number[]): Synthetic => ({
  header: { thresholds: { ws_msg_rtt_ms: ["p(50)<50"] } },
  series: [RTT, ...series!],
  seconds: Array.from({ length: 10 }, () => [
    [0, encoded(Array.from({ length: 50 }, () => 20))],
    ...second.map((count, i) => [i + 1, count] as const),
  ]),
});
const counter = (metric: string) => ({ metric, kind: "counter" });

test("tonight's run is no baseline of itself", async (t) => {
  const tonight = { ...run(1, 2), header: { ...run(1).header, id: "tonight" } };
  const { directory, path, baselines } = await files(t, tonight, tonight, run(2));
  const { code, last, said } = await gate(directory, path, ...baselines);
  assert.equal(code, 99, said);
  assert.match(last!, /^fail: ws_msg_rtt_ms p50 is [\d.]+ % slower than the baseline/);
});

const hollow: [sentence: string, run: Synthetic, last: RegExp][] = [
  [
    "most of whose connections dropped",
    script([counter("ws_sessions_opened"), counter("ws_connection_drops")], [10, 6]),
    /^incomplete: 60 of 100 connections dropped, though no limit was broken$/,
  ],
  [
    "most of whose attempts to connect failed",
    script([counter("ws_sessions_opened"), counter("ws_connect_failures")], [1, 4]),
    /^incomplete: only 10 of 50 attempts to connect succeeded, though no limit was broken$/,
  ],
];
for (const [sentence, made, last] of hollow) {
  test(`a run is no pass ${sentence}, whatever its limits`, async (t) => {
    const { directory, path } = await files(t, made);
    const answer = await gate(directory, path);
    assert.match(answer.last!, last);
    assert.equal(answer.code, 3);
  });
}

test("a run that half of its connections outlast passes", async (t) => {
  const made = script([counter("ws_sessions_opened"), counter("ws_connection_drops")], [10, 5]);
  const { directory, path } = await files(t, made);
  assert.equal((await gate(directory, path)).code, 0);
});

test("connections that came back as they were meant to are no reason against a pass", async (t) => {
  const made = script(
    [counter("ws_sessions_opened"), counter("ws_connection_drops"), counter("ws_gap_messages")],
    [10, 9, 1],
  );
  const { directory, path } = await files(t, made);
  assert.equal((await gate(directory, path)).code, 0);
});

test("one baseline that is twenty times slower lets no slow run pass, and each is named", async (t) => {
  const { directory, path, baselines } = await files(t, run(1, 1.6), run(2), run(3), run(4, 20));
  const { code, last, said } = await gate(directory, path, ...baselines);
  assert.equal(code, 99, said);
  assert.match(last!, /slower than the median of 3 baselines .*; slower than 2 of 3: \d+, \d+/);
  assert.match(said, /far from the other baselines, and not counted: \d+ \(ws_msg_rtt_ms p50 \d+\)/);
});

test("what the time to connect leaves out stands beside it", async (t) => {
  const made: Synthetic = {
    header: {
      thresholds: { ws_connect_latency_ms: ["p(50)<50"] },
      tested: {
        urls: ["ws://127.0.0.1:8080/ws"],
        protocol: "chat",
        profile: null,
        load: "50 connections for 1m",
        connections: 50,
        settings: {},
      },
    },
    series: [
      { ...RTT, metric: "ws_connect_latency_ms" },
      counter("ws_sessions_opened"),
      counter("ws_connect_failures"),
    ],
    seconds: [
      [
        [0, encoded([3, 3, 3, 3, 3, 3, 3, 3])],
        [1, 8],
        [2, 155],
      ],
    ],
  };
  const { directory, path } = await files(t, made);
  const { code, last, said } = await gate(directory, path);
  assert.equal(code, 3);
  assert.equal(last, "incomplete: only 8 of 50 connected, though no limit was broken");
  assert.match(said, /ws_connect_latency_ms +3 .* 8 +without 155 that failed/);
  assert.match(said, /only 8 of 50 connected: ws_connect_latency_ms leaves out 155 attempts that failed/);
});

test("the smoke profile has values enough for a gate to compare p95 by, and one room in which everybody is", () => {
  const { connections, rooms, roundTrips } = smokeRoundTrips();
  assert.ok(rooms < connections, "two in a room at least");
  // Ten values beyond p95, and as many again for what is dropped as warm-up.
  assert.ok(roundTrips >= 300, `${roundTrips} round trips`);
});
