/** The example of SignalR against a hub that writes several messages of the protocol in one of WebSocket. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { runExample, SOAK } from "../real-servers/example.ts";
import { outcomes, trend } from "./figures.ts";
import { hubServer } from "./hub-server.ts";
import { type K6Command, OUR_K6 } from "./run.ts";

const run = (t: TestContext, url: string, command: K6Command) => runExample(t, "signalr", url, command);

const RAMP = { CONNECTIONS: 10, RATE: 100, DURATION: "2s" };

// At once, since they count and do not measure: most of the time they wait.
describe("several messages in one", { concurrency: 3 }, () => {
  for (const [scenario, more] of [
    ["chat-soak", { env: SOAK }],
    ["x/chat-soak", { k6: OUR_K6, env: SOAK }],
    ["mass-soak", { k6: OUR_K6, env: { ...RAMP, PROBE_INTERVAL: "50ms" } }],
  ] as const) {
    test(`${scenario}: each completion is a reply or an error, with the pings beside it`, async (t) => {
      const { url, seen } = await hubServer(t, { noEvery: 5 });
      const { stderr, summary, of } = await run(t, url, { scenario, ...more });
      assert.ok(seen.noes > 10 && seen.messages >= seen.frames + seen.echoes, JSON.stringify(seen));
      assert.deepEqual(seen.offences, [], stderr);
      const answered = seen.echoes - seen.noes;
      assert.deepEqual(
        [of("ws_probes"), of("ws_replies"), trend(summary, "ws_msg_rtt_ms").count],
        [seen.echoes, answered, answered],
      );
      assert.deepEqual(
        [of("ws_message_errors"), of("ws_message_errors{reason:error_reply}")],
        [seen.noes, seen.noes],
      );
      assert.deepEqual(outcomes(summary, "ws_reply_success_rate"), { passes: answered, fails: seen.noes });
    });
  }

  for (const [scenario, more] of [
    ["ordering", { env: { CONNECTIONS: 9, ROOMS: 3, DURATION: "2s", MESSAGE_INTERVAL: "20ms" } }],
    ["fan-out", { k6: OUR_K6, env: { ...RAMP, ROOMS: 1, PUBLISH_RATE: 500 } }],
  ] as const) {
    test(`${scenario}: each delivery counts, whatever it came in one message with`, async (t) => {
      const { url, seen } = await hubServer(t);
      const { code, verdict, stderr, of } = await run(t, url, { scenario, ...more });
      assert.deepEqual({ code, verdict }, { code: 0, verdict: "pass" }, stderr);
      assert.ok(seen.published > 100 && seen.messages > seen.frames, JSON.stringify(seen));
      assert.deepEqual(seen.offences, []);
      // The publisher of fan-out, who is in the room, does not count its own.
      const own = scenario === "fan-out" ? of("ws_publications") : 0;
      assert.deepEqual([of("ws_publications"), of("ws_deliveries") + own], [seen.published, seen.delivered]);
    });
  }
});
