/** A room of Colyseus, whose seat a POST reserves: what was measured is what the server itself counted. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type K6Command, OUR_K6 } from "../k6/run.ts";
import { colyseusServer } from "./colyseus.ts";
import { runExample, SOAK } from "./example.ts";

const LOGIN_FILE = fileURLToPath(new URL("../../examples/logins/colyseus.json", import.meta.url));
const run = (t: TestContext, url: string, { env, ...command }: K6Command) =>
  runExample(t, "colyseus", url, { ...command, env: { LOGIN_FILE, WS_TOKEN: "", ...env } });

describe("Colyseus", () => {
  for (const [scenario, k6] of [
    ["chat-soak", undefined],
    ["x/chat-soak", OUR_K6],
  ] as const) {
    test(`${scenario}: each session has a seat of its own, and each probe is answered`, async (t) => {
      const { url, seen } = await colyseusServer(t);
      const { verdict, stderr, of } = await run(t, url, {
        scenario,
        ...(k6 && { k6 }),
        env: { ...SOAK, ROOMS: 2 },
      });
      assert.equal(verdict, "pass", stderr);
      assert.ok(of("ws_probes") > 0 && seen.joined >= 6, JSON.stringify(seen));
      // The check before the load has a seat, too.
      assert.deepEqual(
        [of("ws_logins"), of("ws_sessions_opened"), of("ws_sessions_closed")],
        [seen.joined - 1, seen.joined - 1, seen.left - 1],
      );
      assert.deepEqual([of("ws_probes"), of("ws_replies")], [seen.echoes, seen.echoes]);
    });
  }

  test("fan-out: each connection of a swarm has a seat of its own", async (t) => {
    const { url, seen } = await colyseusServer(t);
    const { verdict, stderr, of } = await run(t, url, {
      scenario: "fan-out",
      k6: OUR_K6,
      env: { CONNECTIONS: 20, ROOMS: 2, PUBLISHERS: 2, PUBLISH_RATE: 20, RATE: 200, DURATION: "1s" },
    });
    assert.equal(verdict, "pass", stderr);
    assert.deepEqual([of("ws_logins"), of("ws_sessions_opened")], [seen.joined - 1, seen.joined - 1]);
    assert.deepEqual([seen.joined, of("ws_publications")], [25, seen.published]);
    assert.ok(seen.published > 10, JSON.stringify(seen));
    assert.deepEqual([of("ws_deliveries"), of("ws_messages_lost")], [10 * seen.published, 0]);
  });

  test("ordering: each client of a room has each message in order", async (t) => {
    const { url, seen } = await colyseusServer(t);
    const { verdict, stderr, of } = await run(t, url, {
      scenario: "ordering",
      env: { CONNECTIONS: 6, ROOMS: 2, DURATION: "2s", MESSAGE_INTERVAL: "100ms" },
    });
    assert.equal(verdict, "pass", stderr);
    assert.ok(seen.published > 50, JSON.stringify(seen));
    assert.deepEqual([of("ws_publications"), of("ws_deliveries")], [seen.published, seen.delivered]);
    assert.equal(seen.delivered, 3 * seen.published);
  });
});
