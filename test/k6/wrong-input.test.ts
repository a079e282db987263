/** What users get wrong: each refused before any connection, by field, with what was expected and what came. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { limitsOn, parseProfile } from "../../lib/profile.ts";
import { parseDescriptor } from "../../lib/protocols/index.ts";
import { readSettings, SETTINGS, type SettingName } from "../../lib/settings.ts";
import { startServer } from "../../server/server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { runK6 } from "./run.ts";

/** A sentence, what is given, and what is said: `field: expected …, got …`. */
type Row<Given> = readonly [sentence: string, given: Given, ...said: string[]];

const probe = { send: "${id}" };
const reply = [{ name: "r", match: "whole" }];

const descriptors: Row<unknown>[] = [
  ["no object", "chat", 'the document: expected an object, got "chat"'],
  ["no name", {}, "name: expected a value, since this field is required, got nothing"],
  ["a misspelt field", { name: "a", prob: {} }, "prob: expected a field of this object ("],
  [
    "a name with a space",
    { name: "my chat" },
    'name: expected 1 to 64 letters, digits, dots, dashes or underscores, the first a letter or digit, got "my chat"',
  ],
  [
    "a duration without a unit",
    { name: "a", session: [{ await: { text: "x" }, within: "5" }] },
    'session[0].within: expected a duration above zero such as "500ms", "5s" or "1m30s", got "5"',
  ],
  [
    "a step that does nothing",
    { name: "a", session: [{}] },
    'session[0]: expected "send", "await" or both, got {}',
  ],
  [
    "a pointer without a slash",
    { name: "a", session: [{ await: { where: { type: "x" } } }] },
    'session[0].await.where.type: expected a JSON Pointer such as "/type", got "type"',
  ],
  [
    "a variable that nothing gives",
    { name: "a", probe: { send: "${id} ${rom}" }, reply },
    "probe.send: expected a variable that is known here (",
  ],
  [
    "a probe that nothing answers",
    { name: "a", probe },
    'reply: expected at least one reply, since there is a "probe", got nothing',
  ],
  [
    "a reply to nothing",
    { name: "a", reply },
    'probe: expected a probe, since there is a "reply", got nothing',
  ],
  [
    "a way of matching that we do not have",
    { name: "a", probe, reply: [{ name: "r", match: "guess" }] },
    'reply[0].match: expected "id" or "whole" or "fifo", got "guess"',
  ],
  [
    "a reply matched by an identifier that is nowhere",
    { name: "a", probe, reply: [{ name: "r", match: "id" }] },
    "reply[0].id: expected where the identifier is, got nothing",
  ],
  ["a regex that does not end", { name: "a", error: { regex: "(a" } }, "error.regex: expected "],
  [
    "a group that the regex does not have",
    { name: "a", error: { regex: "(?<why>.*)", reason: "reason" } },
    'error.reason: expected a group of the regex (why), got "reason"',
  ],
  [
    "an encoding that there is not",
    { name: "a", probe: { ...probe, encoding: "utf-16" }, reply },
    'probe.encoding: expected "text" or "binary", got "utf-16"',
  ],
  [
    "two things wrong",
    { name: "", subprotocols: [] },
    "name: expected ",
    "subprotocols: expected at least one item, got []",
  ],
];

const profiles: Row<unknown>[] = [
  ["no object", "chat", 'profile: expected an object, got "chat"'],
  ["no limits", {}, "thresholds: expected "],
  [
    "a misspelt field",
    { treshholds: {}, thresholds: { ws_replies: ["count>0"] } },
    "treshholds: expected a field of a profile (description, settings, thresholds), got ",
  ],
  [
    "a metric that there is not",
    { thresholds: { ws_rtt: ["p(95)<1"] } },
    "thresholds.ws_rtt: expected a metric of docs/reference/metrics.md, got ",
  ],
  [
    "a limit that is no text",
    { thresholds: { ws_msg_rtt_ms: [100] } },
    "thresholds.ws_msg_rtt_ms.0: expected a text, got 100",
  ],
  [
    "a limit that says nothing",
    { thresholds: { ws_msg_rtt_ms: ["fast"] } },
    'thresholds.ws_msg_rtt_ms.0: expected a threshold such as p(95)<500, count<5 or rate>0.995, got "fast"',
  ],
  [
    "a percentile of a counter",
    { thresholds: { ws_replies: ["p(95)<5"] } },
    'thresholds.ws_replies.0: expected an aggregate that a counter has, got "p(95)<5"',
  ],
  [
    "a count of a trend, which k6 has only in summaries",
    { thresholds: { ws_msg_rtt_ms: ["count>0"] } },
    'thresholds.ws_msg_rtt_ms.0: expected an aggregate that a trend has, got "count>0"',
  ],
  ...["p( 95 )<5", "p(101)<5"].map(
    (expression): Row<unknown> => [
      `a percentile that k6 does not take, ${expression}`,
      { thresholds: { ws_msg_rtt_ms: [expression] } },
      "thresholds.ws_msg_rtt_ms.0: expected a threshold such as p(95)<500, ",
    ],
  ),
  [
    "an empty list of limits",
    { thresholds: { ws_replies: [] } },
    "thresholds.ws_replies: expected at least one threshold, got []",
  ],
  [
    "a variable that there is not",
    { settings: { CONECTIONS: "5" }, thresholds: { ws_replies: ["count>0"] } },
    "settings.CONECTIONS: expected a setting of docs/reference/settings.md, got ",
  ],
  [
    "limits on nothing that the scenario records",
    { thresholds: { ws_fanout_lag_ms: ["p(95)<5"] } },
    "PROFILE: expected limits on a metric that the scenario records (",
    ", got only ws_fanout_lag_ms",
  ],
];

