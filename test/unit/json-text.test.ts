import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseJsonText } from "../../lib/json-text.ts";

describe("a JSON file is read as editors write it", () => {
  for (const [sentence, text] of [
    ["plain", '{"a":1}'],
    ["with a byte order mark", '\ufeff{"a":1}'],
    ["with CRLF and blank lines at the end", '{\r\n"a":1\r\n}\r\n\r\n'],
  ] as const) {
    test(sentence, () => assert.deepEqual(parseJsonText(text), { a: 1 }));
  }

  for (const encoding of ["little", "big"] as const) {
    test(`in UTF-16, ${encoding}-endian, it is told`, () => {
      const bytes = Buffer.from('\ufeff{"a":1}', "utf16le");
      const text = (encoding === "big" ? bytes.swap16() : bytes).toString("utf8");
      assert.throws(() => parseJsonText(text), new SyntaxError("it is UTF-16: expected UTF-8"));
    });
  }

  for (const [text, message] of [
    ["hunter2", "Unexpected token 'h' at the beginning"],
    ['{"user":"u",\n"password":hunter2,\n"a":1}', "Unexpected token 'h' in line 2"],
    ['{"user":"u",\n"a":1,\n"password":hunter2', "Unexpected token 'h' in line 3"],
    [
      '{"user":"u","password":"hunter2" "a"}',
      "Expected ',' or '}' after property value in JSON at position 33",
    ],
  ] as const) {
    test(`what is wrong in ${JSON.stringify(text)} is told without it`, () => {
      assert.throws(
        () => parseJsonText(text),
        ({ message: told }) => {
          assert.ok(told.startsWith(message), told);
          return true;
        },
      );
    });
  }

  test("what is no JSON is none", () => assert.throws(() => parseJsonText("a: 1"), SyntaxError));
});
