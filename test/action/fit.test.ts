/** What the action writes where GitHub takes only so much, and nothing else but text. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { fit } from "../../cli/action/fit.ts";
import { addToJobSummary, plainLine } from "../../cli/action/runner.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

/** Whether a fence is open at the end, as a reader of Markdown sees it. */
function isOpen(text: string): boolean {
  let fence = "";
  for (const line of text.split("\n")) {
    const [, found = ""] = /^ {0,3}(`{3,}|~{3,})[^`]*$/.exec(line) ?? [];
    if (fence === "") fence = found;
    else if (found.startsWith(fence) && line.trim() === found) fence = "";
  }
  return fence !== "";
}

test("nothing is longer than it may be, and no fenced block is cut", () => {
  const line = fc.constantFrom(
    "text",
    "```mermaid",
    "```",
    "````",
    "~~~",
    "| a | b |",
    "ü".repeat(30),
    "  ```",
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 60 }), fc.integer({ min: 80, max: 400 }), (lines, most) => {
      const text = lines.join("\n");
      const cut = fit(text, most);
      assert.ok(cut.length <= most);
      assert.ok(cut === text || !isOpen(cut), cut);
      assert.ok(Buffer.byteLength(fit(text, most, Buffer.byteLength)) <= most);
    }),
    { seed: 1, numRuns: 2_000 },
  );
});

test("text that just fits is left as it is, and one character more is cut at the line before", () => {
  const lines = ["a".repeat(100), "b".repeat(100), "c".repeat(100)];
  const text = lines.join("\n");
  assert.equal(fit(text, text.length), text);
  assert.match(fit(text, text.length - 1), /^a{100}\nb{100}\n\n_The rest is cut off/);
});

test("a job summary beyond what GitHub takes is cut, and the step goes on", async (t) => {
  const file = join(await temporaryDirectory(t), "summary");
  await writeFile(file, "");
  await addToJobSummary({ GITHUB_STEP_SUMMARY: file }, `${"é".repeat(99)}\n`.repeat(10_000));
  const written = await readFile(file);
  assert.ok(written.length <= 1024 * 1024 && written.length > 1_000_000);
  assert.match(written.toString("utf8"), /The artifact has all of it\._\n$/);
});

test("a line of text is no command to the runner", () => {
  assert.equal(plainLine("pass: all 7 limits held"), "pass: all 7 limits held");
  assert.equal(plainLine("  ::add-mask::e"), " : :add-mask::e");
  assert.equal(plainLine("run ##[add-mask]e\n::stop-commands::x"), "run ## [add-mask]e ::stop-commands::x");
});
