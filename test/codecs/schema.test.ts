/** A schema of Protocol Buffers beside a descriptor. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import descriptor from "protobufjs/ext/descriptor.js";
import { useAllCodecs } from "../../lib/protocols/codecs/all.ts";
import { codecOf, MOST_VALUES } from "../../lib/protocols/codecs/codec.ts";
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

const inTable = (path: string) => new URL(`../../lib/protocols/codecs/${path}`, import.meta.url);

for (const schema of ["fixtures.proto", "fixtures.binpb"]) {
  test(`the table's types are those of ${schema}`, () => {
    const whole = withTypes(
      { codec: { ...codec, schema } },
      "x.json",
      (path) => readFileSync(inTable(path), "utf8"),
      (path) => readFileSync(inTable(path)),
    );
    assert.deepEqual((whole as { codec: { types: object } }).codec.types, fixtures.types);
  });
}

test("a descriptor set that cannot be used says why", () => {
  const set = (...file: object[]) =>
    descriptor.FileDescriptorSet.encode(descriptor.FileDescriptorSet.fromObject({ file })).finish();
  const importing = {
    name: "a.proto",
    dependency: ["google/protobuf/timestamp.proto"],
    messageType: [
      {
        name: "M",
        field: [{ name: "t", number: 1, label: 1, type: 11, typeName: ".google.protobuf.Timestamp" }],
      },
    ],
  };
  const read = (bytes: Uint8Array) =>
    withTypes(
      { codec: { ...codec, schema: "a.desc" } },
      "folder/x.json",
      () => "",
      (path) => (path === "folder/a.desc" ? bytes : assert.fail(path)),
    ) as { codec: { types: object } };
  for (const [bytes, expected] of [
    [
      set(importing),
      /lacks google\/protobuf\/timestamp\.proto, which it imports: protoc needs --include_imports/,
    ],
    [set(), /a\.desc is not a usable descriptor set: it has no files/],
    [Buffer.from("syntax"), /a\.desc is not a usable descriptor set: /],
  ] as const) {
    assert.throws(() => read(bytes), expected);
  }
});

test("a message of too many values is not read, packed or not", () => {
  const { types } = fixtures;
  const { decode, hasTooMany } = codecOf({
    name: "protobuf",
    send: "fixtures.Everything",
    receive: "fixtures.Everything",
    types,
  });
  const varint = (n: number): number[] => (n < 128 ? [n] : [(n % 128) + 128, ...varint(Math.floor(n / 128))]);
  const packed = (n: number) => Buffer.concat([Buffer.from([0xa2, 1, ...varint(n)]), Buffer.alloc(n, 1)]);
  const pairs = (n: number) => Buffer.alloc(2 * n, Buffer.from([8, 1]));
  for (const [message, tooMany] of [
    [packed(MOST_VALUES - 1), false],
    [packed(MOST_VALUES), true],
    [packed(8 * MOST_VALUES), true],
    [pairs(MOST_VALUES), false],
    [pairs(MOST_VALUES + 1), true],
    [Buffer.from([0xff]), false],
    [packed(2 * MOST_VALUES).subarray(0, MOST_VALUES + 10), true],
  ] as const) {
    assert.equal(hasTooMany!(message), tooMany);
    if (tooMany) assert.equal(decode(message), undefined);
  }
  assert.equal(decode(pairs(MOST_VALUES)), '{"anInt32":1}');
});
