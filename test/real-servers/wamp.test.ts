/** The examples of WAMP against `k6 x wamp-server`: what was measured is what the router counted itself. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { outcomes } from "../k6/figures.ts";
import { OUR_K6 } from "../k6/run.ts";
import { runExample, SOAK } from "./example.ts";
import { wampRouter } from "./wamp.ts";

const FAN_OUT = { CONNECTIONS: 20, ROOMS: 2, RATE: 100, PUBLISH_RATE: 20, DURATION: "2s" };
const ORDERING = {
  CONNECTIONS: 9,
  ROOMS: 3,
  DURATION: "1s",
  MESSAGE_INTERVAL: "100ms",
  REPLY_TIMEOUT: "20s",
};
const MASS_SOAK = { CONNECTIONS: 20, RATE: 100, PROBE_INTERVAL: "100ms", DURATION: "2s" };

describe("WAMP on k6 x wamp-server", { concurrency: 3 }, () => {
  for (const example of ["wamp", "wamp-messagepack"]) {
    const run = (t: TestContext, url: string, scenario: string, env: Record<string, string | number>) =>
      runExample(t, example, url, {
        scenario,
        env: { ...env, WS_TOKEN: "" },
        ...(scenario === "chat-soak" || scenario === "ordering" ? {} : { k6: OUR_K6 }),
      });

    for (const [scenario, env] of [
      ["chat-soak", SOAK],
      ["x/chat-soak", SOAK],
      ["mass-soak", MASS_SOAK],
    ] as const) {
      test(`${example}, ${scenario}: each probe is one publication, acknowledged once`, async (t) => {
        const router = await wampRouter(t);
        const { code, verdict, stderr, of } = await run(t, router.url, scenario, env);
        assert.deepEqual({ code, verdict }, { code: 0, verdict: "pass" }, stderr);
        const { published, eventsSent } = await router.report();
        assert.ok(published > 0, `${published} publications`);
        assert.deepEqual(
          [of("ws_probes"), of("ws_replies"), of("ws_message_errors")],
          [published, published, 0],
        );
        assert.equal(eventsSent, 0, "nobody subscribes to a user's topic");
      });
    }

    test(`${example}, ordering: each event in a room is a delivery`, async (t) => {
      const router = await wampRouter(t);
      const { code, verdict, stderr, of } = await run(t, router.url, "ordering", ORDERING);
      assert.deepEqual({ code, verdict }, { code: 0, verdict: "pass" }, stderr);
      const { published, eventsSent } = await router.report();
      assert.ok(published > 20, `${published} publications`);
      assert.deepEqual([of("ws_publications"), of("ws_deliveries")], [published, eventsSent]);
      assert.equal(eventsSent, 3 * published);
    });

    test(`${example}, fan-out: each event to a subscriber is a delivery`, async (t) => {
      const router = await wampRouter(t);
      const { code, verdict, stderr, of, summary } = await run(t, router.url, "fan-out", FAN_OUT);
      assert.deepEqual({ code, verdict }, { code: 0, verdict: "pass" }, stderr);
      const { published, eventsSent } = await router.report();
      assert.ok(published > 20, `${published} publications`);
      // Publishers have theirs besides.
      assert.deepEqual(
        [of("ws_publications"), of("ws_deliveries") + of("ws_publications")],
        [published, eventsSent],
      );
      assert.deepEqual(outcomes(summary, "ws_delivery_success_rate"), { passes: 10 * published, fails: 0 });
    });
  }
});
