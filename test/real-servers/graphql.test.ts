/** The example of graphql-transport-ws against graphql-ws: what was measured is what the server itself counted. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { outcomes } from "../k6/figures.ts";
import { type K6Command, OUR_K6 } from "../k6/run.ts";
import { runExample, SOAK } from "./example.ts";
import { graphqlServer } from "./graphql.ts";

const run = (t: TestContext, url: string, command: K6Command) =>
  runExample(t, "graphql-transport-ws", url, command);

// At once, since they count and do not measure: most of the time they wait.
describe("graphql-ws", { concurrency: 3 }, () => {
  test("chat-soak: each query has its result and its completion, twice as many replies as echoes", async (t) => {
    const { url, seen } = await graphqlServer(t);
    const { code, verdict, stderr, of } = await run(t, url, { scenario: "chat-soak", env: SOAK });
    assert.deepEqual({ code, verdict }, { code: 0, verdict: "pass" }, stderr);
    assert.ok(seen.echoes > 0 && seen.subscribed >= 10, JSON.stringify(seen));
    assert.deepEqual(
      [of("ws_sessions_opened"), of("ws_probes"), of("ws_replies")],
      [seen.came.connection_init, seen.echoes, 2 * seen.echoes],
    );
  });

  for (const [scenario, more] of [
    ["chat-soak", { env: SOAK }],
    [
      "mass-soak",
      { k6: OUR_K6, env: { CONNECTIONS: 10, RATE: 100, PROBE_INTERVAL: "50ms", DURATION: "2s" } },
    ],
  ] as const) {
    test(`${scenario}: a resolver's error is an error, not a reply, and its completion no duplicate`, async (t) => {
      const { url, seen } = await graphqlServer(t, { noEvery: 5 });
      const { stderr, summary, of } = await run(t, url, { scenario, ...more });
      assert.ok(seen.noes > 0, `${JSON.stringify(seen)}\n${stderr}`);
      const answered = seen.echoes - seen.noes;
      assert.deepEqual(
        [
          of("ws_probes"),
          of("ws_message_errors{reason:error_reply}"),
          of("ws_message_errors"),
          of("ws_replies"),
        ],
        [seen.echoes, seen.noes, seen.noes, 2 * answered],
      );
      assert.equal(of("ws_messages_duplicated"), 0);
      assert.deepEqual(outcomes(summary, "ws_reply_success_rate"), {
        passes: 2 * answered,
        fails: 2 * seen.noes,
      });
    });
  }

  test("fan-out: each subscription has each mutation's message, the publishers' own besides", async (t) => {
    const { url, seen } = await graphqlServer(t);
    const { code, verdict, stderr, of } = await run(t, url, {
      scenario: "fan-out",
      k6: OUR_K6,
      env: { CONNECTIONS: 20, ROOMS: 2, RATE: 100, PUBLISH_RATE: 20, DURATION: "2s" },
    });
    assert.deepEqual({ code, verdict }, { code: 0, verdict: "pass" }, stderr);
    assert.ok(seen.published > 20 && seen.subscribed === 22, JSON.stringify(seen));
    assert.deepEqual(
      [of("ws_publications"), of("ws_deliveries"), of("ws_deliveries") + of("ws_publications")],
      [seen.published, 10 * seen.published, seen.delivered],
    );
  });

  test("ordering: everybody's messages reach everybody once and in order", async (t) => {
    const { url, seen } = await graphqlServer(t);
    const env = { CONNECTIONS: 9, ROOMS: 3, DURATION: "2s", MESSAGE_INTERVAL: "100ms" };
    const { code, verdict, stderr, of } = await run(t, url, { scenario: "ordering", env });
    assert.deepEqual({ code, verdict }, { code: 0, verdict: "pass" }, stderr);
    assert.ok(seen.published > 50, JSON.stringify(seen));
    assert.deepEqual([of("ws_publications"), of("ws_deliveries")], [seen.published, seen.delivered]);
    assert.equal(seen.delivered, 3 * seen.published);
  });

  test("a token that the server refuses ends every connection with 4403", async (t) => {
    const { url, seen } = await graphqlServer(t);
    const env = { ...SOAK, WS_TOKEN: "another" };
    const { code, of } = await run(t, url, { scenario: "chat-soak", env });
    assert.equal(code, 99);
    const drops = of("ws_connection_drops{code:4403}");
    assert.deepEqual([of("ws_connection_drops"), seen.subscribed], [drops, 0]);
    // Those that the end of the run closes first are no drops.
    const [inits, opened] = [seen.came.connection_init ?? 0, of("ws_sessions_opened")];
    assert.ok(
      drops >= SOAK.CONNECTIONS && opened >= inits && inits >= drops,
      `${drops}, ${inits}, ${opened}`,
    );
    assert.ok(opened - drops <= SOAK.CONNECTIONS, `${opened} opened, ${drops} closed by the server`);
  });

  test("massconnect: connections that say nothing are closed for it with 4408, and the run says why", async (t) => {
    const { url } = await graphqlServer(t, { initWithinMs: 500 });
    const env = { CONNECTIONS: 5, RATE: 100, DURATION: "5s" };
    const { code, stdout, of } = await run(t, url, { scenario: "massconnect", k6: OUR_K6, env });
    assert.equal(code, 99);
    assert.deepEqual([of("ws_connection_drops{code:4408}"), of("ws_connection_drops")], [5, 5]);
    assert.match(
      stdout,
      /sent nothing, so no session and no heartbeat of graphql-transport-ws\. .*mass-soak/s,
    );
  });
});
