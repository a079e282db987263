/** One run of stock k6 in which the same becomes of all connections: a row of scenario × fault. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type FaultSettings, type ServerOptions, signToken, startServer } from "../../server/server.ts";
import { count } from "./figures.ts";
import { runK6 } from "./run.ts";

const SECRET = "a key of tests";
const CONNECTIONS = 3;
const COMMON = { PROFILE: "", CONNECTIONS, RAMP: "0", REPLY_TIMEOUT: "1s" };

export interface Row {
  readonly env?: Readonly<Record<string, string | number>>;
  readonly faults?: FaultSettings;
  readonly options?: Partial<ServerOptions>;
  /** For how many seconds the token is valid when the run begins; absent: for ever. */
  readonly tokenFor?: number;
  readonly nextToken?: boolean;
  /** What stands in front of the server. */
  readonly proxy?: (t: TestContext, url: string) => Promise<string>;
  /** What becomes of all connections. */
  readonly outcome: string;
  /** Whether that is right. */
  readonly passes: boolean;
}

/** Runs a scenario against the row's server: what becomes of all connections is found, named, and judged right or wrong. */
export async function check(t: TestContext, scenario: string, env: Row["env"], row: Row): Promise<void> {
  const server = await startServer({ faults: row.faults ?? {}, secret: SECRET, ...row.options });
  t.after(() => server.close());
  const url = `${server.url}/ws/chat`;
  const token = row.tokenFor === undefined ? "test-token" : signToken("ann", row.tokenFor, SECRET);
  const run = await runK6(t, {
    scenario,
    env: {
      ...COMMON,
      ...env,
      WS_URL: (await row.proxy?.(t, url)) ?? url,
      WS_TOKEN: token,
      ...(row.nextToken && { NEXT_TOKEN: signToken("ann", 60, SECRET) }),
    },
  });
  const { summary } = run;
  const said = `${JSON.stringify(summary?.metrics.ws_outcomes)}\n${summary?.reason}\n${run.stderr}`;
  assert.ok(summary, said);
  assert.equal(count(summary, `ws_outcomes{outcome:${row.outcome}}`), CONNECTIONS, said);
  assert.equal(count(summary, "ws_outcomes"), CONNECTIONS, said);
  assert.deepEqual(
    { code: run.code, verdict: summary.verdict },
    row.passes ? { code: 0, verdict: "pass" } : { code: 99, verdict: "fail" },
    said,
  );
  if (!row.passes) {
    assert.match(summary.reason, new RegExp(`3 outcomes with outcome ${row.outcome} \\(limit 0\\)`), said);
  }
  assert.ok(
    summary.notes!.some((note) => note.startsWith(`${row.outcome} (3): `)),
    said,
  );
}
