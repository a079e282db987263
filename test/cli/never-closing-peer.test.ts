import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { packageFile } from "../../cli/package-file.ts";
import { runK6 } from "../../cli/run-k6.ts";
import { startServer } from "../../server/server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

test("stock k6 against a peer that never answers a Close frame is ended from outside", async (t) => {
  const server = await startServer({ faults: { ignoreClose: { every: 1 } } });
  t.after(() => server.close());
  const { exitCode, summary } = await runK6({
    k6: { command: packageFile(".cache/k6-stock"), version: "v2.2.0", extension: false },
    script: packageFile("dist/chat-soak.js"),
    settings: {
      WS_URL: `${server.url}/ws/chat`,
      WS_TOKEN: "test-token",
      CONNECTIONS: "2",
      RAMP: "0",
      DURATION: "2s",
      RAMP_DOWN: "0",
      PROBE_INTERVAL: "500ms",
      REPLY_TIMEOUT: "500ms",
      CONNECT_TIMEOUT: "1s",
    },
    resultsDir: join(await temporaryDirectory(t), "results"),
    env: process.env,
    signal: new AbortController().signal,
    output: "ignore",
  });
  assert.equal(exitCode, 3);
  assert.equal(summary.verdict, "incomplete");
  assert.match(summary.reason, /still running 10s after its planned end/);
});
