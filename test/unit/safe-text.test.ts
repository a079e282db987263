/** What `try` blacks out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { masker } from "../../cli/try/safe-text.ts";

test("secrets of 16 KB are blacked out in each of their spellings", () => {
  const token = `${"a".repeat(16_384)}"/`;
  const mask = masker(token, [`${token}more`, "p?ss.word"]);
  const spellings = [
    token,
    `${token}more`,
    JSON.stringify(token).slice(1, -1),
    encodeURIComponent(token),
    Buffer.from(token).toString("hex"),
    "p?ss.word",
  ];
  for (const secret of spellings) assert.equal(mask(`<${secret}>`), "<***>");
  assert.equal(mask("passXword"), "passXword");
});
