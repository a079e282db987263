import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { useAllCodecs } from "../../lib/protocols/codecs/all.ts";
import { withTypes } from "../../lib/protocols/codecs/schema-file.ts";
import { type Descriptor, parseDescriptor } from "../../lib/protocols/index.ts";
import { VARIABLES } from "../../lib/protocols/variables.ts";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const document = read("docs/reference/protocols.md");
useAllCodecs();
const fixtures = JSON.parse(read("lib/protocols/fixtures.json")) as {
  descriptors: Record<string, Descriptor>;
};
const worked = [
  "mqtt",
  "mqtt-5",
  "socket.io",
  "graphql-transport-ws",
  "signalr",
  "centrifugo",
  "stomp",
  "phoenix",
  "json-rpc",
];

test("each descriptor in docs/reference/protocols.md is accepted", () => {
  const shown = [...document.matchAll(/^```json\n(.*?)^```$/gms)].map(([, json]) => JSON.parse(json!));
  for (const json of shown) parseDescriptor(json, "docs/reference/protocols.md");
  assert.deepEqual(
    shown.map(({ name }) => name),
    ["acme-chat", "acme-topics", "history"],
  );
});

test("each descriptor in docs/reference/codecs.md is accepted", () => {
  const shown = [...read("docs/reference/codecs.md").matchAll(/^```json\n(.*?)^```$/gms)];
  assert.ok(shown.length >= 4);
  for (const [, json] of shown) parseDescriptor(JSON.parse(json!), "docs/reference/codecs.md");
});

test("each file of examples/protocols is accepted, named as its protocol, and told of in docs/reference/protocols.md", () => {
  const files = readdirSync(new URL("../../examples/protocols", import.meta.url)).filter((file) =>
    file.endsWith(".json"),
  );
  assert.ok(files.length >= worked.length);
  for (const file of files) {
    const { $schema, ...descriptor } = JSON.parse(read(`examples/protocols/${file}`));
    parseDescriptor(withTypes(descriptor, `examples/protocols/${file}`, read), file);
    assert.deepEqual([$schema, `${descriptor.name}.json`], ["../../docs/schemas/protocol.schema.json", file]);
    assert.ok(document.includes(`(../../examples/protocols/${file})`), file);
  }
});

test("the examples that have recorded messages are those that are tried with them", () => {
  for (const name of worked) {
    const { $schema: _, ...descriptor } = JSON.parse(read(`examples/protocols/${name}.json`));
    assert.deepEqual(descriptor, fixtures.descriptors[name]);
  }
});

test("docs/reference/protocols.md knows every field and every variable", () => {
  const schema = JSON.parse(read("docs/schemas/protocol.schema.json"));
  const names = [...fieldNames(schema), ...Object.keys(VARIABLES)];
  assert.ok(names.length > 40);
  const told = document + read("docs/reference/codecs.md");
  assert.deepEqual(
    names.filter((name) => !told.includes(`\`${name}\``)),
    [],
  );
});

function* fieldNames(schema: { properties?: object; items?: object; anyOf?: object[] }): Generator<string> {
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    if (name !== "$schema") yield name;
    yield* fieldNames(field);
  }
  for (const part of [schema.items ?? [], schema.anyOf ?? []].flat()) yield* fieldNames(part);
}
