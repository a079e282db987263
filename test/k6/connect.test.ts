import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { WebSocketServer } from "ws";
import { startServer } from "../../server/server.ts";
import { count, trend } from "./figures.ts";
import { runK6 } from "./run.ts";
import { strictProfile } from "./strict-profile.ts";

/** A hundred connections in two seconds. */
const HUNDRED = { RATE: 50, DURATION: "2s", HOLD: "500ms" };

test("every 7th upgrade refused: exactly those are counted, by reason, and none is tried again", async (t) => {
  const server = await startServer({ faults: { refuseUpgrades: { every: 7, status: 429 } } });
  t.after(() => server.close());
  const env = { ...HUNDRED, SESSION: "1s", WS_URL: `${server.url}/ws/chat`, PROFILE: await strictProfile(t) };
  const run = await runK6(t, { scenario: "connect", env });
  const summary = run.summary!;
  assert.deepEqual({ code: run.code, verdict: summary.verdict }, { code: 99, verdict: "fail" }, run.stderr);
  assert.match(run.stderr, /connect has no use for SESSION/);
  // 101 upgrades with the check of the set-up, which is the first.
  assert.deepEqual(server.stats().upgradesRefused, { 429: 14 });
  assert.equal(count(summary, "ws_connect_failures"), 14);
  assert.equal(count(summary, "ws_connect_failures{reason:http_rejected}"), 14);
  assert.equal(count(summary, "ws_sessions_opened"), 86);
  assert.equal(count(summary, "ws_sessions_closed"), 86);
  assert.equal(count(summary, "ws_connection_drops"), 0);
  assert.equal(trend(summary, "ws_connect_latency_ms").count, 86, "a refusal is no fast connection");
});

test("slow handshakes hold up none behind them, and stand in the latency whole", async (t) => {
  const slowMs = 5_000;
  const { url, arrivedAt } = await slowServer(t, (nth) => (nth % 5 === 0 ? slowMs : 0));
  const run = await runK6(t, { scenario: "connect", env: { ...HUNDRED, WS_URL: url, PROTOCOL: "echo" } });
  const summary = run.summary!;
  assert.equal(count(summary, "ws_sessions_opened"), 100, run.stderr);
  assert.equal(count(summary, "ws_connect_failures"), 0);
  const latency = trend(summary, "ws_connect_latency_ms");
  assert.ok(latency.p90! >= slowMs && latency.p50! < slowMs, `p50 ${latency.p50}, p90 ${latency.p90}`);
  const delay = trend(summary, "ws_generator_delay_ms{side:send}");
  assert.equal(delay.count, 100, "one for each due time");
  assert.ok(delay.max! < slowMs, `started up to ${delay.max} ms after it was due`);
  // Due 20 ms apart: none starts early, so only a late first one shortens the span.
  const [first = 0, last = 0] = [arrivedAt[1], arrivedAt.at(-1)];
  assert.ok(last - first >= 99 * 20 - delay.max! - 50, `${last - first} ms from first to last`);
  assert.ok(summary.durationMs >= summary.plannedMs - 50 && summary.plannedMs === 2_500);
});

test("a rate below one in a VU's share, closed as soon as they are open", async (t) => {
  const server = await startServer();
  t.after(() => server.close());
  const PROFILE = await strictProfile(t);
  const env = { RATE: 2.5, DURATION: "2s", HOLD: "0", WS_URL: `${server.url}/ws/chat`, PROFILE };
  const run = await runK6(t, { scenario: "connect", env });
  const summary = run.summary!;
  assert.deepEqual({ code: run.code, verdict: summary.verdict }, { code: 0, verdict: "pass" }, run.stderr);
  assert.equal(count(summary, "ws_sessions_opened"), 5);
  assert.equal(count(summary, "ws_sessions_closed"), 5);
  assert.equal(server.stats().connectionsOpened, 6);
  assert.deepEqual(
    server.stats().closesSeen,
    { 1000: 6 },
    "that of the check before the load is one of them",
  );
});

/** Answers the nth upgrade (from 0, the set-up's) after a time. */
async function slowServer(t: TestContext, delayOf: (nth: number) => number) {
  const upgrader = new WebSocketServer({ noServer: true });
  const server = createServer();
  const sockets = new Set<Socket>();
  const arrivedAt: number[] = [];
  server.on("connection", (socket: Socket) => sockets.add(socket));
  server.on("upgrade", (request, socket, head) => {
    const delayMs = delayOf(arrivedAt.push(performance.now()) - 1);
    setTimeout(() => upgrader.handleUpgrade(request, socket, head, () => {}), delayMs);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `ws://127.0.0.1:${(server.address() as { port: number }).port}/ws`, arrivedAt };
}
