/** A client that is told to leave while it connects, and whose server answers the handshake after that. */
import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { startServer } from "../../server/server.ts";
import { CLOSE } from "../raw-server.ts";
import { count } from "./figures.ts";
import { OUR_K6, runK6, STOCK_K6 } from "./run.ts";

/** The set-up's check, the subscriber and the publisher come before the subscriber that comes back. */
const SUBSCRIBER = 2;
const COMES_BACK = 4;
/** The load is over by then, and the time to connect is not. */
const ANSWER_AFTER_MS = 8_000;

for (const [sockets, k6, scenario] of [
  ["stock", STOCK_K6, "reconnect"],
  ["engine", OUR_K6, "x/reconnect"],
] as const) {
  test(`a handshake that is answered after its client left ends in no connection: ${sockets} sockets`, async (t) => {
    const server = await startServer({
      faults: { resetConnections: { ordinals: [SUBSCRIBER], afterMs: 1_000 } },
    });
    t.after(() => server.close());
    const { url, late } = await lateProxy(t, server.url);
    const env = { CONNECTIONS: 1, ROOMS: 1, DURATION: "3s", REPLY_TIMEOUT: "1s" };
    const run = await runK6(t, {
      k6,
      scenario,
      env: { ...env, WS_URL: `${url}/ws/chat`, BACKOFF_BASE: "100ms", BACKOFF_CAP: "100ms", PROFILE: "" },
    });
    assert.ok(run.summary, run.stderr);
    assert.ok(late.asked, "the subscriber did not come back");
    assert.ok(late.ended, "the connection that opened late is still there");
    // The engine ends it before it opens, k6's own sockets by a Close as soon as they may.
    assert.deepEqual(late.opcodes, sockets === "stock" ? [CLOSE] : []);
    assert.equal(count(run.summary, "ws_message_errors{reason:close_unanswered}"), 0, run.stdout);
    assert.equal(count(run.summary, "ws_outcomes{outcome:gone}"), 1, run.stdout);
  });
}

/** In front of a server, keeps back all that it has for one connection for a while. */
async function lateProxy(t: TestContext, url: string) {
  const late = { asked: false, ended: false, opcodes: [] as number[] };
  const sockets = new Set<Socket>();
  let accepted = 0;
  const proxy = createServer((client) => {
    const isLate = ++accepted === COMES_BACK;
    const backend = connect(Number(new URL(url).port), "127.0.0.1");
    for (const socket of [client, backend]) sockets.add(socket.on("error", () => {}));
    client.on("data", (bytes) => {
      if (isLate && late.asked) late.opcodes.push(bytes[0]! & 0x0f);
      if (isLate) late.asked = true;
    });
    client.on("close", () => {
      if (isLate) late.ended = true;
      backend.destroy();
    });
    backend.on("close", () => client.destroy());
    client.pipe(backend);
    if (isLate) setTimeout(() => backend.pipe(client), ANSWER_AFTER_MS).unref();
    else backend.pipe(client);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  return { url: `ws://127.0.0.1:${(proxy.address() as { port: number }).port}`, late };
}
