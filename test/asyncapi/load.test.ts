import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { readAsyncApi } from "../../cli/asyncapi-file.ts";
import {
  type AsyncApiDocument,
  describedBy,
  loadAsyncApi,
  type Message,
  sidesOf,
} from "../../lib/asyncapi/index.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const load = (files: Readonly<Record<string, string>>): AsyncApiDocument =>
  loadAsyncApi("api.yaml", (path) => files[path] ?? assert.fail(`read ${path}`));

const namesOf = (messages: readonly Message[]) => messages.map(({ name }) => name);

/** One API, told twice. */
const VERSION_2 = `
asyncapi: 2.6.0
info: { title: Quotes, version: "1" }
servers:
  public:
    url: "{region}.example.com/v1/"
    protocol: wss
    variables: { region: { enum: [eu, us], default: eu } }
    security: [{ key: [] }, { login: [] }]
channels:
  /quotes/{symbol}:
    parameters:
      symbol: { schema: { type: string, enum: [eurusd, eurgbp] } }
    bindings:
      ws: { query: { type: object, properties: { depth: { type: integer, default: 5 } } } }
    publish:
      operationId: ask
      message: { $ref: "#/components/messages/ask" }
    subscribe:
      operationId: tell
      message:
        oneOf:
          - $ref: "#/components/messages/answer"
          - messageId: quote
            payload: { $ref: "common/schemas.yaml#/Quote" }
components:
  securitySchemes:
    key: { type: httpApiKey, name: api_key, in: query }
    login: { type: http, scheme: bearer }
  messageTraits:
    traced: { correlationId: { location: "$message.payload#/id" }, title: of the trait }
  messages:
    ask:
      title: its own
      traits: [{ $ref: "#/components/messageTraits/traced" }]
      payload: { $ref: "common/schemas.yaml#/Ask" }
      examples: [{ name: one, payload: { id: 1 } }]
    answer:
      correlationId: { location: "$message.payload#/id" }
      payload: { type: object, properties: { id: { type: integer } } }
`;

const VERSION_3 = `
asyncapi: 3.0.0
info: { title: Quotes, version: "1" }
servers:
  public:
    host: "{region}.example.com"
    pathname: v1
    protocol: wss
    variables: { region: { enum: [eu, us], default: eu } }
    security:
      - $ref: "#/components/securitySchemes/key"
      - { type: http, scheme: bearer }
channels:
  quotes:
    address: /quotes/{symbol}
    parameters: { symbol: { enum: [eurusd, eurgbp] } }
    bindings:
      ws: { query: { type: object, properties: { depth: { type: integer, default: 5 } } } }
    messages:
      ask: { $ref: "#/components/messages/ask" }
      answer: { $ref: "#/components/messages/answer" }
      quote:
        payload:
          schemaFormat: application/schema+json;version=draft-07
          schema: { $ref: "common/schemas.yaml#/Quote" }
operations:
  ask:
    action: receive
    channel: { $ref: "#/channels/quotes" }
    messages: [{ $ref: "#/channels/quotes/messages/ask" }]
    reply: { messages: [{ $ref: "#/channels/quotes/messages/answer" }] }
  tell:
    action: send
    channel: { $ref: "#/channels/quotes" }
    messages: [{ $ref: "#/channels/quotes/messages/quote" }]
components:
  securitySchemes:
    key: { type: httpApiKey, name: api_key, in: query }
  messageTraits:
    traced: { correlationId: { location: "$message.payload#/id" }, title: of the trait }
  messages:
    ask:
      title: its own
      traits: [{ $ref: "#/components/messageTraits/traced" }]
      payload: { $ref: "common/schemas.yaml#/Ask" }
      examples: [{ name: one, payload: { id: 1 } }]
    answer:
      correlationId: { location: "$message.payload#/id" }
      payload: { type: object, properties: { id: { type: integer } } }
`;

const SCHEMAS = `
Ask: { type: object, required: [id], properties: { id: { $ref: "#/Id" } } }
Id: { type: integer, minimum: 1 }
Quote: { type: object, properties: { parts: { type: array, items: { $ref: "#/Quote" } }, of: { $ref: "./schemas.yaml#/Id" } } }
`;

