/** `k6-realtime pact`: servers that keep a pact, and such that do not. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { WebSocketServer } from "ws";
import { packageFile } from "../../cli/package-file.ts";
import { runMain } from "../cli/run-main.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const NOTIFICATIONS = packageFile("examples/pacts/notifications.json");

const run = (argv: readonly string[], cwd: string) => runMain(argv, { cwd });

/** A server that sends these messages and answers pings, with a descriptor for it. */
async function served(t: TestContext, messages: readonly unknown[]) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  t.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  server.on("connection", (socket) => {
    for (const message of messages)
      socket.send(typeof message === "string" ? message : JSON.stringify(message));
    socket.on("message", (data) => {
      const { id } = JSON.parse(data.toString());
      socket.send(JSON.stringify({ type: "pong", id, load: 0.5 }));
      socket.close(4000, "all was said");
    });
  });
  const folder = await temporaryDirectory(t);
  const descriptor = {
    name: "notifications",
    probe: { send: '{"type":"ping","id":${id}}' },
    reply: [{ name: "pong", where: { "/type": "pong" }, match: "id", id: "/id" }],
    delivery: { where: { "": { exists: true } } },
  };
  await writeFile(join(folder, "protocol.json"), JSON.stringify(descriptor));
  const { port } = server.address() as AddressInfo;
  const flags = ["--url", `ws://127.0.0.1:${port}`, "--protocol-file", "protocol.json", "--probes", "1"];
  return { folder, flags };
}

const notification = { type: "notification", id: 7, text: "Hello", timestamp: 1_714_000_001 };

test("a server that keeps the pact: each message of the kind is as expected", async (t) => {
  const { folder, flags } = await served(t, [
    { type: "welcome" },
    notification,
    { ...notification, id: 8, more: true },
  ]);
  const { code, out } = await run(["pact", "verify", NOTIFICATIONS, "--", ...flags], folder);
  assert.match(out, /^NotificationUI and NotificationService, pact of version 3\.0\.0$/m);
  assert.match(out, /^ {2}kept {4}a notification, given user 42 has a notification \(2\)$/m);
  assert.match(out, /^1 of 1 interactions kept, by 4 messages of the server$/m);
  assert.equal(code, 0);
});

test("one message in several that is otherwise breaks it, and the broker is told", async (t) => {
  const broken = { type: "notification", id: "8", text: "" };
  const { folder, flags } = await served(t, [notification, broken]);
  const argv = ["pact", "verify", NOTIFICATIONS, "--result", "result.json", "--provider-version", "1.2.3"];
  const { code, out } = await run(
    [...argv, "--build-url", "https://ci.example.com/7", "--", ...flags],
    folder,
  );
  assert.match(out, /broken {2}a notification.*: 1 of 2 were otherwise$/m);
  assert.match(out, /\$\.id: expected a whole number, got "8" \(integer\)$/m);
  assert.match(out, /\$\.text: expected a value that is not empty, got "" \(notEmpty\)$/m);
  assert.match(out, /\$\.timestamp: expected 1714000000, got nothing \(equality\)$/m);
  assert.equal(code, 99);
  const result = JSON.parse(await readFile(join(folder, "result.json"), "utf8"));
  assert.equal(result.success, false);
  assert.equal(result.providerApplicationVersion, "1.2.3");
  assert.equal(result.buildUrl, "https://ci.example.com/7");
  assert.equal(result.testResults.tests[0].status, "failed");
  assert.equal(result.testResults.tests[0].mismatches.length, 3);
});

test("silence keeps no pact: nothing like it is a failure, nothing at all undecided", async (t) => {
  const other = await served(t, [{ type: "welcome" }]);
  const verified = await run(["pact", "verify", NOTIFICATIONS, "--", ...other.flags], other.folder);
  assert.match(verified.out, /broken .*: none of 2 messages was like it$/m);
  assert.equal(verified.code, 99);

  await writeFile(join(other.folder, "none.jsonl"), "");
  const silent = await run(["pact", "verify", NOTIFICATIONS, "--messages", "none.jsonl"], other.folder);
  assert.match(silent.out, /^undecided: the server sent no message$/m);
  assert.equal(silent.code, 3);
});

