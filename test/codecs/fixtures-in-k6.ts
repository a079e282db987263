/** Run by k6: prints which rows of the table come out otherwise. */

import { loadCodecs } from "../../lib/k6/codecs.ts";
import { CODEC_NAMES } from "../../lib/protocols/codecs/codec.ts";
import fixtures from "../../lib/protocols/codecs/fixtures.json" with { type: "json" };
import { type CodecFixtures, runCodecFixtures } from "./run-fixtures.ts";

export const options = { iterations: 1 };
export default function () {}

// The scripts of the codecs, as a scenario loads them.
for (const codec of CODEC_NAMES) loadCodecs({ codec });

export function handleSummary() {
  const rows = [...runCodecFixtures(fixtures as unknown as CodecFixtures)];
  const differing = rows.filter(
    ({ actual, expected }) => JSON.stringify(actual) !== JSON.stringify(expected),
  );
  return { stdout: JSON.stringify({ rows: rows.length, differing }) };
}