for (const [version, text] of [
  ["2.6", VERSION_2],
  ["3.0", VERSION_3],
] as const) {
  test(`a document of ${version} is read with what it refers to`, () => {
    const document = load({ "api.yaml": text, "common/schemas.yaml": SCHEMAS });
    const [server] = document.servers;
    assert.deepEqual(server, {
      name: "public",
      protocol: "wss",
      host: "{region}.example.com",
      pathname: "/v1",
      variables: [{ name: "region", enum: ["eu", "us"], default: "eu", examples: [] }],
      security: [
        { type: "httpApiKey", in: "query", name: "api_key" },
        { type: "http", scheme: "bearer" },
      ],
      isRemote: false,
    });
    const [channel] = document.channels;
    assert.equal(channel?.address, "/quotes/{symbol}");
    assert.deepEqual(channel.parameters[0]?.enum, ["eurusd", "eurgbp"]);
    assert.deepEqual(channel.servers, ["public"]);
    assert.deepEqual(channel.ws.query, {
      $schema: "http://json-schema.org/draft-07/schema#",
      type: "object",
      properties: { depth: { type: "integer", default: 5 } },
    });

    const { fromServer, fromClient } = sidesOf(document, "server");
    assert.deepEqual(namesOf(fromClient), ["ask"]);
    assert.deepEqual(namesOf(fromServer).sort(), ["answer", "quote"]);
    const [ask] = fromClient;
    assert.equal(ask?.title, version === "2.6" ? "of the trait" : "its own");
    assert.deepEqual(ask.correlationId, { in: "payload", pointer: "/id" });
    assert.deepEqual(ask.examples, [{ name: "one", payload: { id: 1 } }]);
    assert.deepEqual(ask.payload, {
      $schema: "http://json-schema.org/draft-07/schema#",
      type: "object",
      required: ["id"],
      properties: { id: { $ref: "#/definitions/Id" } },
      definitions: { Id: { type: "integer", minimum: 1 } },
    });
    const quote = document.messages.find(({ name }) => name === "quote");
    const definitions = (quote!.payload as { definitions: Record<string, unknown> }).definitions;
    assert.deepEqual(Object.keys(definitions).sort(), ["Id", "Quote"]);
  });
}

test("what answers what is told in 3.x, from either side", () => {
  const document = load({ "api.yaml": VERSION_3, "common/schemas.yaml": SCHEMAS });
  const seen = (side: "server" | "client") =>
    sidesOf(document, side).exchanges.map(({ askedBy, requests, replies }) => [
      askedBy,
      namesOf(requests),
      namesOf(replies),
    ]);
  assert.deepEqual(seen("server"), [["client", ["ask"], ["answer"]]]);
  assert.deepEqual(seen("client"), [["server", ["ask"], ["answer"]]]);
  assert.deepEqual(namesOf(sidesOf(document, "client").fromClient), ["answer", "quote"]);
});

test("a title or an extension gives away that a document describes a client", () => {
  const titled = (title: string, more = "") =>
    describedBy(load({ "api.yaml": `asyncapi: 3.0.0\ninfo: { title: ${title} }\n${more}` })).side;
  assert.equal(titled("Quotes"), "server");
  assert.equal(titled("Quotes Client"), "client");
  assert.equal(titled("Clientele"), "server");
  const servers = "servers: { far: { host: h, protocol: ws } }\nx-remoteServers: [far]";
  assert.equal(titled("Quotes", servers), "client");
});

test("messages of one name stay apart, and those that are the same are one", () => {
  const payload = (type: string) => `{ name: same, payload: { type: ${type} } }`;
  const document = load({
    "api.yaml": `asyncapi: 3.0.0
channels:
  a: { messages: { x: ${payload("string")}, y: { $ref: "#/components/messages/z" } } }
  b: { messages: { x: ${payload("number")}, z: { $ref: "#/components/messages/z" } } }
components: { messages: { z: {} } }`,
  });
  assert.deepEqual(namesOf(document.messages), ["same", "y", "same-2"]);
  assert.deepEqual(namesOf(document.channels[1]!.messages), ["same-2", "y"]);
});

test("a payload in a format that is no JSON Schema is left unread, and said so", () => {
  const avro = "application/vnd.apache.avro;version=1.9.0";
  const document = load({
    "api.yaml": `asyncapi: 3.0.0
channels: { a: { messages: { x: { payload: { schemaFormat: "${avro}", schema: { type: record } } } } } }`,
  });
  assert.equal(document.messages[0]?.unreadFormat, avro);
  assert.equal(document.messages[0]?.payload, undefined);
});

