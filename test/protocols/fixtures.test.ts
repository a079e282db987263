import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { PROTOCOLS } from "../../lib/protocols/index.ts";
import { forK6 } from "../../tools/bundles.mjs";
import { runK6 } from "../k6/run.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { type Fixtures, runFixtures } from "./run-fixtures.ts";

const fixtures = JSON.parse(
  readFileSync(new URL("../../lib/protocols/fixtures.json", import.meta.url), "utf8"),
) as Fixtures;

for (const { name, actual, expected } of runFixtures(fixtures)) {
  test(name, () => assert.deepEqual(actual, expected));
}

test("the table's descriptors are those that we ship", () => {
  for (const [name, descriptor] of Object.entries(PROTOCOLS)) {
    assert.deepEqual(fixtures.descriptors[name], descriptor);
  }
});

test("k6's JavaScript engine does the same", async (t) => {
  const outfile = join(await temporaryDirectory(t), "fixtures.js");
  const entryPoints = [fileURLToPath(new URL("fixtures-in-k6.ts", import.meta.url))];
  await build({ ...forK6, entryPoints, outfile, bundle: true });
  const { code, stdout, stderr } = await runK6(t, { scenario: outfile });
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), { rows: [...runFixtures(fixtures)].length, differing: [] });
});
