import assert from "node:assert/strict";
import { test } from "node:test";
import { useAllCodecs } from "../../lib/protocols/codecs/all.ts";
import { CODEC_NAMES } from "../../lib/protocols/codecs/codec.ts";
import { compile, DescriptorError, PROTOCOLS, parseDescriptor } from "../../lib/protocols/index.ts";
import { ms } from "../../lib/units.ts";

const probe = { send: '{"id":${id}}' };
const reply = [{ name: "r", where: { "/type": "r" }, match: "id", id: "/id" }];

/** [what is wrong, the descriptor, every line of the error after the first] */
useAllCodecs();

const wrong: [sentence: string, json: unknown, ...lines: string[]][] = [
  ["nothing", undefined, "the document: expected an object, got nothing"],
  ["a list", [], "name: expected a value, since this field is required, got nothing"],
  ["a text", "chat", 'the document: expected an object, got "chat"'],
  ["no name", {}, "name: expected a value, since this field is required, got nothing"],
  [
    "a name with a space",
    { name: "my chat" },
    'name: expected 1 to 64 letters, digits, dots, dashes or underscores, the first a letter or digit, got "my chat"',
  ],
  [
    "a misspelt field",
    { name: "x", sesion: [] },
    'sesion: expected a field of this object (name, subprotocols, path, codec, framing, delimiter, nested, session, probe, reply, publish, publisher, delivery, error, heartbeat, refresh, resume, unmatched), got "sesion"',
  ],
  [
    "a misspelt field deep inside",
    { name: "x", session: [{ sned: "hi" }] },
    'session[0].sned: expected a field of this object (send, encoding, await, within, capture, codec, framing, delimiter), got "sned"',
  ],
  [
    "a misspelt field of publishers",
    { name: "x", publish: { send: "p" }, publisher: { url: "/p" } },
    'publisher.url: expected a field of this object (subprotocols, path, session), got "url"',
  ],
  [
    "a path of publishers that is none",
    { name: "x", publish: { send: "p" }, publisher: { path: "p" } },
    'publisher.path: expected a text that begins with "/" or "?", or an empty one, got "p"',
  ],
  [
    "publishers with nothing to publish",
    { name: "x", publisher: { path: "/p" } },
    'publish: expected one, since there is a "publisher", got nothing',
  ],
  [
    "publishers that need no connection",
    { name: "x", publish: { send: "p", http: {} }, publisher: {} },
    'publisher: expected none beside "publish.http", which publishes on no connection, got {}',
  ],
  [
    "publishers that use what only subscribers capture",
    {
      name: "x",
      session: [{ await: { where: { "/a": 1 } }, capture: { topic: "/t" } }],
      publish: { send: "${topic}" },
      publisher: { path: "/${id}", session: [{ send: "${seq}" }] },
    },
    'publisher.path: expected a variable that is known here (room, user, token, vu, connection, lastSeq), got "${id}"',
    'publisher.session[0].send: expected a variable that is known here (room, user, token, vu, connection, nowMs, lastSeq), got "${seq}"',
    'publish.send: expected a variable that is known here (room, user, token, vu, connection, nowMs, lastSeq, id, seq, payload), got "${topic}"',
  ],
  [
    "nested strings of the whole message",
    { name: "x", nested: [""] },
    'nested[0]: expected a JSON Pointer such as "/data", got ""',
  ],
  ["a list that is none", { name: "x", session: {} }, "session: expected a list, got {}"],
  ["an empty list", { name: "x", heartbeat: [] }, "heartbeat: expected at least one item, got []"],
  [
    "a subprotocol that is no token",
    { name: "x", subprotocols: ["a b"] },
    'subprotocols[0]: expected a token (RFC 9110 section 5.6.2), got "a b"',
  ],
  [
    "a path that is none",
    { name: "x", path: "ws" },
    'path: expected a text that begins with "/" or "?", got "ws"',
  ],
  [
    "a variable that a path cannot have",
    { name: "x", path: "/${id}" },
    'path: expected a variable that is known here (room, user, token, vu, connection, lastSeq), got "${id}"',
  ],
  [
    "a number for a duration",
    { name: "x", session: [{ await: { text: "a" }, within: 5 }] },
    "session[0].within: expected text, got 5",
  ],
  [
    "a duration without a unit",
    { name: "x", session: [{ await: { text: "a" }, within: "5" }] },
    'session[0].within: expected a duration above zero such as "500ms", "5s" or "1m30s", got "5"',
  ],
  [
    "a duration of nothing",
    { name: "x", heartbeat: [{ every: "0s", send: "h" }] },
    'heartbeat[0].every: expected a duration above zero such as "500ms", "5s" or "1m30s", got "0s"',
  ],
  ["an empty step", { name: "x", session: [{}] }, 'session[0]: expected "send", "await" or both, got {}'],
  [
    "a step that waits for nothing",
    { name: "x", session: [{ send: "a", within: "1s", capture: { a: "/a" } }] },
    'session[0].within: expected "await" beside it, got none',
    'session[0].capture: expected "await" beside it, got none',
  ],
  [
    "a condition without one",
    { name: "x", session: [{ await: {} }] },
    'session[0].await: expected "text", "regex" or "where", got none',
  ],
  [
    "a text beside a regex",
    { name: "x", session: [{ await: { text: "a", regex: "b" } }] },
    'session[0].await.text: expected "text" alone, without regex, got "a"',
  ],
  [
    "an empty where",
    { name: "x", session: [{ await: { where: {} } }] },
    "session[0].await.where: expected at least one pointer and its value, got {}",
  ],
  [
    "a key that is no pointer",
    { name: "x", session: [{ await: { where: { type: "a" } } }] },
    'session[0].await.where.type: expected a JSON Pointer such as "/type", got "type"',
  ],
  [
    "a pointer with a stray tilde",
    { name: "x", delivery: { where: { "/a": 1 }, id: "/a~2" } },
    'delivery.id: expected a JSON Pointer such as "/data/id" or the name of a group of the regex, got "/a~2"',
  ],
  [
    "a where that compares with an object",
    { name: "x", delivery: { where: { "/a": {} } } },
    'delivery.where["/a"]: expected a string, number, boolean, null or { "exists": true or false }, got {}',
  ],
  [
    "a where that asks for existence in words",
    { name: "x", delivery: { where: { "/a": { exists: "yes" } } } },
    'delivery.where["/a"]: expected a string, number, boolean, null or { "exists": true or false }, got {"exists":"yes"}',
  ],
  [
    "a where that asks for more than existence",
    { name: "x", delivery: { where: { "/a": { exists: true, type: "string" } } } },
    'delivery.where["/a"]: expected a string, number, boolean, null or { "exists": true or false }, got {"exists":true,"type":"string"}',
  ],
  [
    "a where that no number can hold",
    { name: "x", delivery: { where: { "/a": 2 ** 53 } } },
    'delivery.where["/a"]: expected a whole number that JavaScript holds exactly (up to 2^53 - 1), got 9007199254740992',
  ],
  [
    "a group that the regex lacks",
    { name: "x", delivery: { regex: "^(?<a>.)(?<b>.)", id: "c" } },
    'delivery.id: expected a group of the regex (a, b), got "c"',
  ],
  [
    "a group without a regex",
    { name: "x", delivery: { where: { "/a": 1 }, sentAt: { at: "time", unit: "ms" } } },
    'delivery.sentAt.at: expected a JSON Pointer, since there is no regex with groups, got "time"',
  ],
  [
    "a field of a plain text",
    { name: "x", session: [{ await: { text: "a" }, capture: { b: "/b" } }] },
    'session[0].capture.b: expected a field of JSON or of a regex, not of a "text", got "/b"',
  ],
  [
    "a unit that is none",
    { name: "x", delivery: { where: { "/a": 1 }, sentAt: { at: "/t", unit: "sec" } } },
    'delivery.sentAt.unit: expected "s" or "ms" or "us" or "ns" or "iso8601", got "sec"',
  ],
  [
    "a list that is no pointer",
    { name: "x", delivery: { each: "publications" } },
    'delivery.each: expected a JSON Pointer such as "/publications", got "publications"',
  ],
  [
    "a list in a text",
    { name: "x", delivery: [{ where: { "/a": 1 } }, { text: "a", each: "/list" }] },
    'delivery[1].each: expected no "each" beside "text", which is a message without a list, got "/list"',
  ],
  [
    "a delivery in a list, of another regex",
    {
      name: "x",
      delivery: [
        { regex: "^(?<a>.)", id: "a" },
        { each: "", id: "a" },
      ],
    },
    'delivery[1].id: expected a JSON Pointer, since there is no regex with groups, got "a"',
  ],
  [
    "a delivery that is everything",
    { name: "x", delivery: { id: "/id" } },
    'delivery: expected "text", "regex" or "where", got none',
  ],
  [
    "a lookahead",
    { name: "x", delivery: { regex: "^a(?=b)" } },
    'delivery.regex: expected no lookahead: RE2 has none (at character 4), got "^a(?=b)"',
  ],
  [
    "an unknown variable",
    { name: "x", probe: { send: '{"id":${id},"room":${rom}}' }, reply },
    'probe.send: expected a variable that is known here (room, user, token, vu, connection, nowMs, lastSeq, id, payload), got "${rom}"',
  ],
  [
    "a variable that has no value yet",
    { name: "x", session: [{ send: "${sid}" }, { await: { where: { "/a": 1 } }, capture: { sid: "/sid" } }] },
    'session[0].send: expected a variable that is known here (room, user, token, vu, connection, nowMs, lastSeq), got "${sid}"',
  ],
  [
    "a variable that is not closed",
    { name: "x", publish: { send: "${id" } },
    'publish.send: expected a "}" after "${id", got "${id"',
  ],
  [
    "a variable that is no name",
    { name: "x", publish: { send: "${a b}" } },
    'publish.send: expected the name of a variable in "${a b}", got "${a b}"',
  ],
  [
    "JSON with a slip",
    { name: "x", publish: { send: '{"id":${id}' } },
    'publish.send: expected JSON to its end, since it begins with "{" (a variable may be a value or part of a string, not a key; several messages in one need a "delimiter"), got "{\\"id\\":${id}"',
  ],
  [
    "a variable glued to a number",
    { name: "x", publish: { send: '{"id":1${seq}}' } },
    'publish.send: expected JSON to its end, since it begins with "{" (a variable may be a value or part of a string, not a key; several messages in one need a "delimiter"), got "{\\"id\\":1${seq}}"',
  ],
  [
    "two messages that nothing parts",
    { name: "x", session: [{ send: '{"a":${user}}\n{"b":${room}}' }] },
    'session[0].send: expected JSON to its end, since it begins with "{" (a variable may be a value or part of a string, not a key; several messages in one need a "delimiter"), got "{\\"a\\":${user}}\\n{\\"b\\":${room}}"',
  ],
  [
    "JSON over several lines where a line is a message",
    { name: "x", delimiter: "\n", publish: { send: '{\n"id":${id}}' } },
    'publish.send: expected JSON to its end, since it begins with "{" (a variable may be a value or part of a string, not a key; several messages in one need a "delimiter"), got "{\\n\\"id\\":${id}}"',
  ],
  [
    "a delimiter at the end of a message",
    { name: "x", delimiter: ";", heartbeat: [{ every: "1s", send: "ping;" }] },
    'heartbeat[0].send: expected a message on both sides of each delimiter (";"); a sent message ends with one already, got "ping;"',
  ],
  [
    "several messages that one is to come back as",
    { name: "x", delimiter: ";", probe: { send: "${id};b" }, reply: [{ name: "r", match: "whole" }] },
    'probe.send: expected one message, since reply "r" is the message that was sent, got 2',
  ],
  [
    "an encoding that is none",
    { name: "x", publish: { send: "a", encoding: "utf8" } },
    'publish.encoding: expected "text" or "binary", got "utf8"',
  ],
  [
    "a probe without a reply",
    { name: "x", probe },
    'reply: expected at least one reply, since there is a "probe", got nothing',
  ],
  [
    "a reply without a probe",
    { name: "x", reply },
    'probe: expected a probe, since there is a "reply", got nothing',
  ],
  [
    "a probe without the identifier that its reply is matched by",
    { name: "x", probe: { send: "ping" }, reply },
    'probe.send: expected "${id}" in it, since reply "r" is matched by it, got none',
  ],
  [
    "a reply without a match",
    { name: "x", probe, reply: [{ name: "r" }] },
    'reply[0].match: expected "id" or "whole" or "fifo", since this field is required, got nothing',
  ],
  [
    "a match that is none",
    { name: "x", probe, reply: [{ name: "r", match: "lifo" }] },
    'reply[0].match: expected "id" or "whole" or "fifo", got "lifo"',
  ],
  [
    "a match by no identifier",
    { name: "x", probe, reply: [{ name: "r", match: "id" }] },
    "reply[0].id: expected where the identifier is, got nothing",
  ],
  [
    "an identifier without a match by it",
    { name: "x", probe, reply: [{ name: "r", match: "fifo", id: "/id" }] },
    'reply[0].id: expected no "id" where match is "fifo", got "/id"',
  ],
  [
    "two replies of one name",
    { name: "x", probe, reply: [...reply, ...reply] },
    'reply[1].name: expected a name that no other reply has, got "r"',
  ],
  [
    "a capture under a variable's name",
    { name: "x", session: [{ await: { where: { "/a": 1 } }, capture: { token: "/t" } }] },
    'session[0].capture.token: expected a name that is not a variable\'s already, got "token"',
  ],
  [
    "a capture that is made twice",
    {
      name: "x",
      session: [
        { await: { where: { "/a": 1 } }, capture: { t: "/t" } },
        { await: { where: { "/a": 2 } }, capture: { t: "/t" } },
      ],
    },
    "session[1].capture.t: expected a name not captured before, got it again",
  ],
  [
    "an error that settles nothing",
    { name: "x", error: { where: { "/e": 1 }, settles: "oldest" } },
    'error.settles: expected a "probe" to settle, got none',
  ],
  [
    "an error that names no probe",
    {
      name: "x",
      probe,
      reply: [{ name: "r", match: "fifo" }],
      error: { where: { "/e": 1 }, settles: "id" },
    },
    'error.id: expected where the identifier is, since "settles" is "id" and no reply has one, got nothing',
  ],
  [
    "an error's identifier that is not used",
    { name: "x", probe, reply, error: { where: { "/e": 1 }, id: "/id" } },
    'error.settles: expected "id", since "error.id" is given, got nothing',
  ],
  [
    "errors of several forms, and what is wrong with each",
    { name: "x", error: [{ where: { "/e": 1 }, reason: "why" }, { settles: "oldest" }] },
    'error[0].reason: expected a JSON Pointer, since there is no regex with groups, got "why"',
    'error[1]: expected "text", "regex" or "where", got none',
    'error[1].settles: expected a "probe" to settle, got none',
  ],
  [
    "a misspelt field in a list of errors",
    { name: "x", error: [{ were: { "/e": 1 } }] },
    'error[0].were: expected a field of this object (text, regex, where, reason, settles, id), got "were"',
  ],
  [
    "a misspelt field in a single error",
    { name: "x", error: { were: { "/e": 1 } } },
    'error.were: expected a field of this object (text, regex, where, reason, settles, id), got "were"',
  ],
  ["errors of no form", { name: "x", error: [] }, "error: expected at least one item, got []"],
  ["an error that is a text", { name: "x", error: "no" }, 'error: expected an object, got "no"'],
  ["an empty delimiter", { name: "x", delimiter: "" }, 'delimiter: expected at least one character, got ""'],
  [
    "a heartbeat of both kinds",
    { name: "x", heartbeat: [{ when: { text: "2" }, answer: "3", every: "5s", send: "2" }] },
    'heartbeat[0]: expected either "when" (and "answer") or "every" and "send", got {"when":{"text":"2"},"answer":"3","every":"5s","send":"2"}',
  ],
  [
    "a heartbeat that sends nothing",
    { name: "x", heartbeat: [{ every: "5s" }] },
    'heartbeat[0]: expected either "when" (and "answer") or "every" and "send", got {"every":"5s"}',
  ],
  [
    "a refresh without a time",
    { name: "x", refresh: { send: "t" } },
    "refresh.before: expected a value, since this field is required, got nothing",
  ],
  [
    "a resume from nowhere",
    { name: "x", resume: { send: '{"after":${lastSeq}}', within: "1s" } },
    'resume: expected "delivery.seq" or "delivery.cursor", which say where to resume, got neither',
    'resume.within: expected "await" beside it, got none',
  ],
  [
    "a codec that there is not",
    { name: "x", codec: "xml" },
    `codec: expected ${["json", ...CODEC_NAMES].map((name) => `"${name}"`).join(" or ")}, got "xml"`,
  ],
  [
    "an option of another codec",
    { name: "x", codec: { name: "mqtt", version: "4" } },
    'codec.version: expected "3.1.1" or "5", got "4"',
  ],
  [
    "a schema that was not read",
    { name: "x", codec: "protobuf" },
    "codec.schema: expected a .proto file beside the descriptor, got nothing",
  ],
  [
    "a message that the schema has not",
    { name: "x", codec: { name: "protobuf", send: "a.B", receive: "a.C", types: { "a.B": { fields: {} } } } },
    'codec.receive: expected a message of the schema (a.B), got "a.C"',
  ],
  [
    "a schema of another codec",
    { name: "x", codec: { name: "cbor", schema: "a.proto" } },
    'codec.schema: expected none but of "protobuf", got "a.proto"',
  ],
  [
    "two ends of a message",
    { name: "x", framing: "varint", delimiter: "\n" },
    'delimiter: expected none beside "framing", got "\\n"',
  ],
  [
    "a framing beside packets that frame themselves",
    { name: "x", codec: "mqtt", framing: "varint", session: [{ await: { where: { "/cmd": "connack" } } }] },
    'framing: expected none, since packets of MQTT state their length, got "varint"',
  ],
  [
    "a delimiter between bytes, in a step of its own",
    { name: "x", session: [{ send: "{}", codec: "mqtt", delimiter: "\n" }] },
    'session[0].delimiter: expected none, since the codec\'s messages are bytes, got "\\n"',
  ],
  [
    "text where messages are bytes",
    {
      name: "x",
      codec: "mqtt",
      probe: { send: '{"cmd":"pingreq"}', encoding: "text" },
      reply: [{ name: "a", regex: "^a", match: "fifo" }],
      heartbeat: [{ when: { text: "hi" } }],
    },
    'probe.encoding: expected "binary", since its bytes are not text, got "text"',
    'reply[0].regex: expected "where" alone, since the message is not a text, got "^a"',
    'heartbeat[0].when.text: expected "where" alone, since the message is not a text, got "hi"',
  ],
  [
    "templates that the codec cannot write",
    {
      name: "x",
      codec: "mqtt",
      session: [{ send: "hello" }, { send: '{"cmd":"publish","topic":${user},"qos":7}' }],
      publish: { send: '{"cmd":"publish","topic":${room},"payload":{"id":${id}}}' },
    },
    'session[0].send: expected an object or a list of JSON, which the codec writes, got "hello"',
    'session[1].send: expected what the codec can write (qos: want a whole number from 0 to 2, got a number), got "{\\"cmd\\":\\"publish\\",\\"topic\\":${user},\\"qos\\":7}"',
    'publish.send: expected what the codec can write (payload: want base64, got an object), got "{\\"cmd\\":\\"publish\\",\\"topic\\":${room},\\"payload\\":{\\"id...',
  ],
  [
    "a beat that consumes nothing",
    { name: "x", heartbeat: [{ every: "1s", send: "a", consume: true }] },
    'heartbeat[0].consume: expected "when" beside it, got none',
  ],
  [
    "several slips at once",
    { name: "", session: [{ within: 5 }], unmatched: "fail", probe: { send: 1 } },
    'name: expected 1 to 64 letters, digits, dots, dashes or underscores, the first a letter or digit, got ""',
    "session[0].within: expected text, got 5",
    "probe.send: expected text, got 1",
    'unmatched: expected "ignore" or "error", got "fail"',
  ],
  [
    "a value that is long",
    { name: "x".repeat(100) },
    `name: expected 1 to 64 letters, digits, dots, dashes or underscores, the first a letter or digit, got "${"x".repeat(56)}...`,
  ],
];

