/** A finding as a test of the user's own, for the test runner of Node.js. Pure. */
import type { Finding } from "../../../lib/fuzz/finding.ts";

/** The protocol as the run was given it: its name, or the file of its descriptor as a path from the test. */
export interface GivenProtocol {
  readonly protocol?: string;
  readonly protocolFile?: string;
}

/** @param name of the finding's file, beside the test */
export const testFile = (
  { title, url, expected }: Finding,
  name: string,
  given: GivenProtocol,
): string => `// Run with: node --test ${name.replace(/\.json$/, ".test.mjs")}
import assert from "node:assert/strict";
import { test } from "node:test";
${given.protocolFile ? 'import { fileURLToPath } from "node:url";\n' : ""}import { replayFinding } from "k6-realtime/node";

test(${JSON.stringify(`not again: ${title}`)}, async () => {
  const { seen, received } = await replayFinding(new URL(${JSON.stringify(`./${name}`)}, import.meta.url), {
    url: process.env.WS_URL ?? ${JSON.stringify(url)},
${protocolLine(given)}    // What the run may have had beside: token, headers, loginFile, users, contract, yesIMay.
    ...JSON.parse(process.env.FUZZ_OPTIONS ?? "{}"),
  });
  assert.equal(seen, 0, ${JSON.stringify(`expected ${expected}, received `)} + received);
});
`;

function protocolLine({ protocol, protocolFile }: GivenProtocol): string {
  if (protocolFile) {
    const url = protocolFile.split("/").map(encodeURIComponent).join("/");
    return `    protocolFile: fileURLToPath(new URL(${JSON.stringify(url)}, import.meta.url)),\n`;
  }
  return protocol ? `    protocol: ${JSON.stringify(protocol)},\n` : "";
}