test("a pact that was written has the messages and the exchange, and is kept by the same server", async (t) => {
  const list = { type: "list", items: [{ price: 1.5 }, { price: 2 }], at: null };
  const { folder, flags } = await served(t, [notification, { ...notification, id: 8 }, list, "plain words"]);
  const argv = ["pact", "write", "--consumer", "Web", "--provider", "Push"];
  const written = await run([...argv, "--", ...flags], folder);
  assert.equal(
    written.out,
    "wrote Web-Push.json: 3 messages and 1 exchange, of 6 messages seen\n",
    written.err,
  );
  const pact = JSON.parse(await readFile(join(folder, "Web-Push.json"), "utf8"));
  assert.equal(pact.metadata.pactSpecification.version, "4.0");
  const [first, second, third, exchange] = pact.interactions;
  assert.equal(first.description, 'a message "notification"');
  assert.deepEqual(first.contents, {
    content: notification,
    contentType: "application/json",
    encoded: false,
  });
  assert.deepEqual(first.matchingRules.body["$.id"], { combine: "AND", matchers: [{ match: "integer" }] });
  assert.equal(first.matchingRules.body["$.type"], undefined, "what says the kind stays as it is");
  assert.deepEqual(second.contents.content, { type: "list", items: [{ price: 1.5 }], at: null });
  assert.deepEqual(second.matchingRules.body["$.items[*].price"].matchers, [{ match: "number" }]);
  assert.equal(third.contents.contentType, "text/plain");
  assert.equal(exchange.type, "Synchronous/Messages");
  assert.deepEqual(exchange.request.contents.content, { type: "ping", id: "try-1" });
  assert.deepEqual(exchange.response[0].contents.content, { type: "pong", id: "try-1", load: 0.5 });

  const again = await run(["pact", "verify", "Web-Push.json", "--", ...flags], folder);
  assert.match(again.out, /^4 of 4 interactions kept/m, again.out);
  assert.equal(again.code, 0);

  const there = await run([...argv, "--", ...flags], folder);
  assert.match(there.err, /^--out: expected a file that is not there, got Web-Push\.json/m);
});

test("of version 4: exchanges, pending interactions, bytes in base64, and what is left alone", async (t) => {
  const { folder, flags } = await served(t, [{ type: "tick", n: 1 }]);
  const json = (content: unknown) => ({
    contents: { content, contentType: "application/json", encoded: false },
  });
  const bytes = Buffer.from('{"type":"tick","n":2}').toString("base64");
  const pact = {
    consumer: { name: "c" },
    provider: { name: "p" },
    interactions: [
      {
        type: "Synchronous/Messages",
        description: "ping",
        request: {
          ...json({ type: "ping", id: "x" }),
          matchingRules: { body: { "$.id": { matchers: [{ match: "type" }] } } },
        },
        response: [
          {
            ...json({ type: "pong", id: "x" }),
            matchingRules: { body: { "$.id": { matchers: [{ match: "type" }] } } },
          },
        ],
      },
      {
        type: "Synchronous/Messages",
        description: "never asked",
        request: json({ type: "bye" }),
        response: [json({})],
      },
      {
        type: "Asynchronous/Messages",
        description: "tick",
        contents: { content: bytes, contentType: "application/json", encoded: "base64" },
        matchingRules: { body: { "$.n": { matchers: [{ match: "integer" }] } } },
      },
      { type: "Asynchronous/Messages", description: "to come", pending: true, ...json({ type: "tock" }) },
      { type: "Synchronous/HTTP", description: "a page" },
    ],
    metadata: { pactSpecification: { version: "4.0" } },
  };
  await writeFile(join(folder, "pact.json"), JSON.stringify(pact));
  const { code, out } = await run(["pact", "verify", "pact.json", "--", ...flags], folder);
  assert.match(out, /^ {2}kept {4}ping \(1\)$/m);
  assert.match(out, /^ {2}broken {2}never asked: its request was never sent/m);
  assert.match(out, /^ {2}kept {4}tick \(1\)$/m);
  assert.match(out, /^ {2}pending to come: none of 2 messages was like it$/m);
  assert.match(out, /^not judged: a page \(Synchronous\/HTTP\)$/m);
  assert.equal(code, 99);
});