const variables: Row<Record<string, string>>[] = [
  [
    "no WebSocket URL",
    { WS_URL: "https://s3cr3t@example.com" },
    "WS_URL: expected a ws:// or wss:// URL without a user name or a fragment, got one that begins with https://: write wss://",
  ],
  [
    "a fragment",
    { WS_URL: "ws://127.0.0.1:1/#s3cr3t" },
    "WS_URL: expected a ws:// or wss:// URL without a user name or a fragment, got one with a fragment (#)",
  ],
  [
    "a token of two words",
    { WS_TOKEN: "s3cr3t token" },
    "WS_TOKEN: expected printable ASCII without spaces, got one that has a space in it",
  ],
  [
    "half a connection",
    { CONNECTIONS: "0.5" },
    'CONNECTIONS: expected a whole number from 1 to 100000, got "0.5"',
  ],
  ["no connection", { CONNECTIONS: "0" }, 'CONNECTIONS: expected a whole number from 1 to 100000, got "0"'],
  [
    "a duration without a unit",
    { DURATION: "10" },
    'DURATION: expected a duration of at least 1ms such as 500ms, 10s or 1m30s, got "10"',
  ],
  ["a negative rate", { RATE: "-1" }, 'RATE: expected a number above 0, at most 100000, got "-1"'],
  [
    "a way to authenticate that we do not have",
    { AUTH: "basic" },
    'AUTH: expected header or query or cookie or message, got "basic"',
  ],
  [
    "headers that are no JSON",
    { HEADERS: "X-Key: s3cr3t" },
    'HEADERS: expected a JSON object of texts such as {"X-Api-Key":"…"}, without the headers that the handshake itself sets, got no JSON',
  ],
  [
    "a header of the handshake's own",
    { HEADERS: '{"Sec-WebSocket-Key":"s3cr3t"}' },
    'HEADERS: expected a JSON object of texts such as {"X-Api-Key":"…"}, without the headers that the handshake itself sets, got Sec-WebSocket-Key, which the handshake sets itself',
  ],
  [
    "an Origin without a scheme",
    { ORIGIN: "example.com" },
    'ORIGIN: expected an origin such as https://example.com, got "example.com"',
  ],
  [
    "a subprotocol with a space",
    { SUBPROTOCOL: "acme v1" },
    'SUBPROTOCOL: expected names separated by commas, got "acme v1"',
  ],
  [
    "a protocol that we do not have",
    { PROTOCOL: "mqtt" },
    'PROTOCOL: expected chat, echo or im, or events or room-events for event streams; any other needs a descriptor in PROTOCOL_FILE, see protocols.md, got "mqtt"',
  ],
  [
    "two things wrong",
    { RAMP: "slow", ROOMS: "" },
    "RAMP: expected a duration",
    "ROOMS: expected a whole number from 1 to 1000000",
  ],
];

test("there are at least 40 kinds", () => {
  assert.ok(descriptors.length + profiles.length + variables.length >= 40);
});

describe("a wrong descriptor", () => {
  for (const [sentence, given, ...said] of descriptors) {
    test(sentence, () => refused(() => parseDescriptor(given, "acme.json"), ["acme.json", ...said]));
  }
});

describe("a wrong profile", () => {
  for (const [sentence, given, ...said] of profiles) {
    test(sentence, () =>
      refused(() => limitsOn(["ws_replies", "ws_msg_rtt_ms"], parseProfile(given, "mine.json")), said),
    );
  }
});

describe("a wrong variable", () => {
  const names = Object.keys(SETTINGS) as SettingName[];
  for (const [sentence, given, ...said] of variables) {
    test(sentence, () => refused(() => readSettings(names, given), said));
  }
});

interface Run {
  readonly scenario?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Files to write, by the variable that names them. */
  readonly files?: Readonly<Record<string, unknown>>;
}

