/** `k6-realtime import`: what it makes of a document, tried against a server that plays the document. */
import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { type TestContext, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { readAsyncApi } from "../../cli/asyncapi-file.ts";
import { Interview } from "../../cli/import/interview.ts";
import { packageFile } from "../../cli/package-file.ts";
import { describedBy } from "../../lib/asyncapi/index.ts";
import { objection } from "../../lib/import/question.ts";
import { playDocument } from "../../server/asyncapi.ts";
import { runMain } from "../cli/run-main.ts";
import { lastLine, tryOut } from "../cli/try-out.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const QUOTES = packageFile("examples/asyncapi/quotes.yaml");

const run = (argv: readonly string[], cwd: string) => runMain(argv, { cwd });

/** Imports a document into `made` and reads what was written. */
async function imported(t: TestContext, document: string, ...flags: string[]) {
  const folder = await temporaryDirectory(t);
  const file = document.startsWith("/") ? document : join(folder, "api.yaml");
  if (file !== document) await writeFile(file, document);
  const { code, out, err } = await run(["import", file, "--out", "made", ...flags], folder);
  assert.equal(code, 0, err);
  const made = join(folder, "made");
  const names = (await readdir(made)).filter((name) => name.endsWith(".json"));
  const read = async (name: string) => JSON.parse(await readFile(join(made, name), "utf8"));
  const contract = names.find((name) => name.endsWith(".contract.json"));
  const descriptor = names.find((name) => !name.endsWith(".contract.json"))!;
  return {
    file,
    out,
    made,
    descriptor: await read(descriptor),
    contract: contract && (await read(contract)),
    path: join(made, descriptor),
  };
}

/** Tries a descriptor against a server that plays the document. */
async function tried(t: TestContext, file: string, protocol: string, until: RegExp, ...flags: string[]) {
  const document = readAsyncApi(file, { cwd: "/" });
  const described = describedBy(document).side;
  const server = await playDocument(document, { described, port: 0, host: "127.0.0.1", intervalMs: 5 });
  t.after(() => server.close());
  const result = await tryOut(["--url", server.url, "--protocol-file", protocol, ...flags], { until });
  return { ...result, received: Object.fromEntries(server.received) };
}

test("a document of 3.0 gives session, probe, deliveries, errors, address and subprotocol", async (t) => {
  const { descriptor, contract, out, path } = await imported(t, QUOTES);
  assert.deepEqual(descriptor, {
    name: "quotes",
    subprotocols: ["quotes.v1"],
    path: "/quotes/forex?format=json&api_key=${token}",
    session: [
      {
        send: '{"event":"subscribe","symbols":["EURUSD"]}',
        await: { where: { "/event": "subscribed" } },
      },
    ],
    probe: { send: '{"event":"ping","request_id":${id}}', id: "number" },
    reply: [{ name: "pong", where: { "/event": "pong" }, match: "id", id: "/request_id" }],
    delivery: { where: { "/event": "quote" } },
    error: { where: { "/event": "error" }, reason: "/reason", settles: "id", id: "/request_id" },
  });
  assert.match(out, /session=send subscribe, await subscribed: the names suggest it/);
  assert.match(out, /try --url wss:\/\/quotes\.example\.com\/v1 /);
  assert.deepEqual(Object.keys(contract.messages).sort(), [
    "error",
    "ping",
    "pong",
    "quote",
    "subscribe",
    "subscribed",
  ]);
  assert.equal(contract.messages.ping.from, "client");
  assert.equal(contract.messages.quote.schema.properties.symbol.$ref, "#/definitions/symbol");
  assert.deepEqual(contract.definitions.symbol, { type: "string", pattern: "^[A-Z]{6}$" });

  const contractFile = path.replace(/\.json$/, ".contract.json");
  const result = await tried(t, QUOTES, path, /RTT[\s\S]*= delivery/, "--contract", contractFile);
  assert.equal(result.code, 0, lastLine(result));
  assert.match(lastLine(result), /^ok: .*1 of 1 probes had their replies/);
  assert.deepEqual(result.received, { subscribe: 1, ping: 1 });
});

test("a message that goes both ways is published, and delivered", async (t) => {
  const document = `
asyncapi: 2.6.0
info: { title: Chat, version: "1" }
servers: { here: { url: chat.example.com, protocol: ws } }
channels:
  /rooms/{room}:
    parameters: { room: { schema: { type: string } } }
    publish: { message: { $ref: "#/components/messages/chat" } }
    subscribe: { message: { $ref: "#/components/messages/chat" } }
components:
  messages:
    chat:
      payload:
        type: object
        required: [text]
        properties: { text: { type: string }, price: { const: "\${5}" } }
`;
  const { descriptor, file, path } = await imported(t, document);
  assert.deepEqual(descriptor, {
    name: "chat",
    path: "/rooms/${room}",
    publish: { send: '{"price":"\\u0024{5}","text":${id}}' },
    delivery: { where: { "": { exists: true } }, id: "/text" },
  });
  const result = await tried(t, file, path, /= delivery[\s\S]*= delivery/, "--publish", "2");
  assert.equal(result.code, 0, lastLine(result));
  assert.deepEqual(result.received, { chat: 2 });
});

test("a document of a client's: the server's questions are answered with what they carry", async (t) => {
  const document = `
asyncapi: 3.0.0
info: { title: Jobs Client, version: "1" }
channels:
  jobs:
    address: /
    messages:
      hello: { payload: { properties: { type: { const: hello } } } }
      job:
        payload:
          required: [type, job_id, envelope_id]
          properties: { type: { const: job }, job_id: { type: integer }, envelope_id: { type: string } }
        examples: [{ payload: { type: job, job_id: 7, envelope_id: e-7 } }]
      done: { payload: { required: [envelope_id], properties: { envelope_id: { type: string } } } }
operations:
  greeted: { action: receive, channel: { $ref: "#/channels/jobs" }, messages: [{ $ref: "#/channels/jobs/messages/hello" }] }
  work:
    action: receive
    channel: { $ref: "#/channels/jobs" }
    messages: [{ $ref: "#/channels/jobs/messages/job" }]
    reply: { messages: [{ $ref: "#/channels/jobs/messages/done" }] }
`;
  const { descriptor, file, path } = await imported(t, document);
  assert.deepEqual(descriptor, {
    name: "jobs-client",
    session: [{ await: { where: { "/type": "hello" } } }],
    delivery: { where: { "/type": "job" } },
    heartbeat: [
      {
        when: { where: { "/type": "job" } },
        capture: { answered: "/envelope_id" },
        answer: '{"envelope_id":${answered}}',
        consume: false,
      },
    ],
  });
  const result = await tried(t, file, path, /→ .*"envelope_id":"e-7"[\s\S]*→ .*"envelope_id":"e-7"/);
  assert.equal(result.code, 0, lastLine(result));
  assert.ok(result.received.done! >= 1);
});

test("answers take the place of guesses", async (t) => {
  const { descriptor } = await imported(
    t,
    QUOTES,
    "--answer",
    "parameter.market=${room}",
    "--answer",
    "session=send subscribe, await subscribed, await quote",
    "--answer",
    "probe=none",
    "--answer",
    "heartbeat=send ping every 30s",
  );
  assert.equal(descriptor.path, "/quotes/${room}?format=json&api_key=${token}");
  assert.deepEqual(descriptor.session[1], { await: { where: { "/event": "quote" } } });
  assert.equal(descriptor.probe, undefined);
  assert.deepEqual(descriptor.heartbeat[0].every, "30s");
});

const CHANNELS = `
asyncapi: 3.0.0
info: { title: Two, version: "1" }
channels:
  a: { address: /a, messages: { tick: { payload: { properties: { a: { const: 1 } } } } } }
  b: { address: /b, messages: { tock: { payload: { properties: { b: { const: 2 } } } } } }
operations:
  tick: { action: send, channel: { $ref: "#/channels/a" } }
  tock: { action: send, channel: { $ref: "#/channels/b" } }
`;

for (const [what, flags, expected] of [
  [
    "an open question",
    [],
    /^import: the document leaves this open: Which channel.*all, or some of a, b.*Say --answer channel=…/,
  ],
  ["a wrong answer", ["--channel", "c"], /^import: --answer channel: expected all, or some of a, b, got "c"/],
  [
    "an answer to no question",
    ["--channel", "a", "--answer", "chanel=b"],
    /^import: --answer: expected channel, got "chanel"/,
  ],
  ["an answer without a name", ["--answer", "all"], /^--answer: expected NAME=VALUE, got "all"/],
  [
    "a missing file of answers",
    ["--answers", "none.txt"],
    /^--answers: expected a readable file, got none\.txt/,
  ],
  [
    "steps that are none",
    ["--channel", "a", "--answer", "session=send tick"],
    /^import: --answer session: expected none, or steps: send \(nothing\), await \(tick\), got "send tick"/,
  ],
  ["a flag that is none", ["--chanel", "a"], /^import: unknown flag --chanel, did you mean --channel\?/],
] as const) {
  test(`refuses ${what}`, async (t) => {
    const folder = await temporaryDirectory(t);
    await writeFile(join(folder, "two.yaml"), CHANNELS);
    const { code, err } = await run(["import", "two.yaml", "--out", "made", ...flags], folder);
    assert.match(err, expected);
    assert.equal(code, 2);
    assert.deepEqual(await readdir(folder), ["two.yaml"], "nothing is written");
  });
}

test("channels at other addresses can be one connection's", async (t) => {
  const { descriptor, file, path } = await imported(t, CHANNELS, "--channel", "all");
  assert.deepEqual(descriptor, { name: "two", delivery: [{ where: { "/a": 1 } }, { where: { "/b": 2 } }] });
  const result = await tried(t, file, path, /"a":1[\s\S]*= delivery[\s\S]*"b":2[\s\S]*= delivery/);
  assert.equal(result.code, 0, lastLine(result));
});

test("files that are there stay, unless --force is given; a file of answers will do", async (t) => {
  const folder = await temporaryDirectory(t);
  await writeFile(join(folder, "two.yaml"), CHANNELS);
  await writeFile(join(folder, "answers"), "# which\nchannel=a\n");
  const argv = ["import", "two.yaml", "--out", "made", "--answers", "answers"];
  assert.equal((await run(argv, folder)).code, 0);
  await writeFile(join(folder, "made", "two.json"), "mine");
  const again = await run(argv, folder);
  assert.equal(again.code, 2);
  assert.match(again.err, /^--out: expected a folder without two\.json, got made; --force writes over it/);
  assert.equal(await readFile(join(folder, "made", "two.json"), "utf8"), "mine");
  assert.equal((await run([...argv, "--force"], folder)).code, 0);
  assert.match(await readFile(join(folder, "made", "two.json"), "utf8"), /"name": "two"/);
});

test("names of messages that lead elsewhere stay in the folder", async (t) => {
  const message = (name: string) => `{ name: "${name}", payload: { const: 1 } }`;
  const { made } = await imported(
    t,
    `asyncapi: 3.0.0
channels: { a: { messages: { x: ${message("../../../x")}, y: ${message("..")}, z: ${message("unknown")} } } }
operations: { o: { action: send, channel: { $ref: "#/channels/a" } } }`,
  );
  assert.deepEqual((await readdir(join(made, "messages"))).sort(), [
    "message-2.json",
    "message.json",
    "x.json",
  ]);
});

const doubling = Array.from({ length: 40 }, (_, i) => {
  const next = { $ref: `#/components/schemas/s${i + 1}` };
  return [`s${i}`, { allOf: [next, next] }];
});

for (const [what, payload, schemas] of [
  ["asks for a million items", { type: "array", minItems: 1e6, items: { type: "string" } }, {}],
  ["asks for a long text", { type: "string", pattern: "^a{900000}$" }, {}],
  [
    "doubles at each step",
    { $ref: "#/components/schemas/s0" },
    { ...Object.fromEntries(doubling), s40: { type: "string" } },
  ],
] as const) {
  test(`makes no example of a schema that ${what}`, async (t) => {
    const document = {
      asyncapi: "3.0.0",
      channels: { a: { messages: { x: { payload } } } },
      operations: { o: { action: "send", channel: { $ref: "#/channels/a" } } },
      components: { schemas },
    };
    const { made } = await imported(t, JSON.stringify(document));
    assert.deepEqual(await readdir(join(made, "messages")), []);
  });
}

test("on a terminal it asks, offers its guess, and asks again where the answer will not do", async () => {
  const input = Object.assign(new PassThrough(), { isTTY: true });
  const err = Object.assign(new PassThrough(), { isTTY: true });
  err.setEncoding("utf8");
  const answers: [until: RegExp, typed: string][] = [
    [/one or two\?.* \[one\] $/, "three\n"],
    [/Expected one of one, two\.\n.*\[one\] $/, "\n"],
    [/How long\? $/, "5s\n"],
  ];
  let shown = "";
  err.on("data", (chunk) => {
    shown += stripVTControlCharacters(chunk);
    const [next] = answers;
    if (!next?.[0].test(shown)) return;
    answers.shift();
    shown = "";
    input.write(next[1]);
  });
  const interview = new Interview({ given: [], file: undefined, cwd: "/", err, input });
  const choices = ["one", "two"];
  const asked = { name: "n", ask: "one or two?", choices, guess: { value: "one", why: "it is less" } };
  assert.equal(await interview.ask(asked), "one");
  assert.equal(await interview.ask({ name: "m", ask: "How long?" }), "5s");
  assert.deepEqual(interview.taken, []);
  const stopped = interview.ask({ name: "o", ask: "More?" });
  input.end();
  await assert.rejects(stopped, /stopped before all was answered/);
});

test("an objection says what was expected", () => {
  const question = { name: "n", ask: "?", choices: ["a", "b"] };
  assert.equal(objection(question, "a"), undefined);
  assert.equal(objection(question, "c"), "one of a, b");
});

test("the server that plays a document refuses what the document does not have", async (t) => {
  const { path } = await imported(t, QUOTES);
  const wrong = async (change: (text: string) => string) => {
    const file = join(await temporaryDirectory(t), "wrong.json");
    await writeFile(file, change(await readFile(path, "utf8")));
    return await tried(t, QUOTES, file, /(?!)/);
  };
  const unknown = await wrong((text) => text.replace('\\"subscribe\\"', '\\"subscripe\\"'));
  assert.match(
    lastLine(unknown),
    /the server closed the connection .* with 1008 \(no message of the document\)/,
  );
  assert.deepEqual(unknown.received, { unknown: 1 });
  const elsewhere = await wrong((text) => text.replace("/quotes/forex", "/quotes"));
  assert.match(lastLine(elsewhere), /refused the upgrade with HTTP 404/);
  const unasked = await wrong((text) => text.replace("format=json&", ""));
  assert.match(lastLine(unasked), /refused the upgrade with HTTP 400/);
});