for (const [sentence, json, ...lines] of wrong) {
  test(`refused: ${sentence}`, () => {
    assert.throws(
      () => parseDescriptor(json, "acme.json"),
      (error) => {
        assert.ok(error instanceof DescriptorError);
        assert.equal(
          error.message,
          ["acme.json is not a protocol descriptor:", ...lines.map((line) => `  ${line}`)].join("\n"),
        );
        assert.equal(error.problems.length, lines.length);
        return true;
      },
    );
  });
}

for (const [name, descriptor] of Object.entries(PROTOCOLS)) {
  test(`${name} is accepted, and unchanged by way of JSON`, () => {
    assert.deepEqual(parseDescriptor(JSON.parse(JSON.stringify(descriptor)), name), descriptor);
    assert.equal(descriptor.name, name);
  });
}

test("only a name is required, and an editor's $schema is let pass", () => {
  assert.deepEqual(parseDescriptor({ name: "x" }, "x"), { name: "x" });
  const json = { $schema: "protocol.schema.json", name: "x" };
  assert.deepEqual(parseDescriptor(json, "x"), json);
});

test("a column of the users' file is a variable where it is told of, in messages and in the path", () => {
  const json = {
    name: "x",
    path: "/${tenant}",
    session: [{ send: "${tenant}", await: { where: { "/joined": true } }, capture: { who: "/who" } }],
  };
  const protocol = compile(parseDescriptor(json, "x", ["tenant", "unused"]), ["tenant", "unused"]);
  assert.deepEqual(protocol.variables, ["tenant"]);
  assert.equal(protocol.path({ tenant: "a/b" }), "/a%2Fb");
  const unknown = /session\[0\]\.send: expected a variable that is known here \(.*\), got "\$\{tenant\}"/;
  assert.throws(() => parseDescriptor(json, "x"), unknown);
  const taken = /session\[0\]\.capture\.who: expected no column's name, got "who"/;
  assert.throws(() => parseDescriptor(json, "x", ["tenant", "who"]), taken);
});

