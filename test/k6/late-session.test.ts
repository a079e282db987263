import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { forK6 } from "../../tools/bundles.mjs";
import { temporaryDirectory } from "../temporary-directory.ts";
import { OUR_K6, runK6 } from "./run.ts";
import { reference } from "./short-soak.ts";

test("a session's time-out counts from its first message, however late the script sends it", async (t) => {
  const server = await reference(t);
  const outfile = join(await temporaryDirectory(t), "late-session.js");
  const entryPoints = [fileURLToPath(new URL("late-session-in-k6.ts", import.meta.url))];
  await build({ ...forK6, entryPoints, outfile, bundle: true });
  const { stderr } = await runK6(t, {
    k6: OUR_K6,
    scenario: outfile,
    env: { WS_URL: `${server.url}/ws/chat?token=test-token` },
    args: ["--log-format", "raw"],
  });
  assert.match(stderr, /^heard \{"kind":"planned","errors":\[\]\}$/m);
});