test("references are followed where schemas stand, and nowhere else", () => {
  const document = load({
    "api.yaml": `asyncapi: 2.6.0
channels:
  /:
    publish:
      message:
        name: odd
        payload:
          $id: https://example.com/odd
          properties: { $ref: { type: string }, "__proto__": { type: number } }
          const: { $ref: nowhere.yaml }
          payload: { $ref: "#/nowhere" }
          dependencies: { a: [b], c: { $ref: "#/x~1y" } }
x/y: { type: "null" }`,
  });
  assert.deepEqual(
    document.messages[0]?.payload,
    JSON.parse(`{
    "$schema": "http://json-schema.org/draft-07/schema#",
    "properties": { "$ref": { "type": "string" }, "__proto__": { "type": "number" } },
    "const": { "$ref": "nowhere.yaml" },
    "dependencies": { "a": ["b"], "c": { "$ref": "#/definitions/x_y" } },
    "definitions": { "x_y": { "type": "null" } }
  }`),
  );
});

const message = (payload: string) =>
  `asyncapi: 2.6.0\nchannels: { /: { publish: { message: { payload: ${payload} } } } }\n`;
const AT = "api.yaml#/channels/~1/publish/message/payload";

for (const [what, text, expected] of [
  [
    "no document of AsyncAPI",
    "openapi: 3.0.0",
    'api.yaml#: expected an AsyncAPI document, which has "asyncapi", its version, got ["openapi"]',
  ],
  [
    "a version of before 2.0",
    "asyncapi: 1.2.0",
    'api.yaml#/asyncapi: expected AsyncAPI 2.0 to 2.6, or 3, got "1.2.0"',
  ],
  [
    "a reference to a URL",
    message('{ $ref: "http://127.0.0.1:1/s.json" }'),
    `${AT}/$ref: expected a $ref to a local file, since URLs are not read, got "http://127.0.0.1:1/s.json"`,
  ],
  [
    "a reference to a URL of a file",
    message('{ $ref: "file:///etc/passwd" }'),
    `${AT}/$ref: expected a $ref to a local file, since URLs are not read, got "file:///etc/passwd"`,
  ],
  [
    "a reference to another host",
    message('{ $ref: "//example.com/x" }'),
    `${AT}/$ref: expected a $ref to a local file, since URLs are not read, got "//example.com/x"`,
  ],
  [
    "an absolute path",
    message('{ $ref: "/etc/passwd" }'),
    `${AT}/$ref: expected a $ref with a relative path and slashes, got "/etc/passwd"`,
  ],
  [
    "a path out of the folder",
    message('{ $ref: "a/../../secret.yaml" }'),
    `${AT}/$ref: expected a $ref to a file in the document's folder, or in the one that is given as its root, got "a/../../secret.yaml"`,
  ],
  [
    "a path out of the folder, percent-encoded",
    message('{ $ref: "%2e%2e/secret.yaml" }'),
    `${AT}/$ref: expected a $ref to a file in the document's folder, or in the one that is given as its root, got "%2e%2e/secret.yaml"`,
  ],
  [
    "a reference to nothing",
    message('{ $ref: "#/components/schemas/None" }'),
    `${AT}/$ref: expected a $ref to something that is there, got "#/components/schemas/None"`,
  ],
  [
    "a reference to what every object has",
    message('{ $ref: "#/toString" }'),
    `${AT}/$ref: expected a $ref to something that is there, got "#/toString"`,
  ],
  [
    "a reference to itself",
    message('{ $ref: "#/channels/~1/publish/message/payload" }'),
    `${AT}: expected a $ref that leads to something, got one that leads to itself`,
  ],
  [
    "a schema that refers dynamically",
    message('{ $dynamicRef: "#x" }'),
    `${AT}/$dynamicRef: expected $ref alone to refer to schemas, got "$dynamicRef"`,
  ],
  ["a schema that is none", message("7"), `${AT}: expected a schema, which is an object or a boolean, got 7`],
  [
    "a key twice",
    "asyncapi: 2.6.0\nchannels: {}\nchannels: {}",
    "api.yaml: expected keys that differ, got one twice in line 3",
  ],
  [
    "text that is neither, with a secret in it",
    "asyncapi: 2.6.0\ntoken: 'hunter2\n",
    "api.yaml: expected JSON or YAML, got text that is not (missing_char in line 3)",
  ],
  [
    "broken JSON",
    '{"asyncapi": "2.6.0", "token": hunter2',
    "got text that is not (Unexpected token 'h' in line 1)",
  ],
  [
    "aliases that multiply",
    `a: &a [x,x,x,x,x,x,x,x,x]\n${[..."bcdefgh"].map((c, i) => `${c}: &${c} [${`*${"abcdefg"[i]},`.repeat(9)}]`).join("\n")}`,
    "api.yaml: expected aliases of YAML that repeat at most 10000 times, got more",
  ],
  [
    "many anchors",
    `a: [${"&a 1,".repeat(6_000)}]`,
    "api.yaml: expected at most 5000 anchors and tags of YAML",
  ],
  ["YAML that is deep", `a: ${"[".repeat(500_000)}`, "api.yaml: expected objects and lists at most 100 deep"],
  [
    "JSON that is deep",
    `${"[".repeat(300)}${"]".repeat(300)}`,
    "expected objects and lists at most 100 deep",
  ],
  ["large YAML", `# ${"x".repeat(1_100_000)}`, "api.yaml: expected at most 1048576 characters of YAML"],
  ["many values", `[${"0,".repeat(600_000)}0]`, "api.yaml: expected at most 500000 values in all files"],
  ["numbers that JSON does not have", "a: .inf", "api.yaml: expected values of JSON, got Infinity"],
  [
    "a list where an object belongs",
    "asyncapi: 3.0.0\nchannels: []",
    "api.yaml#/channels: expected an object, got []",
  ],
  [
    "an operation without a channel",
    "asyncapi: 3.0.0\noperations: { a: { action: send } }",
    'api.yaml#/operations/a: expected an object with "channel", got {"action":"send"}',
  ],
  [
    "another place for correlation",
    message("{}").replace("payload:", 'correlationId: { location: "$message#/id" }, payload:'),
    'expected a "location" such as "$message.payload#/id", got "$message#/id"',
  ],
] as const) {
  test(`refuses ${what}`, () => {
    assert.throws(
      () => load({ "api.yaml": text }),
      (error: Error) => {
        assert.equal(error.name, "AsyncApiError");
        assert.ok(error.message.includes(expected), error.message);
        assert.doesNotMatch(error.message, /hunter2/);
        return true;
      },
    );
  });
}

