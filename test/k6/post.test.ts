/** Messages sent by HTTP go by the environment's proxy, whose refusals are not the server's. Real k6, real proxy. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startServer } from "../../server/server.ts";
import { connectProxy } from "../connect-proxy.ts";
import { jsonFile } from "../json-file.ts";
import { NO_PROXIES } from "./clients.ts";
import { count } from "./figures.ts";
import { OUR_K6, runK6, STOCK_K6 } from "./run.ts";

/** Publishes by HTTP beside a WebSocket. */
const BESIDE = {
  name: "beside",
  publish: {
    http: { path: "/sse/rooms/${room}" },
    send: '{"id":${id},"seq":${seq},"publisher":"p"}',
  },
  delivery: { where: { "/type": "message" }, id: "/id", seq: "/seq" },
};
const LOAD = { CONNECTIONS: 2, ROOMS: 1, DURATION: "1s", REPLY_TIMEOUT: "6s" };

describe("a proxy that takes no messages sent by HTTP", { concurrency: true }, () => {
  for (const [sentence, scenario, k6] of [
    ["stock sockets", "ordering", STOCK_K6],
    ["the engine's sockets", "x/ordering", OUR_K6],
    ["a swarm", "fan-out", OUR_K6],
  ] as const) {
    test(`${sentence}: incomplete, by the proxy`, async (t) => {
      const server = await startServer();
      t.after(() => server.close());
      // It opens tunnels for connections, and answers whatever is not one with 502.
      const proxy = await connectProxy(t);
      const { summary, stderr } = await runK6(t, {
        scenario,
        k6,
        env: {
          ...LOAD,
          WS_URL: `${server.url.replace("127.0.0.1", "server.test")}/ws/echo`,
          PROTOCOL_FILE: await jsonFile(t, BESIDE),
        },
        processEnv: { ...NO_PROXIES, HTTP_PROXY: `http://${proxy.address}` },
      });
      assert.ok(summary, stderr);
      const asked = proxy.asked.filter((line) => line.startsWith("POST ")).length;
      assert.ok(asked > 0, `${summary.reason} ${summary.notes} ${stderr}`);
      assert.equal(count(summary, "ws_message_errors{reason:proxy}"), asked);
      assert.equal(count(summary, "ws_message_errors"), asked, "none is the server's");
      assert.equal(summary.verdict, "incomplete");
      assert.match(
        summary.reason,
        /the proxy, or the server behind it, did not take \d+ messages sent by HTTP/,
      );
      assert.match(`${summary.notes} ${stderr}`, /not take.*http_502|not taken: http_502/);
    });
  }
});
