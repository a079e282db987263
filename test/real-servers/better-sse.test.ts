/** Event streams of better-sse: what was measured is what the server itself counted. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OUR_K6 } from "../k6/run.ts";
import { betterSseServer } from "./better-sse.ts";
import { runExample } from "./example.ts";

const DESCRIPTOR = "./better-sse.json";
const ROOM = { CONNECTIONS: 6, ROOMS: 2, MESSAGE_INTERVAL: "50ms", DURATION: "4s", CUTS: 2 };

describe("better-sse", { concurrency: true }, () => {
  test("fan-out: each publication comes to each subscriber once", async (t) => {
    const { url, seen } = await betterSseServer(t);
    const { verdict, stderr, of } = await runExample(t, DESCRIPTOR, url, {
      scenario: "fan-out",
      k6: OUR_K6,
      env: { CONNECTIONS: 20, ROOMS: 2, PUBLISH_RATE: 20, DURATION: "2s" },
    });
    assert.equal(verdict, "pass", stderr);
    assert.equal(of("ws_publications"), seen.published);
    // Publishers hear their rooms, too.
    assert.equal(of("ws_deliveries"), seen.delivered - seen.published);
    assert.equal(of("sse_events"), seen.delivered);
  });

  test("mass-soak: each probe by HTTP has its event on the stream", async (t) => {
    const { url, seen } = await betterSseServer(t);
    const { verdict, stderr, of } = await runExample(t, "./better-sse-probe.json", url, {
      scenario: "mass-soak",
      k6: OUR_K6,
      env: { CONNECTIONS: 20, ROOMS: 20, PROBE_INTERVAL: "250ms", DURATION: "2s" },
    });
    assert.equal(verdict, "pass", stderr);
    assert.ok(seen.published > 0);
    assert.equal(of("ws_probes"), seen.published);
    assert.equal(of("ws_replies"), seen.published);
    assert.equal(of("sse_events"), seen.delivered);
  });

  test("reconnect: who was cut off has each event once, in order", async (t) => {
    const { url, seen } = await betterSseServer(t);
    const { verdict, stderr, of } = await runExample(t, DESCRIPTOR, url, {
      scenario: "x/reconnect",
      k6: OUR_K6,
      env: ROOM,
    });
    assert.equal(verdict, "pass", stderr);
    assert.equal(of("ws_reconnects"), 12);
    assert.equal(seen.resumed, 12);
    assert.equal(of("ws_publications"), seen.published);
    // Four clients hear each room, its publisher among them. What the server wrote to who was gone came by replay.
    assert.equal(of("ws_deliveries"), 4 * seen.published);
    const replayed = of("ws_gap_messages{fate:replayed}");
    assert.ok(seen.replayed > 0 && replayed >= seen.replayed, `${replayed} of ${seen.replayed}`);
  });

  test("what its replays leave out is missing", async (t) => {
    const { url, seen, spoilt } = await betterSseServer(t, (replay) => replay % 3 === 0);
    const { verdict, of } = await runExample(t, DESCRIPTOR, url, {
      scenario: "x/reconnect",
      k6: OUR_K6,
      env: ROOM,
    });
    assert.equal(verdict, "fail");
    assert.ok(spoilt() > 0);
    assert.equal(of("ws_gap_messages{fate:lost}"), spoilt());
    assert.equal(of("ws_deliveries"), 4 * seen.published - spoilt());
  });
});
