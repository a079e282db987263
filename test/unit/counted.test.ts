import assert from "node:assert/strict";
import { test } from "node:test";
import { counted } from "../../lib/counted.ts";

test("one thing has no plural", () => {
  assert.deepEqual(
    [counted(0, "row"), counted(1, "row"), counted(2, "row"), counted(1, "case is", "cases are")],
    ["0 rows", "1 row", "2 rows", "1 case is"],
  );
});
