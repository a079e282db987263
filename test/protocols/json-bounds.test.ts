/** Messages of more values or levels than k6 reads. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cbor } from "../../lib/protocols/codecs/cbor.ts";
import { MOST_VALUES } from "../../lib/protocols/codecs/codec.ts";
import { msgpack } from "../../lib/protocols/codecs/msgpack.ts";
import { excessOf, MOST_JSON_LEVELS } from "../../lib/protocols/json-bounds.ts";

const deep = (levels: number, open = "[", close = "]") => open.repeat(levels) + close.repeat(levels);
const flat = (commas: number, value = "1") => `[${`${value},`.repeat(commas)}${value}]`;

for (const [sentence, text, expected] of [
  ["a list of as many values as are read", flat(MOST_VALUES - 1), undefined],
  ["one more", flat(MOST_VALUES), "values"],
  ["a list of lists", flat(MOST_VALUES / 2, "[1]"), "values"],
  ["commas in strings", JSON.stringify({ a: `\\"${",[".repeat(3 * MOST_VALUES)}` }), undefined],
  ["strings and nothing else", '""'.repeat(2 * MOST_VALUES + 1) + ",".repeat(MOST_VALUES), "values"],
  ["as deep as is read", deep(MOST_JSON_LEVELS), undefined],
  ["one level more", deep(MOST_JSON_LEVELS + 1), "levels"],
  ["objects and lists in turn", deep(MOST_JSON_LEVELS, '[{"a":', "}]"), "levels"],
  ["levels without an end", "[".repeat(4_000_000), "levels"],
  ["many lists side by side", flat(100_000, "[]"), undefined],
] as const) {
  test(`JSON: ${sentence}`, () => assert.equal(excessOf(text), expected));
}

for (const [codec, head] of [
  [msgpack({ name: "msgpack" }), 0xdd],
  [cbor({ name: "cbor" }), 0x9a],
] as const) {
  test(`${codec.title}: a message of too many values is told from one that is none`, () => {
    const list = (count: number, left = count) => {
      const bytes = new Uint8Array(5 + left).fill(1);
      bytes[0] = head;
      new DataView(bytes.buffer).setUint32(1, count);
      return bytes;
    };
    assert.equal(codec.decode(list(MOST_VALUES - 1))?.length, 2 * MOST_VALUES - 1);
    assert.equal(codec.decode(list(MOST_VALUES)), undefined);
    assert.equal(codec.hasTooMany!(list(MOST_VALUES)), true);
    assert.equal(codec.hasTooMany!(list(8 * MOST_VALUES)), true);
    assert.equal(codec.hasTooMany!(list(3)), false);
    assert.equal(codec.hasTooMany!(list(3, MOST_VALUES + 1)), false);
  });
}
