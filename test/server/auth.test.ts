import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { ClientOptions } from "ws";
import { signToken, startServer } from "../../server/server.ts";
import { bearer, Client, refusal } from "./client.ts";

const secret = "only-for-this-test";
const server = await startServer({ secret, origins: ["https://app.example"] });
after(() => server.close());
const chat = `${server.url}/ws/chat`;
const ann = signToken("ann", 60, secret);

const accepted: [sentence: string, url: string, options: ClientOptions][] = [
  ["the fixed token in the Authorization header", chat, bearer("test-token")],
  ["a signed token in the Authorization header", chat, bearer(ann)],
  ["a token in the query", `${chat}?token=${ann}`, {}],
  ["a token in a cookie", chat, { headers: { cookie: `theme=dark; token=${ann}` } }],
  [
    "a token of the user that the address names",
    `${server.url}/pinter/imserver/ann@example.org`,
    bearer(signToken("ann@example.org", 60, secret)),
  ],
  [
    "a token of the user that the address names, encoded",
    `${server.url}/pinter/imserver/ann%40example.org`,
    bearer(signToken("ann@example.org", 60, secret)),
  ],
  ["a token and an allowed origin", chat, { ...bearer(ann), origin: "https://app.example" }],
];
for (const [sentence, url, options] of accepted) {
  test(`${sentence} opens a connection`, async () => {
    const client = await Client.connect(url, options);
    assert.equal(client.ws.readyState, client.ws.OPEN);
    client.ws.terminate();
  });
}

const [header, body, signature] = ann.split(".") as [string, string, string];
const bobsBody = signToken("bob", 60, secret).split(".")[1];
const none = Buffer.from('{"alg":"none"}').toString("base64url");
const refused: [sentence: string, path: string, options: ClientOptions, status: number, error: string][] = [
  ["no token", "/ws/chat", {}, 401, "token missing"],
  ["no token, on the echo endpoint", "/ws/echo", {}, 401, "token missing"],
  ["no token, as a message where the endpoint takes none", "/ws/echo?auth=message", {}, 401, "token missing"],
  ["an unknown token", "/ws/chat", bearer("guess"), 401, "token invalid"],
  [
    "a token with another key's signature",
    "/ws/chat",
    bearer(signToken("ann", 60, "another-key")),
    401,
    "token invalid",
  ],
  [
    "a token whose claims were changed",
    "/ws/chat",
    bearer(`${header}.${bobsBody}.${signature}`),
    401,
    "token invalid",
  ],
  ["a token that says it needs no signature", "/ws/chat", bearer(`${none}.${body}.`), 401, "token invalid"],
  ["an expired token", "/ws/chat", bearer(signToken("ann", -1, secret)), 403, "token expired"],
  ["another user's address", "/pinter/imserver/bob", bearer(ann), 403, "token of another user"],
  [
    "an origin that is not allowed",
    "/ws/chat",
    { ...bearer(ann), origin: "https://evil.example" },
    403,
    "origin not allowed",
  ],
  ["a path that is no endpoint", "/ws/nothing", bearer(ann), 404, "no such endpoint"],
  ["a path that is no path", "//", bearer(ann), 404, "no such endpoint"],
];
for (const [sentence, path, options, status, error] of refused) {
  test(`${sentence} is refused with ${status} before the upgrade`, async () => {
    const before = server.stats().upgradesRefused[status] ?? 0;
    assert.deepEqual(await refusal(server.url + path, options), { status, error });
    assert.equal(server.stats().upgradesRefused[status], before + 1);
  });
}

test("a session ends with 4001 when its token does", async () => {
  const client = await Client.connect(chat, bearer(signToken("ann", 0.5, secret)));
  assert.equal(await client.closeCode(), 4001);
});

test("a session goes on with a new token", async () => {
  const client = await Client.connect(chat, bearer(signToken("ann", 1, secret)));
  assert.equal((await client.request({ type: "auth", token: ann })).type, "auth_ok");
  const other = await Client.connect(chat, bearer(signToken("ann", 1.1, secret)));
  assert.equal(await other.closeCode(), 4001, "a token that ends later than the first one did");
  assert.equal((await client.request({ type: "echo", echoId: 1 })).type, "echo_reply");
});

test("a session is not renewed with a bad token, nor with another user's", async () => {
  const client = await Client.connect(chat, bearer(ann));
  assert.equal((await client.request({ type: "auth", token: "guess" })).reason, "unauthorized");
  const bob = signToken("bob", 60, secret);
  assert.equal((await client.request({ type: "auth", token: bob })).reason, "forbidden");
  assert.equal((await client.request({ type: "echo", echoId: 1 })).type, "echo_reply");
});

test("the token may come as the first message", async () => {
  const client = await Client.connect(`${chat}?auth=message`, {});
  assert.equal((await client.request({ type: "auth", token: ann })).type, "auth_ok");
  assert.equal((await client.request({ type: "echo", echoId: 1 })).type, "echo_reply");
});

const unproven: [sentence: string, first: object][] = [
  ["something else than a token", { type: "echo", echoId: 1 }],
  ["a bad token", { type: "auth", token: "guess" }],
];
for (const [sentence, first] of unproven) {
  test(`the connection is closed with 4001 when ${sentence} comes first`, async () => {
    const client = await Client.connect(`${chat}?auth=message`, {});
    const code = client.closeCode();
    assert.equal((await client.request(first)).reason, "unauthorized");
    assert.equal(await code, 4001);
  });
}

test("the connection is closed with 4001 when no token comes in time", async (t) => {
  const impatient = await startServer({ authTimeoutMs: 50 });
  t.after(() => impatient.close());
  const client = await Client.connect(`${impatient.url}/ws/chat?auth=message`, {});
  assert.equal(await client.closeCode(), 4001);
});
