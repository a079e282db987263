/** The environment of a run: others' variables, k6's own, and flags that leave out a part of it. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { startServer } from "../../server/server.ts";
import { type K6Command, OUR_K6, runK6 } from "./run.ts";

/** Limits on counts alone: runK6 sees to that. */
const SHORT = {
  CONNECTIONS: 5,
  RAMP: "0s",
  DURATION: "7s",
  RAMP_DOWN: "0s",
  SESSION: "20s",
  PROBE_INTERVAL: "200ms",
  REPLY_TIMEOUT: "5s",
};

test("a misspelt name, where k6 can tell that it was given by -e", async (t) => {
  const env = { ...SHORT, CONECTIONS: "10" };
  const run = await runK6(t, { scenario: "x/chat-soak", k6: OUR_K6, env });
  assert.equal(run.code, 107);
  assert.match(run.stderr, /CONECTIONS: unknown variable, did you mean CONNECTIONS\?/);
});

describe("what changes nothing ends no run", { concurrency: true }, () => {
  async function passes(t: TestContext, command: Partial<K6Command>) {
    const server = await startServer();
    t.after(() => server.close());
    const env = { WS_URL: `${server.url}/ws/chat`, ...SHORT, ...command.env };
    const run = await runK6(t, { scenario: "chat-soak", ...command, env });
    assert.equal(run.code, 0, run.stderr);
    assert.equal(run.summary?.verdict, "pass", run.summary?.reason);
    return { ...run, notes: run.summary.notes!.join("\n") };
  }

  test("a name that may be misspelt, and a former one, are named in a warning and beside the figures", async (t) => {
    const { stderr, notes } = await passes(t, { env: { SESSIONS: "5", CHECK: "none" } });
    for (const said of [
      /SESSIONS is not a setting and has no effect: did you mean SESSION\?/,
      /CHECK is called PREFLIGHT now: the next version will not know CHECK/,
    ]) {
      assert.match(stderr, said);
      assert.match(notes, said);
    }
    assert.match(stderr, /no check of the server before the load: PREFLIGHT=none/);
  });

  test("limits that k6 is told to leave alone are judged all the same", async (t) => {
    const { notes, summary } = await passes(t, { args: ["--no-thresholds"] });
    assert.match(notes, /k6 judged no limits \(--no-thresholds\)/);
    assert.ok(summary!.thresholds.length > 3 && summary!.thresholds.every(({ value }) => value !== null));
  });

  test("a set-up that is left out has not failed", (t) => passes(t, { args: ["--no-setup"] }).then(() => {}));

  test("variables of somebody else's environment", async (t) => {
    await passes(t, {
      scenario: "x/chat-soak",
      k6: OUR_K6,
      processEnv: {
        WS_PORT: "tcp://10.0.0.7:80",
        TRACE: "1",
        ROOM: "a",
        CONECTIONS: "x",
        K6_VERSION: "latest",
      },
    });
  });
});

test("limits that k6 is told to leave alone are judged as broken where they are", async (t) => {
  const server = await startServer({ faults: { loseReplies: { every: 2 } } });
  t.after(() => server.close());
  const env = { WS_URL: `${server.url}/ws/chat`, ...SHORT };
  const run = await runK6(t, { scenario: "chat-soak", env, args: ["--no-thresholds"] });
  assert.equal(run.code, 0, "k6's own");
  assert.equal(run.summary?.verdict, "fail");
  assert.match(run.summary.reason, /^share of replies in time/);
});
