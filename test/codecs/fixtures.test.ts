import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { useAllCodecs } from "../../lib/protocols/codecs/all.ts";
import { CODEC_NAMES } from "../../lib/protocols/codecs/codec.ts";
import { CODECS, forK6 } from "../../tools/bundles.mjs";
import { runK6 } from "../k6/run.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { type CodecFixtures, runCodecFixtures } from "./run-fixtures.ts";

useAllCodecs();
const fixtures = JSON.parse(
  readFileSync(new URL("../../lib/protocols/codecs/fixtures.json", import.meta.url), "utf8"),
) as CodecFixtures;

for (const { name, actual, expected } of runCodecFixtures(fixtures)) {
  test(name, () => assert.deepEqual(actual, expected));
}

test("each codec has a script", () => {
  assert.deepEqual(CODECS, [...CODEC_NAMES]);
});

test("in k6 the scripts of the codecs do the same", async (t) => {
  const folder = await temporaryDirectory(t);
  const outfile = join(folder, "fixtures.js");
  const entryPoints = [fileURLToPath(new URL("fixtures-in-k6.ts", import.meta.url))];
  await build({ ...forK6, entryPoints, outfile, bundle: true });
  await cp(fileURLToPath(new URL("../../dist/codecs", import.meta.url)), join(folder, "codecs"), {
    recursive: true,
  });
  const { code, stdout, stderr } = await runK6(t, { scenario: outfile });
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), { rows: [...runCodecFixtures(fixtures)].length, differing: [] });
});
