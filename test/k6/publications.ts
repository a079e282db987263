import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type ServerOptions, startServer } from "../../server/server.ts";
import { runK6 } from "./run.ts";

/**
 * Runs a scenario of publications, which must pass, or fail for the reason given. Undefined where this machine was too
 * busy: then the right verdict is that the generator was too slow, and the test is skipped.
 */
export async function judge(
  t: TestContext,
  scenario: string,
  env: Readonly<Record<string, string | number>>,
  options: Partial<ServerOptions>,
  reason: RegExp | undefined,
) {
  const server = await startServer(options);
  t.after(() => server.close());
  const WS_URL = `${server.url}/ws/chat`;
  const run = await runK6(t, { scenario, env: { PROFILE: "", WS_URL, ...env } });
  const { summary } = run;
  assert.ok(summary, run.stderr);
  if (summary.verdict === "generator-bound") {
    t.skip(summary.reason);
    return undefined;
  }
  const expected = reason ? { code: 99, verdict: "fail" } : { code: 0, verdict: "pass" };
  assert.deepEqual({ code: run.code, verdict: summary.verdict }, expected, summary.reason);
  if (reason) assert.match(summary.reason, reason);
  return { run, summary, stats: server.stats() };
}
