/** What a fuzzing run is told: routes, a schema of GraphQL, and settings that it has no use for. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { buildSchema, type ExecutionResult, graphqlSync, parse, validate } from "graphql";
import { routesOf } from "../../cli/fuzz/routes.ts";
import { main } from "../../cli/main.ts";
import { packageFile } from "../../cli/package-file.ts";
import { graphqlMessages, INTROSPECTION, shapesOf } from "../../lib/fuzz/graphql.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ALL = { include: [], exclude: [] };
const get = (more: object = {}) => ({ get: { responses: { 200: {} }, ...more } });

const documents: [what: string, document: unknown, routes: string[]][] = [
  [
    "paths that say x-websocket, at the path or its operation",
    {
      openapi: "3.1.0",
      paths: { "/a": { "x-websocket": true }, "/b": get({ "x-websocket": {} }), "/ws": get() },
    },
    ["/a", "/b"],
  ],
  [
    "paths that answer 101",
    { openapi: "3.0.3", paths: { "/live/{room}": get({ responses: { 101: {} } }), "/ws/x": get() } },
    ["/live/{room}"],
  ],
  [
    "paths with a segment such as ws, where none says more",
    { swagger: "2.0", paths: { "/ws/chat": get(), "/v1/websocket": get(), "/news": get(), "/x": null } },
    ["/ws/chat", "/v1/websocket"],
  ],
  [
    "channels of AsyncAPI 2",
    { asyncapi: "2.6.0", info: { title: "t", version: "1" }, channels: { chat: {}, "/feed/{id}": {} } },
    ["/chat", "/feed/{id}"],
  ],
  [
    "channels of AsyncAPI 3 that have an address",
    {
      asyncapi: "3.0.0",
      info: { title: "t", version: "1" },
      channels: { one: { address: "/one" }, two: { address: "two" }, none: { address: null } },
    },
    ["/one", "/two"],
  ],
];
for (const [what, document, routes] of documents) {
  test(`routes: ${what}`, async (t) => {
    const directory = await temporaryDirectory(t);
    await writeFile(join(directory, "api.json"), JSON.stringify(document));
    assert.deepEqual(await routesOf("api.json", ALL, directory), routes);
  });
}

test("routes of an example, of a document at a URL, of a file; and what is none", async (t) => {
  assert.deepEqual(await routesOf(packageFile("examples/asyncapi/quotes.yaml"), ALL, "/"), [
    "/quotes/{market}",
  ]);
  const server = createServer((request, response) => {
    if (request.url !== "/openapi.json") response.statusCode = 404;
    response.end(JSON.stringify({ openapi: "3.1.0", paths: { "/ws": get(), "/ws/internal": get() } }));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const some = { include: ["/ws*"], exclude: ["*/internal"] };
  assert.deepEqual(await routesOf(`${url}/openapi.json`, some, "/"), ["/ws"]);
  await assert.rejects(routesOf(`${url}/none`, ALL, "/"), /--routes: expected a document .* \(status 404\)/);
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, "routes.txt"), "# all\n/ws/a\n\n/ws/b # and this\n");
  assert.deepEqual(await routesOf("routes.txt", ALL, directory), ["/ws/a", "/ws/b"]);
  await writeFile(join(directory, "other.json"), '{"name":"x"}');
  await assert.rejects(routesOf("other.json", ALL, directory), /expected an OpenAPI or AsyncAPI document/);
  await assert.rejects(routesOf("/a,/b", { ...ALL, include: ["/c"] }, "/"), /none of \/a, \/b/);
});

const schema = buildSchema(`
  enum Size { SMALL LARGE }
  input Filter { room: String!, size: Size!, tags: [String!], inner: Filter }
  type Message { id: ID! }
  type Query { echo(text: String!, times: Int = 1): String, find(filter: Filter!): [Message!]! }
  type Mutation { publish(room: ID!, weight: Float, loud: Boolean!): Message }
  type Subscription { message(room: String!, sizes: [Size!]!): Message! }
`);

test("operations of GraphQL are made from what introspection tells, and fit the schema", () => {
  const { data } = graphqlSync({ schema, source: INTROSPECTION }) as ExecutionResult;
  const shapes = shapesOf(data);
  assert.deepEqual(
    shapes.operations.map(({ kind, name }) => `${kind} ${name}`),
    ["subscription message", "query echo", "query find", "mutation publish"],
  );
  const made = graphqlMessages(shapes).flatMap(({ origin, text }) => {
    const { payload } = JSON.parse(text!);
    const isMade = /^(subscription|query|mutation) \w+( with other values)?$/.test(origin.change ?? "");
    return isMade ? [payload.query as string] : [];
  });
  assert.equal(made.length, 16);
  for (const query of made) assert.deepEqual(validate(schema, parse(query)), [], query);
  const texts = made.join("\n");
  for (const part of ["size: LARGE", 'room: ""', "sizes: [SMALL]", "times: 2147483647", "inner: {"])
    assert.ok(texts.includes(part), `${part} in\n${texts}`);
});

test("what a server answers instead of a schema makes no operations", () => {
  for (const data of [undefined, null, {}, { __schema: null }, { __schema: { types: [] } }])
    assert.deepEqual(shapesOf(data).operations, []);
});

for (const [name, value] of [
  ["HTTP_VERSION", "2"],
  ["COMPRESSION", "deflate"],
  ["SSE_URL", "http://user:secret@127.0.0.1/events"],
]) {
  test(`${name} in the environment is refused by name, and not shown if it may hold a secret`, async (t) => {
    const cwd = await temporaryDirectory(t);
    const [out, err] = [new PassThrough(), new PassThrough()];
    const said = text(err);
    const around = { out, err, cwd, env: { [name!]: value }, signal: new AbortController().signal };
    assert.equal(await main(["fuzz", "--url", "ws://127.0.0.1:9/"], around), 2);
    err.end();
    assert.match(await said, new RegExp(`^${name}: expected .*, since fuzzing .*, got `));
    assert.doesNotMatch(await said, /secret/);
  });
}
