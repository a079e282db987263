import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { WebSocket } from "ws";
import { type FaultSettings, type ServerOptions, startServer } from "../../server/server.ts";
import { bearer, Client, refusal } from "./client.ts";
import { RawClient } from "./raw-client.ts";

async function start(t: TestContext, faults: FaultSettings, options: Partial<ServerOptions> = {}) {
  const server = await startServer({ faults, closeTimeoutMs: 200, ...options });
  t.after(() => server.close());
  return { server, chat: `${server.url}/ws/chat` };
}

test("each seventh upgrade is refused with 503, and the server counts them", async (t) => {
  const { server, chat } = await start(t, { refuseUpgrades: { every: 7 } });
  const outcomes: number[] = [];
  for (let i = 1; i <= 22; i++) {
    outcomes.push(i % 7 === 0 ? (await refusal(chat, bearer("test-token"))).status : 101);
    if (i % 7 !== 0) await Client.connect(chat);
  }
  assert.equal(outcomes.filter((status) => status === 503).length, 3);
  assert.deepEqual([server.stats().upgradesRefused, server.stats().connectionsOpened], [{ 503: 3 }, 19]);
});

test("an upgrade gets no answer, its TCP connection stays, and the server can still be closed", async (t) => {
  const { server, chat } = await start(t, { neverUpgrade: { ordinals: [1] } });
  const waiting = await RawClient.request(server.port, "/ws/chat");
  await Client.connect(chat);
  assert.equal(waiting.socket.readyState, "open");
  assert.equal(waiting.socket.bytesRead, 0);
  await Promise.all([server.close(), once(waiting.socket, "close")]);
});

for (const tls of [false, true]) {
  test(`a connection is reset on its third message, without a Close frame${tls ? ", over TLS" : ""}`, async (t) => {
    const { server, chat } = await start(t, { resetConnections: { onMessage: 3, ordinals: [1] } }, { tls });
    const options = { ...bearer("test-token"), ...(server.certificate && { ca: server.certificate }) };
    const victim = await Client.connect(chat, options);
    const other = await Client.connect(chat, options);
    await victim.request({ type: "echo", echoId: 1 });
    await victim.request({ type: "echo", echoId: 2 });
    const reset = once(victim.socket!, "error");
    const code = victim.closeCode();
    victim.send({ type: "echo", echoId: 3 });
    const [error] = await reset;
    assert.equal(error.code, "ECONNRESET");
    assert.equal(await code, 1006);
    for (let i = 1; i <= 5; i++) await other.request({ type: "echo", echoId: i });
  });
}

test("connections open already are reset too, after a time", async (t) => {
  const { server, chat } = await start(t, {});
  const clients = await Promise.all([1, 2, 3, 4].map(() => Client.connect(chat)));
  const codes = clients.filter((_, i) => i % 2 === 1).map((client) => client.closeCode());
  server.faults.set({ resetConnections: { every: 2, afterMs: 20 } });
  assert.deepEqual(await Promise.all(codes), [1006, 1006]);
  assert.equal((await clients[0]!.request({ type: "echo", echoId: 1 })).type, "echo_reply");
  assert.equal((await clients[2]!.request({ type: "echo", echoId: 1 })).type, "echo_reply");
});

test("the server closes a known number of connections with a code", async (t) => {
  const { server, chat } = await start(t, {});
  const clients = await Promise.all([1, 2, 3].map(() => Client.connect(chat)));
  const closed = clients.slice(0, 2).map(({ ws }) => once(ws, "close"));
  server.faults.set({ closeConnections: { code: 1012, reason: "restart", count: 2 } });
  for (const [code, reason] of await Promise.all(closed)) {
    assert.deepEqual([code, String(reason)], [1012, "restart"]);
  }
  assert.equal((await clients[2]!.request({ type: "echo", echoId: 1 })).type, "echo_reply");
  assert.deepEqual(server.stats().closesSent, { 1012: 2 });
});

test("a fault that is switched off before its time does not happen", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { server, chat } = await start(t, { closeConnections: { code: 4000, afterMs: 20 } });
  const client = await Client.connect(chat);
  server.faults.set({ closeConnections: null });
  t.mock.timers.tick(60);
  assert.equal((await client.request({ type: "echo", echoId: 1 })).type, "echo_reply");
});

test("a reset that is switched off before its message does not happen", async (t) => {
  const { server, chat } = await start(t, { resetConnections: { onMessage: 2 } });
  const client = await Client.connect(chat);
  await client.request({ type: "echo", echoId: 1 });
  server.faults.set({ resetConnections: null });
  assert.equal((await client.request({ type: "echo", echoId: 2 })).echoId, 2);
});

test("a Close frame is never answered, and the connection stays", async (t) => {
  const { server } = await start(t, { ignoreClose: { ordinals: [1] } });
  const normalClosure = Buffer.from([0x03, 0xe8]);
  const ignored = await RawClient.open(server.port, "/ws/echo");
  const answered = await RawClient.open(server.port, "/ws/echo");
  ignored.send(8, normalClosure);
  answered.send(8, normalClosure);
  assert.deepEqual((await answered.frame())?.payload, normalClosure, "sent later, answered already");
  await once(answered.socket, "close");
  assert.equal(ignored.socket.readyState, "open");
  const next = ignored.frame();
  await server.close();
  assert.equal(await next, undefined, "it ended without a frame");
});

test("a crash ends every connection without a Close frame, and nobody listens any more", async (t) => {
  const { server, chat } = await start(t, {});
  const clients = await Promise.all([1, 2, 3].map(() => Client.connect(chat)));
  const codes = clients.map((client) => client.closeCode());
  server.faults.set({ crash: { afterMs: 20 } });
  assert.deepEqual(await Promise.all(codes), [1006, 1006, 1006]);
  const [error] = await once(connect(server.port, "127.0.0.1"), "error");
  assert.equal(error.code, "ECONNREFUSED");
  await server.close();
});

test("a shutdown closes with 1001, and ends by force who does not answer", async () => {
  const server = await startServer({ closeTimeoutMs: 100 });
  const client = await Client.connect(`${server.url}/ws/chat`);
  const silent = await RawClient.open(server.port, "/ws/chat");
  const [code] = await Promise.all([client.closeCode(), server.close(), once(silent.socket, "close")]);
  assert.equal(code, 1001);
  assert.equal(server.stats().connectionsOpen, 0);
});

test("a frozen server shuts down too", async () => {
  const server = await startServer();
  const client = await Client.connect(`${server.url}/ws/chat`);
  void server.faults.freeze(60_000);
  const waiting = new WebSocket(`${server.url}/ws/chat`, bearer("test-token"));
  waiting.on("error", () => {});
  await Promise.all([server.close(), client.closeCode()]);
});

test("who connected during a freeze is frozen by the next one", async (t) => {
  const { server, chat } = await start(t, {});
  void server.faults.freeze(50);
  const client = await Client.connect(chat);
  const began = performance.now();
  void server.faults.freeze(200);
  client.ws.ping();
  await once(client.ws, "pong");
  assert.ok(performance.now() - began >= 199, "a pong came out of a frozen server");
});