test("a long chain of schemas is followed to its end", () => {
  const chain = Array.from({ length: 20_000 }, (_, i) => [`s${i}`, { items: { $ref: `#/s${i + 1}` } }]);
  const text = JSON.stringify({
    asyncapi: "2.6.0",
    channels: { "/": { publish: { message: { payload: { $ref: "#/s0" } } } } },
    ...Object.fromEntries(chain),
    s20000: {},
  });
  const { payload } = load({ "api.yaml": text }).messages[0]!;
  assert.equal(Object.keys((payload as { definitions: object }).definitions).length, 20_000);
});

test("on disk nothing outside of the folder is read, also not by a link", async (t) => {
  const folder = await temporaryDirectory(t);
  const api = join(folder, "api");
  await mkdir(join(api, "parts"), { recursive: true });
  await writeFile(join(folder, "outside.yaml"), "S: { type: string }");
  await writeFile(join(api, "parts", "in.yaml"), "S: { type: string }");
  await symlink(join(folder, "outside.yaml"), join(api, "link.yaml"));
  const document = join(api, "api.yaml");
  const read = async ($ref: string, root?: string) => {
    await writeFile(document, message(`{ $ref: "${$ref}" }`));
    return readAsyncApi("api/api.yaml", { cwd: folder, ...(root !== undefined && { root }) });
  };
  const payload = { $schema: "http://json-schema.org/draft-07/schema#", type: "string" };

  assert.deepEqual((await read("parts/in.yaml#/S")).messages[0]?.payload, payload);
  await assert.rejects(
    read("link.yaml#/S"),
    /^UserError: link\.yaml: expected a \$ref to a file in .* a link out/,
  );
  await assert.rejects(read("../outside.yaml#/S"), /^UserError: api\.yaml#.*got "\.\.\/outside\.yaml#\/S"/);
  assert.deepEqual((await read("../outside.yaml#/S", ".")).messages[0]?.payload, payload);
  assert.deepEqual((await read("link.yaml#/S", ".")).messages[0]?.payload, payload);
  await assert.rejects(
    read("none.yaml"),
    /^UserError: none\.yaml: expected a readable file, got none \(ENOENT\)/,
  );
  await assert.rejects(read("parts"), /^UserError: parts: expected a file, got something else/);
  await assert.rejects(
    read("parts/in.yaml#/S", "api/parts"),
    /^UserError: --root: expected a folder that has/,
  );
});
