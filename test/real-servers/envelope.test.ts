/** Envelopes of Protocol Buffers against a server in Go: what was measured is what it counted itself. */
import assert from "node:assert/strict";
import { before, describe, type TestContext, test } from "node:test";
import { outcomes } from "../k6/figures.ts";
import { type K6Command, OUR_K6, STOCK_K6 } from "../k6/run.ts";
import { buildEnvelopeServer, envelopeServer } from "./envelope.ts";
import { runExample, SOAK } from "./example.ts";

describe("Protocol Buffers on a server in Go", { concurrency: 3 }, () => {
  before(buildEnvelopeServer);

  /** A run against a server of its own: the run's figures, and what the server counted. */
  const run = async (t: TestContext, scenario: string, env: K6Command["env"], k6: string) => {
    const { url, counts } = await envelopeServer(t);
    const { code, verdict, stderr, summary, of } = await runExample(t, "./envelope/envelope.json", url, {
      ...{ scenario, k6 },
      env: { WS_TOKEN: "", ...env },
    });
    assert.deepEqual({ code, verdict }, { code: 0, verdict: "pass" }, stderr);
    const seen = await counts();
    const wrong = [of("ws_message_errors"), of("ws_messages_lost"), of("ws_messages_duplicated")];
    assert.deepEqual([...wrong, seen.Unreadable], [0, 0, 0, 0]);
    assert.equal(of("ws_sessions_opened"), seen.Joined);
    return { of, summary, seen };
  };

  for (const [sockets, folder, k6] of [
    ["stock", "", STOCK_K6],
    ["engine's", "x/", OUR_K6],
  ] as const) {
    test(`chat-soak on ${sockets} sockets: each probe is echoed once`, async (t) => {
      const { of, seen } = await run(t, `${folder}chat-soak`, SOAK, k6);
      assert.ok(seen.Joined >= 10 && seen.Echoed > 0, JSON.stringify(seen));
      assert.deepEqual([of("ws_probes"), of("ws_replies")], [seen.Echoed, seen.Echoed]);
    });

    test(`ordering on ${sockets} sockets: everything that the server wrote is a delivery`, async (t) => {
      const { of, seen } = await run(
        t,
        `${folder}ordering`,
        { CONNECTIONS: 9, ROOMS: 3, DURATION: "1s", MESSAGE_INTERVAL: "100ms", REPLY_TIMEOUT: "20s" },
        k6,
      );
      assert.ok(seen.Published > 20, JSON.stringify(seen));
      assert.deepEqual([of("ws_publications"), of("ws_deliveries")], [seen.Published, seen.Delivered]);
      assert.equal(seen.Delivered, 3 * seen.Published);
    });
  }

  test("fan-out: each publication comes once to each subscriber", async (t) => {
    const { of, summary, seen } = await run(
      t,
      "fan-out",
      { CONNECTIONS: 20, ROOMS: 2, RATE: 100, PUBLISH_RATE: 20, DURATION: "2s" },
      OUR_K6,
    );
    assert.ok(seen.Published > 20, JSON.stringify(seen));
    // Publishers have theirs besides.
    assert.deepEqual(
      [of("ws_publications"), of("ws_deliveries") + of("ws_publications")],
      [seen.Published, seen.Delivered],
    );
    assert.deepEqual(outcomes(summary, "ws_delivery_success_rate"), {
      passes: 10 * seen.Published,
      fails: 0,
    });
  });

  test("mass-soak: each probe is echoed once", async (t) => {
    const { of, seen } = await run(
      t,
      "mass-soak",
      { CONNECTIONS: 20, RATE: 100, PROBE_INTERVAL: "100ms", DURATION: "2s" },
      OUR_K6,
    );
    assert.ok(seen.Echoed > 200, JSON.stringify(seen));
    assert.deepEqual([of("ws_probes"), of("ws_replies")], [seen.Echoed, seen.Echoed]);
  });
});
