/** The decisions of fuzzing, without a server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { frameBytes } from "../../cli/fuzz/frames.ts";
import { gaugesIn } from "../../cli/fuzz/gauges.ts";
import { parseExpectations } from "../../lib/fuzz/expect.ts";
import { placeOf } from "../../lib/fuzz/finding.ts";
import { chosen } from "../../lib/fuzz/globs.ts";
import { edited, jsonIn, pathsOf } from "../../lib/fuzz/json-edit.ts";
import type { Calm, ConnectionSeen, LogEntry, Observation, ProbeSeen } from "../../lib/fuzz/observation.ts";
import { FINDING_KINDS, isAgain, judge } from "../../lib/fuzz/oracle.ts";
import { breaksWire, type Sequence, type Step } from "../../lib/fuzz/sequence.ts";
import { smaller } from "../../lib/fuzz/shrink.ts";
import { changesOf, messagesOf, ofType } from "../../lib/fuzz/vocabulary.ts";
import { PROTOCOLS } from "../../lib/protocols/index.ts";

const calm: Calm = {
  ...{ probes: true, deliveries: true, ownDeliveries: true, pongs: true, closeAnswered: true },
  ...{ privateReplies: true, roomsApart: true, answerMs: 5 },
};
const rules = { calm, expect: parseExpectations("", FINDING_KINDS), neighbourLimitMs: 200 };
const hostile: Step = { on: 0, origin: { name: "text" }, text: "x" };
const valid: Step = { on: 0, origin: { name: "probe" }, valid: { kind: "probe", payload: "x" } };
const sequence = (...steps: Step[]): Sequence => ({ connections: [{ start: "ready" }], steps });

const seenOn = (log: LogEntry[], more: Partial<ConnectionSeen> = {}): ConnectionSeen => ({
  ...{ name: "connection 1", role: "fuzzing", log, probes: [], deliveries: [], ponged: true },
  ...{ closeAnswered: true, session: "ready", foreign: [] },
  ...more,
});
const neighbourSeen = (more: Partial<ConnectionSeen> = {}, log: LogEntry[] = []): ConnectionSeen =>
  seenOn(log, { name: "neighbour 1", role: "neighbour", ...more });
const observation = (more: Partial<Observation>): Observation => ({
  ...{
    connections: [seenOn([])],
    neighbours: [neighbourSeen()],
    serves: undefined,
    ownDelayMs: 1,
    waitedMs: 500,
  },
  ...{ growth: [], violations: [] },
  ...more,
});
const closed = (code: number | null, by: "server" | "us" | "network" = "server"): LogEntry => ({
  ...{ event: "closed", atMs: 3, code, reason: "", by },
});
const probe = (outcome: ProbeSeen["outcome"], more: Partial<ProbeSeen> = {}): ProbeSeen => ({
  ...{ id: "1", payloadBytes: 1, afterValid: false, outcome, afterMs: 2 },
  ...more,
});

const verdicts: [sentence: string, sent: Sequence, seen: Partial<Observation>, kinds: string[]][] = [
  ["nothing happened", sequence(hostile), {}, []],
  ["a policy's close code", sequence(hostile), { connections: [seenOn([closed(1008)])] }, []],
  [
    "a fault of the server's own",
    sequence(hostile),
    { connections: [seenOn([closed(1011)])] },
    ["server-error"],
  ],
  [
    "the code that was sent comes back",
    sequence({ on: 0, origin: { name: "close" }, close: { code: 1011, reason: "" } }),
    { connections: [seenOn([closed(1011)])] },
    [],
  ],
  [
    "an end without a Close",
    sequence(hostile),
    { connections: [seenOn([closed(null, "network")])] },
    ["abrupt-end"],
  ],
  [
    "the same where a proxy stands between, and what was owed then",
    sequence(hostile),
    {
      connections: [seenOn([{ ...closed(null, "network"), isOurs: true } as LogEntry])],
      neighbours: [
        neighbourSeen({}, [{ ...closed(null, "network"), isOurs: true } as LogEntry]),
        neighbourSeen({ probes: [probe("silence")] }),
      ],
    },
    [],
  ],
  [
    "new connections that the proxy or this machine stopped",
    sequence(hostile),
    { serves: { ok: false, detail: "no", isOurs: true } },
    [],
  ],
  [
    "the same after a frame that RFC 6455 forbids",
    sequence({ on: 0, origin: { name: "frames" }, frames: [{ fin: true, opcode: 3, text: "" }] }),
    { connections: [seenOn([closed(null, "network")])] },
    [],
  ],
  [
    "the same after a message without its end, which our next one comes into",
    sequence({ on: 0, origin: { name: "frames" }, frames: [{ fin: false, opcode: 1, text: "{" }] }),
    { connections: [seenOn([closed(null, "network")])] },
    [],
  ],
  ["we ended it ourselves", sequence(hostile), { connections: [seenOn([closed(null, "us")])] }, []],
  ["closed after valid messages", sequence(valid), { connections: [seenOn([closed(4000)])] }, ["gone"]],
  ["closed after others", sequence(hostile), { connections: [seenOn([closed(4000)])] }, []],
  [
    "a probe without an answer",
    sequence(hostile),
    { connections: [seenOn([], { probes: [probe("silence")] })] },
    ["silence"],
  ],
  [
    "a valid probe refused",
    sequence(valid),
    { connections: [seenOn([], { probes: [probe("error", { afterValid: true, reason: "no" })] })] },
    ["refused"],
  ],
  [
    "one refused after nonsense",
    sequence(hostile),
    { connections: [seenOn([], { probes: [probe("error")] })] },
    [],
  ],
  [
    "an upgrade with status 500",
    sequence(),
    { connections: [seenOn([{ event: "refused", atMs: 1, status: 500, body: "" }], { session: "none" })] },
    ["upgrade-5xx"],
  ],
  [
    "a neighbour dropped",
    sequence(hostile),
    { neighbours: [neighbourSeen({}, [closed(1000)])] },
    ["neighbour-dropped"],
  ],
  [
    "a neighbour held up",
    sequence(hostile),
    { neighbours: [neighbourSeen({ probes: [probe("reply", { afterMs: 290 })] })] },
    ["neighbour-slow"],
  ],
  [
    "a neighbour held up while our own loop stood still",
    sequence(hostile),
    { neighbours: [neighbourSeen({ probes: [probe("reply", { afterMs: 290 })] })], ownDelayMs: 120 },
    [],
  ],
  [
    "a neighbour without a delivery",
    sequence(hostile),
    { neighbours: [neighbourSeen({ deliveries: [{ id: "1", from: "neighbour 2", times: 0 }] })] },
    ["neighbour-lost"],
  ],
  [
    "a neighbour with a delivery twice",
    sequence(hostile),
    { neighbours: [neighbourSeen({ deliveries: [{ id: "1", from: "neighbour 2", times: 2 }] })] },
    ["neighbour-repeated"],
  ],
  [
    "a message for somebody else",
    sequence(hostile),
    { neighbours: [neighbourSeen({ foreign: [{ text: "x", bytes: 1 }] })] },
    ["misdirected"],
  ],
  [
    "an answer with a stack",
    sequence(hostile),
    {
      connections: [
        seenOn([
          {
            event: "received",
            atMs: 1,
            meaning: [],
            bytes: 9,
            text: '{"e":"Traceback (most recent call last)"}',
          },
        ]),
      ],
    },
    ["internal-error"],
  ],
  ["new connections refused", sequence(hostile), { serves: { ok: false, detail: "no" } }, ["server-gone"]],
  ["a count that grew", sequence(hostile), { growth: [{ name: "rooms", before: 1, after: 2 }] }, ["growth"]],
  [
    "a breach of the contract",
    sequence(hostile),
    { violations: [{ on: "neighbour 1", text: "no" }] },
    ["contract"],
  ],
];
for (const [sentence, sent, seen, kinds] of verdicts) {
  test(`${sentence}: ${kinds.join(", ") || "no finding"}`, () => {
    const found = judge(sent, observation(seen), rules).map(({ kind }) => kind);
    assert.deepEqual([...new Set(found)], kinds);
  });
}

test("what a user expects is no finding", () => {
  const expect = parseExpectations(
    "1011, 4000-4099, http-503, error:busy, quiet:^bye, growth",
    FINDING_KINDS,
  );
  assert.deepEqual([expect.code(1011), expect.code(4050), expect.code(4100)], [true, true, false]);
  assert.deepEqual([expect.status(503), expect.status(500)], [true, false]);
  assert.deepEqual([expect.error("busy"), expect.error("other")], [true, false]);
  assert.deepEqual([expect.farewell("bye!"), expect.farewell("good bye")], [true, false]);
  const seen = observation({
    connections: [seenOn([closed(1011)])],
    growth: [{ name: "x", before: 0, after: 1 }],
  });
  assert.deepEqual(judge(sequence(hostile), seen, { ...rules, expect }), []);
  assert.throws(() => parseExpectations("soon", FINDING_KINDS), /a list such as .* got "soon"/);
  assert.throws(() => parseExpectations("quiet:(", FINDING_KINDS), /a regular expression behind quiet:/);
});

test("a change is made at its place alone, and may write what JSON.stringify cannot", () => {
  const value = { a: { b: [1, 2] }, c: "x" };
  const replaced = edited(value, ["a", "b", 1], { kind: "replace", json: "1e400" });
  assert.equal(replaced, '{"a":{"b":[1,1e400]},"c":"x"}');
  assert.equal(edited(value, ["c"], { kind: "twice", json: "null" }), '{"a":{"b":[1,2]},"c":"x","c":null}');
  assert.equal(edited(value, ["a", "b"], { kind: "remove" }), '{"a":{},"c":"x"}');
  assert.equal(edited(value, ["c"], { kind: "rename", key: "C" }), '{"a":{"b":[1,2]},"C":"x"}');
  assert.deepEqual(jsonIn('42["echo",{}]'), { head: "42", value: ["echo", {}], foot: "" });
  assert.equal(jsonIn("no JSON"), undefined);
});

test("every edit but that of a key twice leaves JSON that differs from what was there", () => {
  fc.assert(
    fc.property(fc.object({ maxDepth: 3 }), (given) => {
      const value = JSON.parse(JSON.stringify(given));
      for (const [path] of pathsOf(value)) {
        assert.notDeepEqual(JSON.parse(edited(value, path, { kind: "replace", json: '"another"' })), value);
      }
    }),
  );
});

test("each field of each message of a descriptor is changed, and the rest of the message stays", () => {
  const messages = messagesOf(PROTOCOLS.chat);
  assert.deepEqual(
    messages.map(({ name }) => name),
    ["session[0]", "probe", "publish", "refresh", "resume"],
  );
  const changes = changesOf(messages[1]!).map(({ message }) => message);
  const of = (at: string, change: string) =>
    changes.find(({ origin }) => origin.at === at && origin.change === change)?.text;
  assert.equal(of("/echoId", "= null"), '{"type":"echo","echoId":null}');
  assert.equal(of("/type", "left out"), '{"echoId":"fuzz-id-000000"}');
  assert.equal(ofType(messages, "leave")?.text.startsWith('{"type":"leave","room":"fuzz-room-00000"'), true);
});

test("smaller sequences have less of something, and end", () => {
  let current: Sequence = {
    connections: [{ start: "ready" }, { start: "raw", query: "x" }],
    steps: [hostile, { ...hostile, on: 1, burst: true, text: "y".repeat(100) }, hostile],
  };
  let rounds = 0;
  for (;;) {
    const [next] = smaller(current);
    if (!next) break;
    assert.notDeepEqual(next, current);
    current = next;
    assert.ok(++rounds < 100);
  }
  assert.deepEqual([current.connections.length, current.steps], [1, []]);
});

const frames: [what: string, step: Partial<Step>, isBroken: boolean][] = [
  [
    "a message in fragments",
    {
      frames: [
        { fin: false, opcode: 1, text: "a" },
        { fin: true, opcode: 0, text: "b" },
      ],
    },
    false,
  ],
  [
    "a letter parted by fragments",
    {
      frames: [
        { fin: false, opcode: 1, hex: "c5" },
        { fin: true, opcode: 0, hex: "bc" },
      ],
    },
    false,
  ],
  ["a continuation of nothing", { frames: [{ fin: true, opcode: 0, text: "a" }] }, true],
  ["a reserved bit", { frames: [{ fin: true, opcode: 1, text: "a", rsv: 4 }] }, true],
  ["a long Ping", { frames: [{ fin: true, opcode: 9, text: "x".repeat(126) }] }, true],
  ["text that is not UTF-8", { frames: [{ fin: true, opcode: 1, hex: "c328" }] }, true],
  ["a Close that may be sent", { close: { code: 4000, reason: "" } }, false],
  ["a Close that may not", { close: { code: 1005, reason: "" } }, true],
];
for (const [what, step, isBroken] of frames) {
  test(`${what} ${isBroken ? "breaks" : "keeps to"} RFC 6455`, () => {
    assert.equal(breaksWire({ on: 0, origin: { name: "frames" }, ...step }), isBroken);
  });
}

test("a frame is masked, and its length takes as few bytes as it may", () => {
  assert.equal(frameBytes({ fin: true, opcode: 9, text: "" }).toString("hex"), "89806b367274");
  const lengths = [125, 126, 65_535, 65_536].map(
    (length) => frameBytes({ fin: true, opcode: 2, hex: "00".repeat(length) }).length - length,
  );
  assert.deepEqual(lengths, [6, 8, 8, 14]);
});

test("malformed messages are alike, changes to fields are alike by field", () => {
  const place = (text: string, at?: string, change = "x", name = "probe") =>
    placeOf({ on: 0, origin: { name, change, ...(at !== undefined && { at }) }, text });
  assert.deepEqual([place("{", "the whole"), place("a", undefined, "x", "text")], ["not JSON", "not JSON"]);
  assert.equal(place("null", "the whole"), "JSON that is not an object");
  assert.equal(place('{"a":1}', "/a"), "probe /a");
});

test("routes are chosen by patterns", () => {
  const routes = ["/ws/chat", "/ws/internal/x", "/api"];
  assert.deepEqual(chosen(routes, ["/ws/*"], ["/ws/internal/*"]), ["/ws/chat"]);
  assert.deepEqual(chosen(routes, [], ["/ap?"]), ["/ws/chat", "/ws/internal/x"]);
});

test("of metrics, whole gauges count that a quiet server holds still", () => {
  const text = [
    "# TYPE ws_connections gauge",
    'ws_connections{path="/ws"} 3',
    "# TYPE process_heap_bytes gauge",
    "process_heap_bytes 12345",
    "# TYPE messages_total counter",
    "messages_total 9",
    "# TYPE rooms gauge",
    "rooms 2.0",
    "# TYPE share gauge",
    "share 0.5",
  ].join("\n");
  assert.deepEqual(
    [...gaugesIn(text)],
    [
      ['ws_connections{path="/ws"}', 3],
      ["rooms", 2],
    ],
  );
});

test("an end without a Close is the same one without our Close, and what was lost may come late", () => {
  const [lost, slow] = [
    { kind: "neighbour-lost", key: "" },
    { kind: "neighbour-slow", key: "" },
  ] as const;
  assert.ok(isAgain({ kind: "abrupt-end", key: "" }, { kind: "abrupt-end", key: "after a Close" }));
  assert.ok(isAgain(slow, lost));
  assert.ok(!isAgain(lost, slow));
  assert.ok(!isAgain({ kind: "server-error", key: "1011" }, { kind: "server-error", key: "1012" }));
});
