import assert from "node:assert/strict";
import { test } from "node:test";
import { outOfDate } from "../../docs/generate.ts";

test("the documents that derive from the code are up to date (npm run docs)", async () => {
  assert.deepEqual(await outOfDate(), []);
});
