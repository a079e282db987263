/** A schema of Protocol Buffers beside a descriptor. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { useAllCodecs } from "../../lib/protocols/codecs/all.ts";
import { codecOf } from "../../lib/protocols/codecs/codec.ts";
import fixtures from "../../lib/protocols/codecs/fixtures.json" with { type: "json" };
import { withTypes } from "../../lib/protocols/codecs/schema-file.ts";

useAllCodecs();

const codec = { name: "protobuf", schema: "a.proto", send: "a.M", receive: "a.M" } as const;
const types = (files: Record<string, string>) => {
  const read = (path: string) => {
    const text = files[path];
    if (text === undefined) throw new Error(`there is no ${path}`);
    return text;
  };
  return (withTypes({ name: "x", codec }, "folder/x.json", read) as { codec: { types: object } }).codec.types;
};

test("types are read with what a schema imports, from beside the descriptor", () => {
  const found = types({
    "folder/a.proto":
      'syntax = "proto3"; package a; import "b.proto"; import "google/protobuf/timestamp.proto"; message M { b.N other_one = 1; google.protobuf.Timestamp at = 2; repeated int32 list = 3 [packed = false]; }',
    "folder/b.proto": 'syntax = "proto3"; package b; message N { string s = 1; }',
  });
  const { encode, decode } = codecOf({ ...codec, types: found });
  const json = '{"otherOne":{"s":"x"},"at":{"seconds":1700000000000000001},"list":[1,2]}';
  assert.equal(decode(encode(json)), json);
  assert.equal(Buffer.from(encode('{"list":[1,2]}')).toString("hex"), "18011802");
});

test("a schema that is none names the file and the line", () => {
  for (const [text, expected] of [
    ['syntax = "proto3"; message {', /codec\.schema: expected .*folder\/a\.proto: .*line 1/],
    ['syntax = "proto3"; message M { N n = 1; }', /codec\.schema: expected .*N/],
  ] as const) {
    assert.throws(() => types({ "folder/a.proto": text }), expected);
  }
  assert.throws(() => types({}), /codec\.schema: expected .*there is no folder\/a\.proto/);
});

test("the table's types are those of its schema", async () => {
  const { readFileSync } = await import("node:fs");
  const read = (path: string) =>
    readFileSync(new URL(`../../lib/protocols/codecs/${path}`, import.meta.url), "utf8");
  const whole = withTypes({ codec: { ...codec, schema: "fixtures.proto" } }, "x.json", read);
  assert.deepEqual((whole as { codec: { types: object } }).codec.types, fixtures.types);
});