test("publishers have their own path, subprotocols and session, and what they leave out is everybody's", () => {
  const everybody = {
    name: "x",
    path: "/sub/${room}",
    subprotocols: ["a"],
    session: [{ send: "join", await: { text: "joined" } }],
    publish: { send: "${token} ${id}" },
    delivery: { where: { "/d": { exists: true } }, id: "/d" },
    unmatched: "error" as const,
  };
  const of = (publisher: object) =>
    compile(parseDescriptor({ ...everybody, publisher }, "x.json")).publisher!;
  const open = (publisher: object) =>
    of(publisher).connection({ variables: { room: "r", token: "t" }, replyTimeoutMs: ms(1) });
  const same = of({});
  assert.deepEqual([same.path({ room: "r", token: "t" }), same.subprotocols], ["/sub/r", ["a"]]);
  assert.deepEqual(
    open({})
      .open(ms(0))
      .map(({ kind }) => kind),
    ["send"],
  );
  const own = of({ path: "", subprotocols: ["b"], session: [] });
  assert.deepEqual([own.path({ room: "r", token: "t" }), own.subprotocols], ["", ["b"]]);
  const conversation = open({ session: [] });
  assert.deepEqual(conversation.open(ms(0)), [{ kind: "ready" }]);
  assert.deepEqual(conversation.publish({ id: "1", seq: 1 }, ms(0)).frame, "t 1");
  // It hears no deliveries, which are no errors there either.
  assert.deepEqual(conversation.receive('{"d":"1"}', ms(1)), [{ kind: "unmatched" }]);
});
