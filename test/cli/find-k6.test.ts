import assert from "node:assert/strict";
import { dirname } from "node:path";
import { test } from "node:test";
import { findK6 } from "../../cli/find-k6.ts";
import { fakeK6 } from "./fake-k6.ts";

const missing = "/nowhere/k6";

test("the k6 built with the extension goes before the one on the PATH", async (t) => {
  const built = await fakeK6(t, {
    version: "k6 v2.2.0 (go1.26)\nExtensions:\n  xk6-realtime, k6/x/realtime [js]",
  });
  const other = await fakeK6(t, { version: "k6 v2.9.0 (go1.26)" });
  const found = await findK6({ PATH: dirname(other) }, built);
  assert.deepEqual(found, { command: built, version: "v2.2.0", extension: true });
});

const onPath: [sentence: string, said: string, version: string][] = [
  ["a k6 2 on the PATH will do", "k6 v2.0.0 (go1.26, linux/amd64)", "v2.0.0"],
  ["so will a later one", "k6 v10.1.3 (go1.30, linux/amd64)", "v10.1.3"],
  ["so will one whose build has a name", "k6 v2.3.0-rc1 (commit/abc, go1.26, linux/amd64)", "v2.3.0-rc1"],
];
for (const [sentence, said, version] of onPath) {
  test(sentence, async (t) => {
    const k6 = await fakeK6(t, { version: said });
    assert.deepEqual(await findK6({ PATH: dirname(k6) }, missing), {
      command: "k6",
      version,
      extension: false,
    });
  });
}

const refused: [sentence: string, said: string, message: RegExp][] = [
  ["a k6 1 is too old", "k6 v1.7.0 (go1.25, linux/amd64)", /^k6 v1\.7\.0 on the PATH is too old\. Install/],
  ["a k6 0 is too old", "k6 v0.57.0 (go1.23, linux/amd64)", /^k6 v0\.57\.0 on the PATH is too old\. Install/],
  ["another program of that name is none", "usage: k6 FILE", /^no k6 found\. Install/],
];
for (const [sentence, said, message] of refused) {
  test(sentence, async (t) => {
    const k6 = await fakeK6(t, { version: said });
    await assert.rejects(findK6({ PATH: dirname(k6) }, missing), { name: "UserError", message });
  });
}

test("without any k6 the message says what to install", async () => {
  await assert.rejects(findK6({ PATH: "" }, missing), {
    message:
      /^no k6 found\. Install k6 2 or newer .* or build it: npx k6-realtime setup does, .* Go 1\.21 or newer/,
  });
});
