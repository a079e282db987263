import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { peerText, withoutQueries } from "../../lib/peer-text.ts";

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

test("no query of a URL is left in an error's text", () =>
  assert.equal(
    withoutQueries('Get "http://h/a?token=s3cret": EOF, then wss://h/b?key=s3cret&x'),
    'Get "http://h/a?… EOF, then wss://h/b?…',
  ));