/** One of the rows above, as a user gives it. */
const asFile = (variable: string, rows: readonly Row<unknown>[], sentence: string): Row<Run> => {
  const [, given, ...said] = rows.find(([name]) => name === sentence)!;
  return [`${variable}: ${sentence}`, { files: { [variable]: given } }, ...said];
};
const asVariable = (sentence: string): Row<Run> => {
  const [, env, ...said] = variables.find(([name]) => name === sentence)!;
  return [sentence, { env }, ...said];
};

const runs: Row<Run>[] = [
  asFile("PROTOCOL_FILE", descriptors, "a duration without a unit"),
  asFile("PROTOCOL_FILE", descriptors, "two things wrong"),
  asFile("PROFILE", profiles, "a metric that there is not"),
  asFile("PROFILE", profiles, "a percentile of a counter"),
  asFile("PROFILE", profiles, "limits on nothing that the scenario records"),
  asVariable("no WebSocket URL"),
  asVariable("a token of two words"),
  [
    "a variable of k6's that would replace the load",
    { env: { K6_DURATION: "5s" } },
    "K6_DURATION: expected nothing, since it would replace the load of this script: use -e CONNECTIONS, ",
  ],
  asVariable("two things wrong"),
  [
    "users without a header",
    { files: { USERS: "s3cr3t,ann\n" } },
    "USERS: ",
    ", line 1: expected a header of names such as user,token,tenant, got something else",
  ],
  [
    "users that are nowhere",
    { env: { USERS: "no.csv" } },
    "USERS: expected a readable file, got ",
    "/no.csv (",
  ],
  [
    "a descriptor that is nowhere",
    { env: { PROTOCOL_FILE: "no.json" } },
    "PROTOCOL_FILE: expected a readable file, got ",
    "/no.json (",
  ],
  [
    "a descriptor that is no JSON",
    { files: { PROTOCOL_FILE: "name: acme" } },
    "PROTOCOL_FILE: expected JSON, got ",
  ],
  [
    "two protocols",
    { env: { PROTOCOL: "im" }, files: { PROTOCOL_FILE: { name: "a", probe, reply } } },
    "PROTOCOL: expected nothing beside PROTOCOL_FILE, which names the protocol",
  ],
  [
    "nothing to probe a soak with",
    { files: { PROTOCOL_FILE: { name: "quiet" } } },
    'PROTOCOL_FILE: expected a protocol with a "probe", got "quiet" without one',
  ],
  [
    "a profile that we do not have",
    { env: { PROFILE: "fast" } },
    'PROFILE: expected trading, chat, dashboard, smoke, token-chat, token-batch or the path of a profile, got "fast"',
  ],
  [
    "authentication by a message that the protocol does not have",
    { scenario: "connect", env: { PROTOCOL: "echo", AUTH: "message" } },
    'AUTH: expected a protocol with a refresh message or a message that has ${token}, got "echo" without one',
  ],
  [
    "sessions too short for a probe and its reply",
    { env: { SESSION: "3s" } },
    "SESSION: expected at least PROBE_INTERVAL + REPLY_TIMEOUT (7s), so that every session has a probe, got 3s",
  ],
  ["a rate that is none", { scenario: "connect", env: { RATE: "0" } }, "RATE: expected a number above 0"],
];

describe("k6 ends before any connection, and tells the same", { concurrency: 2 }, () => {
  for (const [sentence, { scenario = "chat-soak", env, files = {} }, ...said] of runs) {
    test(sentence, async (t) => {
      const server = await startServer();
      t.after(() => server.close());
      const given = { WS_URL: `${server.url}/ws/chat`, ...env, ...(await written(t, files)) };
      const run = await runK6(t, { scenario, env: given });
      assert.equal(run.code, 107, run.stderr);
      assertSaid(run.stderr.replaceAll('\\"', '"').replaceAll("\\n", "\n"), said);
      assert.equal(server.stats().connectionsOpened, 0);
      assert.deepEqual(server.stats().upgradesRefused, {});
    });
  }
});

/** Writes files and gives their paths by variable. */
async function written(
  t: TestContext,
  files: Readonly<Record<string, unknown>>,
): Promise<Record<string, string>> {
  const directory = await temporaryDirectory(t);
  const paths: Record<string, string> = {};
  for (const [variable, content] of Object.entries(files)) {
    paths[variable] = join(directory, `${variable}.txt`);
    await writeFile(paths[variable], typeof content === "string" ? content : JSON.stringify(content));
  }
  return paths;
}

/** Throws, says all of it, and no secret. */
function refused(attempt: () => unknown, said: readonly string[]): void {
  assert.throws(attempt, ({ message }: Error) => {
    assertSaid(message, said);
    return true;
  });
}

function assertSaid(message: string, said: readonly string[]): void {
  for (const part of said) assert.ok(message.includes(part), `not "${part}" but\n${message}`);
  assert.ok(!message.includes("s3cr3t"), message);
}
