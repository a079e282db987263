/** A finding as a test of the user's own, for the test runner of Node.js. Pure. */
import type { Finding } from "../../../lib/fuzz/finding.ts";

/** @param name of the finding's file, beside the test */
export const testFile = (
  { title, url, expected }: Finding,
  name: string,
): string => `// Run with: node --test ${name.replace(/\.json$/, ".test.mjs")}
import assert from "node:assert/strict";
import { test } from "node:test";
import { replayFinding } from "k6-realtime/node";

test(${JSON.stringify(`not again: ${title}`)}, async () => {
  const { seen, received } = await replayFinding(new URL(${JSON.stringify(`./${name}`)}, import.meta.url), {
    url: process.env.WS_URL ?? ${JSON.stringify(url)},
    // What the run had beside: protocolFile, protocol, token, headers, yesIMay.
    ...JSON.parse(process.env.FUZZ_OPTIONS ?? "{}"),
  });
  assert.equal(seen, 0, ${JSON.stringify(`expected ${expected}, received `)} + received);
});
`;
