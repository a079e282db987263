import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { peerText } from "../../lib/peer-text.ts";

interface Row {
  readonly name: string;
  readonly text: string;
  readonly secrets: readonly string[];
  readonly want: string;
}

const table = new URL("../../extension/binding/testdata/peer-text.json", import.meta.url);
const rows = JSON.parse(await readFile(table, "utf8")) as Row[];

describe("what a peer said is fit for a log, as in Go", () => {
  for (const { name, text, secrets, want } of rows) {
    test(name, () => assert.equal(peerText(text, secrets), want));
  }
});
