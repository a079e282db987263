/** What the command line does so that k6 finds a browser. */
import assert from "node:assert/strict";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { browserEnv } from "../../cli/run/browser.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

test("the browser is the one that the environment names, or one on the PATH", async (t) => {
  const folder = await temporaryDirectory(t);
  const [first, second] = [join(folder, "chromium-browser"), join(folder, "google-chrome")];
  for (const file of [first, second]) await writeFile(file, "");
  await chmod(second, 0o755);
  const found = await browserEnv("browser-chat", { PATH: `/nowhere:${folder}`, K6_BROWSER_ARGS: "x" });
  assert.deepEqual(found, { K6_BROWSER_EXECUTABLE_PATH: second }, "the other is no executable");
  await chmod(first, 0o755);
  const given = { PATH: folder, K6_BROWSER_EXECUTABLE_PATH: first, K6_BROWSER_ARGS: "x" };
  assert.deepEqual(await browserEnv("browser-chat", given), { K6_BROWSER_EXECUTABLE_PATH: first });
  const { K6_BROWSER_ARGS } = await browserEnv("browser-chat", { PATH: folder });
  assert.equal(K6_BROWSER_ARGS, process.getuid?.() === 0 ? "no-sandbox" : undefined);
});

test("without a browser it says what to install, and what is wrong with one that is named", async () => {
  await assert.rejects(browserEnv("browser-chat", { PATH: "/nowhere" }), {
    name: "UserError",
    message:
      /browser-chat opens pages in Chromium, .*Install one \(Debian and Ubuntu: apt-get install chromium/,
  });
  await assert.rejects(browserEnv("browser-chat", { K6_BROWSER_EXECUTABLE_PATH: "/nowhere/x" }), {
    message: 'K6_BROWSER_EXECUTABLE_PATH: expected the executable of a Chromium, got "/nowhere/x"',
  });
});

test("a scenario without pages, and a browser elsewhere, need none", async () => {
  assert.deepEqual(await browserEnv("fan-out", { PATH: "/nowhere" }), {});
  assert.deepEqual(await browserEnv("browser-chat", { K6_BROWSER_WS_URL: "ws://x" }), {});
});
