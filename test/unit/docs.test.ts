import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { packageFile } from "../../cli/package-file.ts";
import { outOfDate } from "../../docs/generate.ts";

test("the documents that derive from the code are up to date (npm run docs)", async () => {
  assert.deepEqual(await outOfDate(), []);
});

test("the terms are at most 25", async () => {
  const terms = await readFile(packageFile("docs/reference/terms.md"), "utf8");
  const rows = [...terms.matchAll(/^\| (?!term \||---)(.+?) \| .+ \|$/gm)].map(([, term]) => term);
  assert.ok(rows.length > 0 && rows.length <= 25, rows.join());
  assert.equal(new Set(rows).size, rows.length);
});
