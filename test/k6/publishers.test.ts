/** Publishers on another path, with another subprotocol and session than subscribers. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { httpServer } from "../http-server.ts";
import { jsonFile } from "../json-file.ts";
import { count, trend } from "./figures.ts";
import { OUR_K6, runK6 } from "./run.ts";
import { twoWayServer } from "./two-way-server.ts";

const PROTOCOL_FILE = fileURLToPath(new URL("two-way.json", import.meta.url));

const RUNS = [
  ["ordering", {}, { CONNECTIONS: 6, ROOMS: 2, DURATION: "2s", MESSAGE_INTERVAL: "50ms" }, 6],
  ["x/ordering", { k6: OUR_K6 }, { CONNECTIONS: 6, ROOMS: 2, DURATION: "2s", MESSAGE_INTERVAL: "50ms" }, 6],
  [
    "fan-out",
    { k6: OUR_K6 },
    { CONNECTIONS: 20, RATE: 100, ROOMS: 2, PUBLISHERS: 2, PUBLISH_RATE: 100, DURATION: "2s" },
    4,
  ],
] as const;

// At once, since they count and do not measure: most of the time they wait.
describe("publishers on another path", { concurrency: 3 }, () => {
  for (const [scenario, more, load, publishers] of RUNS) {
    test(`${scenario} publishes on connections of their own, and counts what the server does`, async (t) => {
      const { url, seen } = await twoWayServer(t);
      const env = { ...load, WS_URL: url, WS_TOKEN: "", PROTOCOL_FILE, REPLY_TIMEOUT: "5s" };
      const { code, stderr, summary } = await runK6(t, { scenario, ...more, env });
      assert.deepEqual([code, summary?.verdict, seen.offences], [0, "pass", []], stderr);
      // The check before the load connects as a publisher, too.
      assert.deepEqual([seen.subscribers, seen.publishers], [load.CONNECTIONS, publishers + 1]);
      assert.ok(seen.published > 50, JSON.stringify(seen));
      const of = (series: string) => count(summary!, series);
      assert.deepEqual(
        [of("ws_sessions_opened"), of("ws_publications"), of("ws_deliveries"), of("ws_messages_lost")],
        [load.CONNECTIONS + publishers, seen.published, seen.delivered, 0],
      );
      assert.equal(trend(summary!, "ws_fanout_lag_ms").count, seen.delivered);
    });
  }

  test("a login that names the address sends publishers to their own path there", async (t) => {
    const { url, seen } = await twoWayServer(t);
    const desk = await httpServer(t, (_, response) =>
      response.end(JSON.stringify({ host: url.slice("ws://".length) })),
    );
    const requests = [{ url: "/login", capture: { host: "/host" } }];
    const LOGIN_FILE = await jsonFile(t, { requests, url: "ws://${host}" });
    const env = {
      ...{ WS_URL: desk.replace("http", "ws"), WS_TOKEN: "", PROTOCOL_FILE, LOGIN_FILE },
      ...{ CONNECTIONS: 6, RATE: 100, ROOMS: 2, PUBLISHERS: 1, PUBLISH_RATE: 50, DURATION: "1s" },
    };
    const { stderr, summary } = await runK6(t, { scenario: "fan-out", k6: OUR_K6, env });
    assert.deepEqual([summary?.verdict, seen.offences], ["pass", []], stderr);
    assert.deepEqual([seen.subscribers, seen.publishers], [6, 3]);
    assert.ok(seen.published > 10);
    assert.equal(count(summary!, "ws_deliveries"), seen.delivered);
  });

  for (const [scenario, k6] of [
    ["reconnect", undefined],
    ["backpressure", OUR_K6],
  ] as const) {
    test(`${scenario} refuses them and names who takes them`, async (t) => {
      const env = { WS_URL: "ws://127.0.0.1:1", PROTOCOL_FILE };
      const { code, stderr } = await runK6(t, { scenario, ...(k6 && { k6 }), env });
      assert.notEqual(code, 0);
      assert.match(
        stderr,
        new RegExp(
          `PROTOCOL_FILE: expected a descriptor without \\\\?"publisher\\\\?", since publishers of ${scenario} hear deliveries on the same connection, got \\\\?"two-way\\\\?" with one; fan-out, ordering take one`,
        ),
      );
    });
  }
});