test("a pattern that takes for ever is given up", async (t) => {
  const folder = await temporaryDirectory(t);
  const pact = {
    consumer: { name: "c" },
    provider: { name: "p" },
    messages: [
      {
        description: "m",
        contents: { a: "a" },
        matchingRules: { body: { "$.a": { matchers: [{ match: "regex", regex: "(a+)+" }] } } },
      },
    ],
  };
  const event = { event: "received", text: JSON.stringify({ a: `${"a".repeat(60)}!` }), meaning: [] };
  await writeFile(join(folder, "pact.json"), JSON.stringify(pact));
  await writeFile(join(folder, "seen.jsonl"), JSON.stringify(event));
  const { code, err } = await run(["pact", "verify", "pact.json", "--messages", "seen.jsonl"], folder);
  assert.match(err, /^pact verify: pact\.json: expected rules that are checked within 5 seconds/);
  assert.equal(code, 3);
});

for (const [sentence, pact, expected] of [
  ["what is no pact", "[]", /^pact: pact\.json: expected a pact, which is an object, got "a list"/],
  ["text that is no JSON", "{", /^pact: pact\.json: expected JSON, got text that is not/],
  [
    "version 2",
    '{"consumer":{"name":"c"},"provider":{"name":"p"},"interactions":[]}',
    /^pact: pact\.json: expected "metadata\.pactSpecification\.version" of 3 or 4, got "unknown"/,
  ],
  [
    "a pact without a consumer",
    '{"messages":[]}',
    /^pact: pact\.json: expected "consumer" with its "name", got nothing/,
  ],
  [
    "JSON that is deep",
    `${"[".repeat(100_000)}`,
    /^pact: pact\.json: expected JSON at most 200 deep, got deeper/,
  ],
  [
    "a matcher that is not known",
    '{"consumer":{"name":"c"},"provider":{"name":"p"},"messages":[{"description":"m","contents":{},"matchingRules":{"body":{"$.a":{"matchers":[{"match":"soundsLike"}]}}}}]}',
    /^pact: pact\.json: messages\[0\] \$\.a: expected a matcher of equality, .*, got "soundsLike"/,
  ],
  [
    "a pact over HTTP alone",
    '{"consumer":{"name":"c"},"provider":{"name":"p"},"interactions":[{"type":"Synchronous/HTTP"}],"metadata":{"pactSpecification":{"version":"4.0"}}}',
    /^pact verify: expected a pact with messages, got pact\.json with 1 interactions of other kinds/,
  ],
] as const) {
  test(`refuses ${sentence}`, async (t) => {
    const folder = await temporaryDirectory(t);
    await writeFile(join(folder, "pact.json"), pact);
    const { code, err } = await run(["pact", "verify", "pact.json", "--messages", "none"], folder);
    assert.match(err, expected);
    assert.equal(code, 2);
  });
}

for (const [sentence, argv, expected] of [
  ["no action", [], /^pact: expected verify or write, got neither/],
  ["a flag that is none", ["verify", "--no"], /^pact: Unknown option '--no'/],
  [
    "a flag of try that is none",
    ["verify", NOTIFICATIONS, "--", "--protocol-fil", "x"],
    /^try: unknown flag --protocol-fil, did you mean --protocol-file\?/,
  ],
  [
    "a result without a version",
    ["verify", NOTIFICATIONS, "--result", "r"],
    /^pact verify: expected --provider-version beside --result/,
  ],
  ["a pact of nobody", ["write"], /^pact write: expected --consumer NAME and --provider NAME/],
  [
    "messages that are none",
    ["verify", NOTIFICATIONS, "--messages", NOTIFICATIONS],
    /line 1: expected an event of "k6-realtime try --json"/,
  ],
] as const) {
  test(`refuses ${sentence}`, async () => {
    const { code, err } = await run(["pact", ...argv], "/");
    assert.match(err, expected);
    assert.equal(code, 2);
  });
}
