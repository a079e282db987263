import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, test } from "node:test";
import { startServer } from "../../server/server.ts";
import { bearer, Client, refusal } from "./client.ts";

const server = await startServer({ subprotocols: ["chat.v2", "chat.v1"] });
after(() => server.close());

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(server.httpUrl + path, {
    method: "POST",
    headers,
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

test("health says how many connections are open", async () => {
  const client = await Client.connect(`${server.url}/ws/chat`);
  const response = await fetch(`${server.httpUrl}/health`);
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { status: "ok", connections: 1 });
  client.ws.terminate();
});

test("metrics are what the server counted, in Prometheus' format", async () => {
  const client = await Client.connect(`${server.url}/ws/chat`);
  await client.request({ type: "echo", echoId: 1 });
  await refusal(`${server.url}/ws/chat`, {});
  const response = await fetch(`${server.httpUrl}/metrics`);
  assert.match(response.headers.get("content-type")!, /^text\/plain; version=0\.0\.4/);
  const text = await response.text();
  const stats = server.stats();
  for (const line of [
    "# TYPE reference_server_replies_sent_total counter",
    `reference_server_replies_sent_total ${stats.repliesSent}`,
    `reference_server_connections_opened_total ${stats.connectionsOpened}`,
    `reference_server_upgrades_refused_total{status="401"} ${stats.upgradesRefused[401]}`,
  ]) {
    assert.ok(text.includes(`${line}\n`), `"${line}" is not in:\n${text}`);
  }
});

test("faults are set, read and cleared over HTTP, and the delays they caused can be read", async () => {
  const set = await post("/faults", { delay: 3, loseReplies: { ordinals: [2] } });
  const faults = { delay: 3, loseReplies: { ordinals: [2] } };
  assert.deepEqual([set.status, await set.json()], [200, { faults, frozen: false }]);
  const client = await Client.connect(`${server.url}/ws/chat`);
  client.send({ type: "echo", echoId: 1 });
  await client.json();
  const delays = (await (await fetch(`${server.httpUrl}/faults/delays`)).json()) as {
    ms: { echo: number[] };
  };
  assert.equal(delays.ms.echo.length, 1);
  assert.ok(delays.ms.echo[0]! >= 3);
  await post("/faults", { delay: null });
  assert.deepEqual(await (await fetch(`${server.httpUrl}/faults`)).json(), {
    faults: { loseReplies: { ordinals: [2] } },
    frozen: false,
  });
  const cleared = await fetch(`${server.httpUrl}/faults`, { method: "DELETE" });
  assert.deepEqual(await cleared.json(), { faults: {}, frozen: false });
});

test("a frozen server still answers about its faults", async () => {
  await post("/faults", { freeze: { forMs: 2_000 } });
  const health = fetch(`${server.httpUrl}/health`);
  const { frozen } = (await (await fetch(`${server.httpUrl}/faults`)).json()) as { frozen: boolean };
  assert.equal(frozen, true);
  assert.equal((await health).status, 200);
});

const wrong: [sentence: string, body: unknown, error: RegExp][] = [
  ["an unknown fault", { delays: 5 }, /unknown field "delays"/],
  ["a negative delay", { delay: -1 }, /delay: expected >=0, got -1/],
  ["a delay that is text", { delay: "5ms" }, /delay: expected .*number.*, got "5ms"/],
  [
    "an unknown distribution",
    { delay: { kind: "normal" } },
    /delay\.kind: expected .*"lognormal".*, got "normal"/,
  ],
  [
    "a distribution with a field missing",
    { delay: { kind: "lognormal", medianMs: 5 } },
    /delay\.sigma: expected .*got undefined|delay\.sigma/,
  ],
  ["every zeroth reply", { loseReplies: { every: 0 } }, /loseReplies\.every: expected >=1, got 0/],
  [
    "a set and a rhythm at once",
    { loseReplies: { every: 2, ordinals: [1] } },
    /loseReplies: expected either ordinals/,
  ],
  [
    "a close code that no endpoint sends",
    { closeConnections: { code: 1006 } },
    /closeConnections\.code: expected a close code .*, got 1006/,
  ],
  [
    "a status that is no refusal",
    { refuseUpgrades: { status: 200 } },
    /refuseUpgrades\.status: expected >=400, got 200/,
  ],
  [
    "a reset by time and by message",
    { resetConnections: { onMessage: 1, afterMs: 1 } },
    /resetConnections: expected either onMessage or afterMs, got both/,
  ],
  ["a freeze without an end", { freeze: {} }, /freeze\.forMs/],
  ["something that is no object", [], /expected Object, got/],
  ["something that is no JSON", "{", /body: expected JSON/],
];
for (const [sentence, body, error] of wrong) {
  test(`${sentence} is refused with 400, and nothing changes`, async () => {
    const response = await post("/faults", body);
    assert.equal(response.status, 400);
    assert.match(((await response.json()) as { error: string }).error, error);
    assert.deepEqual(server.faults.settings, {});
  });
}

test("tokens are made on request", async () => {
  const response = await post("/tokens", { user: "ann", ttlSeconds: 60 });
  const { token } = (await response.json()) as { token: string };
  const client = await Client.connect(`${server.url}/pinter/imserver/ann`, bearer(token));
  assert.equal((await client.request({ type: "match", from: "ann", to: "system" })).code, "0");
});

test("a web page cannot set faults", async () => {
  const response = await post("/faults", { delay: 5 }, { origin: "https://evil.example" });
  assert.equal(response.status, 403);
  assert.deepEqual(server.faults.settings, {});
});

test("nothing is controlled over HTTP where that is off", async (t) => {
  const closed = await startServer({ faultControl: false });
  t.after(() => closed.close());
  for (const [method, path] of [
    ["GET", "/faults"],
    ["POST", "/faults"],
    ["GET", "/stats"],
    ["POST", "/tokens"],
  ]) {
    assert.equal((await fetch(closed.httpUrl + path, { method: method! })).status, 403, `${method} ${path}`);
  }
});

const elsewhere: [path: string, status: number][] = [
  ["/ws/chat", 426],
  ["/pinter/imserver/ann", 426],
  ["/", 404],
  ["/constructor", 404],
  ["/health/x", 404],
];
for (const [path, status] of elsewhere) {
  test(`a plain GET of ${path} gets ${status}`, async () => {
    assert.equal((await fetch(server.httpUrl + path)).status, status);
  });
}

const upgrade = ({ version = "1.1", hosts = ["a"] }) =>
  [
    `GET /ws/echo?token=test-token HTTP/${version}`,
    ...hosts.map((host) => `Host: ${host}`),
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n",
  ].join("\r\n");
const handshakes: [sentence: string, request: string, status: string][] = [
  ["with one Host", upgrade({}), "101"],
  ["of HTTP/1.0", upgrade({ version: "1.0" }), "400"],
  ["without Host", upgrade({ hosts: [] }), "400"],
  ["with two Hosts", upgrade({ hosts: ["a", "b"] }), "400"],
];
for (const [sentence, request, status] of handshakes) {
  test(`a handshake ${sentence} gets ${status}`, async (t) => {
    const socket = connect(Number(new URL(server.httpUrl).port), "127.0.0.1");
    t.after(() => socket.destroy());
    socket.write(request);
    const [answer] = await once(socket, "data");
    assert.equal(String(answer).split(" ")[1], status);
  });
}

const offers: [sentence: string, offered: string[], agreed: string][] = [
  ["the server's first choice", ["chat.v1", "chat.v2"], "chat.v2"],
  ["the only one in common", ["x", "chat.v1"], "chat.v1"],
];
for (const [sentence, offered, agreed] of offers) {
  test(`of several subprotocols, ${sentence} is agreed on`, async () => {
    const { WebSocket } = await import("ws");
    const ws = new WebSocket(`${server.url}/ws/chat`, offered, bearer("test-token"));
    await new Promise((resolve, reject) => ws.once("open", resolve).once("error", reject));
    assert.equal(ws.protocol, agreed);
  });
}
