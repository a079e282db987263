import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type Descriptor, parseDescriptor } from "../../lib/protocols/index.ts";
import { VARIABLES } from "../../lib/protocols/variables.ts";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const document = read("docs/protocols.md");
const fixtures = JSON.parse(read("lib/protocols/fixtures.json")) as {
  descriptors: Record<string, Descriptor>;
};
const examples = [...document.matchAll(/^```json\n(.*?)^```$/gms)].map(([, json]) => JSON.parse(json!));

test("each descriptor in docs/protocols.md is accepted, and the worked ones are those that are tried", () => {
  for (const json of examples) {
    const descriptor = parseDescriptor(json, "docs/protocols.md");
    if (descriptor.name !== "acme-chat") assert.deepEqual(descriptor, fixtures.descriptors[descriptor.name]);
  }
  assert.deepEqual(
    examples.map(({ name }) => name),
    ["acme-chat", "socket.io", "graphql-transport-ws", "stomp", "phoenix", "json-rpc"],
  );
});

test("docs/protocols.md knows every field and every variable", () => {
  const schema = JSON.parse(read("docs/schemas/protocol.schema.json"));
  const names = [...fieldNames(schema), ...Object.keys(VARIABLES)];
  assert.ok(names.length > 40);
  assert.deepEqual(
    names.filter((name) => !document.includes(`\`${name}\``)),
    [],
  );
});

function* fieldNames(schema: { properties?: object; items?: object }): Generator<string> {
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    if (name !== "$schema") yield name;
    yield* fieldNames(field);
  }
  if (schema.items) yield* fieldNames(schema.items);
}
