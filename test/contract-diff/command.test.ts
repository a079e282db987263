/** `k6-realtime contract-diff`, as it is called. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { runMain } from "../cli/run-main.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

async function diff(t: TestContext, files: Readonly<Record<string, string>>, ...argv: string[]) {
  const cwd = await temporaryDirectory(t);
  for (const [name, content] of Object.entries(files)) await writeFile(join(cwd, name), content);
  return runMain(["contract-diff", ...argv], { cwd });
}

const asyncApi = (type: string) => `asyncapi: 3.0.0
channels: { a: { messages: { quote: { payload: { properties: { t: { const: quote }, price: { type: ${type} } } } } } } }
operations: { o: { action: send, channel: { $ref: "#/channels/a" } } }
`;
const map = JSON.stringify({
  messages: {
    quote: { schema: { properties: { t: { const: "quote" }, price: { $ref: "#/definitions/price" } } } },
  },
  definitions: { price: { type: "number" } },
});

test("an AsyncAPI document and a map of the same messages do not differ", async (t) => {
  const { code, out } = await diff(t, { "a.yaml": asyncApi("number"), "b.json": map }, "a.yaml", "b.json");
  assert.equal(out, "from a.yaml to b.json: 0 breaking, 0 risky, 0 compatible\n");
  assert.equal(code, 0);
});

test("a change that breaks clients is told, with what was seen, and fails", async (t) => {
  const seen = [
    { event: "connected", atMs: 1 },
    { event: "received", text: '{"t":"quote","price":1}', meaning: [] },
    { event: "received", text: '{"t":"quote"}', meaning: [] },
    { event: "received", text: "no JSON", meaning: [] },
  ];
  const files = {
    "a.yaml": asyncApi("number"),
    "b.yaml": asyncApi("string"),
    "seen.jsonl": seen.map((event) => JSON.stringify(event)).join("\n"),
  };
  const { code, out } = await diff(t, files, "a.yaml", "b.yaml", "--messages", "seen.jsonl");
  assert.equal(
    out,
    `from a.yaml to b.yaml: 1 breaking, 0 risky, 0 compatible

breaking
  quote /price: the server may send string; clients expect number (in 1 of 2 messages seen)
`,
  );
  assert.equal(code, 99);
  const reverse = await diff(t, files, "a.yaml", "b.yaml", "--describes", "client");
  assert.match(reverse.out, /quote \/price: clients may send number; the server now takes string/);
});

test("Markdown shows names of others, and is never theirs", async (t) => {
  const named = (name: string) =>
    JSON.stringify({ messages: { [name]: { type: "string" }, fine: { type: "string" } } });
  const files = { "a.json": named("<img src=x>|@everyone\n# `hi`"), "b.json": named("fine") };
  const { code, out } = await diff(t, files, "a.json", "b.json", "--format", "markdown");
  assert.match(out, /^## Contract: breaks existing clients$/m);
  assert.match(out, /^### Breaking: 1$/m);
  assert.match(
    out,
    /^\| &#60;img src=x&#62;&#124;&#64;everyone &#35; &#96;hi&#96; \| {2}\| server \| the server no longer sends it/m,
  );
  assert.equal(code, 99);
  const json = JSON.parse((await diff(t, files, "a.json", "b.json", "--format", "json")).out);
  assert.equal(json.breaks, true);
  assert.equal(json.changes[0].rule, "kind");
});

for (const [sentence, files, argv, expected] of [
  [
    "a contract that is not there",
    {},
    ["a.json", "b.json"],
    /^a\.json: expected a readable file, got none \(ENOENT\)/,
  ],
  [
    "what is no contract",
    { "a.json": "[]", "b.json": "{}" },
    ["a.json", "b.json"],
    /^a\.json#: expected a contract, which is an object, got \[\]/,
  ],
  [
    "a reference to a URL",
    { "a.json": '{"$ref":"https://example.com/s.json"}', "b.json": "{}" },
    ["a.json", "b.json"],
    /^a\.json#\/\$ref: expected a \$ref to a local file, since URLs are not read/,
  ],
  [
    "a sender that is none",
    { "a.json": '{"messages":{"m":{"schema":{},"from":"me"}}}', "b.json": "{}" },
    ["a.json", "b.json"],
    /^a\.json#\/messages\/m\/from: expected server, client or both, got "me"/,
  ],
  [
    "another format",
    { "a.json": "{}", "b.json": "{}" },
    ["a.json", "b.json", "--format", "html"],
    /^--format: expected text, markdown, json, got "html"/,
  ],
  [
    "messages that are none",
    { "a.json": "{}", "b.json": "{}" },
    ["a.json", "b.json", "--messages", "a.json"],
    /^--messages: a\.json line 1: expected an event of "k6-realtime try --json"/,
  ],
  ["one contract alone", { "a.json": "{}" }, ["a.json"], /^contract-diff: .*NEW/],
] as const) {
  test(`refuses ${sentence}`, async (t) => {
    const { code, err } = await diff(t, files, ...argv);
    assert.match(err, expected);
    assert.equal(code, 2);
  });
}
