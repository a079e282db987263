/** Publishers at another address than subscribers. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { freePort } from "../free-port.ts";
import { httpServer } from "../http-server.ts";
import { jsonFile } from "../json-file.ts";
import { count } from "./figures.ts";
import { pickyServer } from "./picky-server.ts";
import { twoAddresses } from "./publish-url-server.ts";
import { type K6Command, OUR_K6, runK6 } from "./run.ts";

const ON_CONNECTIONS = {
  name: "rooms",
  path: "/${room}",
  publish: { send: '{"id":${id},"seq":${seq},"body":${payload}}' },
  delivery: { where: { "/id": { exists: true } }, id: "/id", seq: "/seq" },
};
const BY_HTTP = {
  ...ON_CONNECTIONS,
  publish: { ...ON_CONNECTIONS.publish, http: { path: "/rooms/${room}", headers: { "X-Key": "k3y" } } },
};

const TALK = { CONNECTIONS: 6, ROOMS: 2, DURATION: "1s", MESSAGE_INTERVAL: "50ms", REPLY_TIMEOUT: "10s" };
const FAN_OUT = {
  ...{ CONNECTIONS: 20, RATE: 100, ROOMS: 2, PUBLISHERS: 2, PUBLISH_RATE: 100, DURATION: "1s" },
  REPLY_TIMEOUT: "10s",
};
const LOADS = {
  ordering: { command: { scenario: "ordering" }, env: TALK, publishers: 6 },
  "x/ordering": { command: { scenario: "x/ordering", k6: OUR_K6 }, env: TALK, publishers: 6 },
  "fan-out": { command: { scenario: "fan-out", k6: OUR_K6 }, env: FAN_OUT, publishers: 4 },
} as const;

/** Runs a load whose publishers are elsewhere. */
async function load(
  t: TestContext,
  { command, env }: { readonly command: K6Command; readonly env: object },
  descriptor: object,
  more: Readonly<Record<string, string | number>>,
) {
  const PROTOCOL_FILE = await jsonFile(t, descriptor);
  const result = await runK6(t, { ...command, env: { WS_TOKEN: "", PROTOCOL_FILE, ...env, ...more } });
  return { ...result, of: (series: string) => count(result.summary!, series) };
}

// At once, since they count and do not measure: most of the time they wait.
describe("PUBLISH_URL", { concurrency: 3 }, () => {
  for (const [name, { publishers, ...given }] of Object.entries(LOADS)) {
    test(`${name}: publishers connect there, and nobody else`, async (t) => {
      const { subscribersAt, publishersAt, seen } = await twoAddresses(t);
      const { stderr, summary, of } = await load(t, given, ON_CONNECTIONS, {
        WS_URL: `ws://${subscribersAt}`,
        PUBLISH_URL: `ws://${publishersAt}/of?key=s3cret`,
      });
      assert.deepEqual([summary?.verdict, seen.offences], ["pass", []], stderr);
      // The check before the load opens one of each.
      assert.deepEqual([seen.subscribers, seen.publishers], [given.env.CONNECTIONS + 1, publishers + 1]);
      assert.ok(seen.published > 50, JSON.stringify(seen));
      assert.deepEqual(
        [of("ws_sessions_opened"), of("ws_publications"), of("ws_deliveries"), of("ws_messages_lost")],
        [given.env.CONNECTIONS + publishers, seen.published, seen.delivered, 0],
      );
      assert.deepEqual(summary!.tested?.publishUrls, [`ws://${publishersAt}/of?…`]);
      assert.match(
        stderr,
        new RegExp(`against ws://${subscribersAt}, publishers at ws://${publishersAt}/of\\?…`),
      );
      assert.doesNotMatch(stderr + JSON.stringify(summary), /s3cret/);
    });

    test(`${name}: publications by HTTP go there, as whoever publishes`, async (t) => {
      const { subscribersAt, publishersAt, seen } = await twoAddresses(t);
      const { stderr, summary, of } = await load(t, given, BY_HTTP, {
        ...{ WS_URL: `ws://${subscribersAt}`, PUBLISH_URL: `http://${publishersAt}/api?of=\${user}` },
        ...{ WS_TOKEN: "t0ken", AUTH: "query" },
      });
      assert.deepEqual([summary?.verdict, seen.offences, seen.publishers], ["pass", [], 0], stderr);
      assert.ok(seen.requests > 30, JSON.stringify(seen));
      const { CONNECTIONS, ROOMS } = given.env;
      // Publishers of a fan-out are there besides, and hear deliveries that are nobody's.
      assert.deepEqual(
        [of("ws_publications"), of("ws_deliveries"), of("ws_messages_lost"), seen.asked],
        [seen.requests, (CONNECTIONS / ROOMS) * seen.requests, 0, 1],
      );
      const credentials = [...seen.credentials.keys()];
      assert.ok(
        credentials.every((of) => /^undefined k3y \?of=user-\d+&token=t0ken$/.test(of)),
        credentials.join("\n"),
      );
      assert.equal(credentials.length, name === "fan-out" ? 4 : 6);
    });
  }

  for (const name of ["ordering", "fan-out"] as const) {
    test(`${name}: a login that names an address names the subscribers', and its variables are publishers' too`, async (t) => {
      const { subscribersAt, publishersAt, seen } = await twoAddresses(t);
      const desk = await httpServer(t, (_, response) =>
        response.end(JSON.stringify({ at: subscribersAt, key: "k3y" })),
      );
      const requests = [{ url: "/login", capture: { at: "/at", key: "/key" } }];
      const { stderr, summary, of } = await load(t, LOADS[name], ON_CONNECTIONS, {
        WS_URL: desk.replace("http", "ws"),
        PUBLISH_URL: `ws://${publishersAt}/\${key}`,
        LOGIN_FILE: await jsonFile(t, { requests, url: "ws://${at}" }),
      });
      assert.deepEqual([summary?.verdict, seen.offences], ["pass", []], stderr);
      const { env, publishers } = LOADS[name];
      assert.deepEqual([seen.subscribers, seen.publishers], [env.CONNECTIONS + 1, publishers + 1]);
      assert.deepEqual([of("ws_publications"), of("ws_deliveries")], [seen.published, seen.delivered]);
      assert.deepEqual([...seen.paths], ["/k3y"]);
    });
  }

  describe("the check before the load asks there too", { concurrency: 3 }, () => {
    for (const name of ["ordering", "fan-out"] as const) {
      test(`${name}: an address where nothing listens is named, and who goes there`, async (t) => {
        const { subscribersAt, seen } = await twoAddresses(t);
        const port = await freePort();
        const env = { WS_URL: `ws://${subscribersAt}`, PUBLISH_URL: `ws://127.0.0.1:${port}/of?key=s3cret` };
        const { stderr, summary } = await load(t, LOADS[name], ON_CONNECTIONS, env);
        assert.equal(summary?.verdict, "incomplete", stderr);
        assert.match(
          stderr,
          new RegExp(
            `expected ws://127\\.0\\.0\\.1:${port}/of/[^ ]*\\?… to accept a WebSocket upgrade \\(101\\), got [^;]*refused[^;]*, where publishers connect`,
          ),
        );
        assert.doesNotMatch(stderr, new RegExp(`${subscribersAt}[^ ]* to accept|s3cret`));
        assert.equal(count(summary!, "ws_connect_failures{reason:refused}"), 1);
        assert.deepEqual([seen.subscribers, seen.published], [1, 0]);
      });
    }

    test("publications by HTTP: the server must answer, whatever it says", async (t) => {
      const { subscribersAt, seen } = await twoAddresses(t);
      const port = await freePort();
      const env = { WS_URL: `ws://${subscribersAt}`, PUBLISH_URL: `http://127.0.0.1:${port}/api?key=s3cret` };
      const { stderr, summary } = await load(t, LOADS.ordering, BY_HTTP, env);
      assert.equal(summary?.verdict, "incomplete", stderr);
      assert.match(
        stderr,
        new RegExp(
          `expected http://127\\.0\\.0\\.1:${port}, where publications go, to answer HTTP, got [^;]*refused`,
        ),
      );
      assert.equal(count(summary!, "ws_connect_failures{reason:refused}"), 1);
      assert.deepEqual([seen.subscribers, seen.published], [1, 0]);
    });

    for (const name of ["ordering", "fan-out"] as const) {
      test(`${name}: a path of the descriptor's publisher`, async (t) => {
        const server = await pickyServer(t, {
          status: ({ url }) => (url!.startsWith("/in") ? 404 : 101),
        });
        const descriptor = { ...ON_CONNECTIONS, publisher: { path: "/in/${room}" } };
        const { stderr, summary } = await load(t, LOADS[name], descriptor, { WS_URL: server.url });
        assert.equal(summary?.verdict, "incomplete", stderr);
        assert.match(
          stderr,
          /\/in\/\S+ to accept a WebSocket upgrade \(101\), got HTTP 404, where publishers connect/,
        );
      });
    }
  });

  const refused = (
    name: string,
    command: K6Command,
    descriptor: object,
    PUBLISH_URL: string,
    expected: RegExp,
  ) =>
    test(`${name} refuses ${PUBLISH_URL}`, async (t) => {
      const env = { WS_URL: "ws://127.0.0.1:1", PUBLISH_URL };
      const { code, stderr } = await load(t, { command, env: {} }, descriptor, env);
      assert.notEqual(code, 0);
      assert.match(stderr, expected);
    });
  const probing = {
    ...ON_CONNECTIONS,
    probe: { send: "${id}" },
    reply: [{ name: "r", where: { "/": 1 }, match: "fifo" }],
  };
  refused(
    "chat-soak",
    { scenario: "chat-soak" },
    probing,
    "ws://b",
    /PUBLISH_URL: expected none, since chat-soak has no publishers, got one; fan-out, ordering, reconnect, backpressure take one/,
  );
  refused(
    "massconnect",
    { scenario: "massconnect", k6: OUR_K6 },
    ON_CONNECTIONS,
    "ws://b",
    /PUBLISH_URL: expected none, since massconnect has no publishers/,
  );
  refused(
    "reconnect",
    { scenario: "reconnect" },
    ON_CONNECTIONS,
    "ws://b",
    /PUBLISH_URL: expected a protocol with \\?"publish\.http\\?" beside it, since publishers of reconnect hear deliveries on the same connection, got \\?"rooms\\?" without; fan-out, ordering take any/,
  );
  refused(
    "ordering",
    { scenario: "ordering" },
    BY_HTTP,
    "ws://b",
    /PUBLISH_URL: expected http:\/\/ or https:\/\/ URLs for a protocol with \\?"publish\.http/,
  );
  refused(
    "ordering",
    { scenario: "ordering" },
    ON_CONNECTIONS,
    "http://b",
    /PUBLISH_URL: expected ws:\/\/ or wss:\/\/ URLs for a protocol without \\?"publish\.http/,
  );
  refused(
    "ordering",
    { scenario: "ordering" },
    ON_CONNECTIONS,
    "ws://b/${nobody}",
    /PUBLISH_URL: expected no variable but .*, got \$\{nobody\}/,
  );
  refused(
    "fan-out",
    { scenario: "fan-out", k6: OUR_K6 },
    ON_CONNECTIONS,
    "ws://b,http://c",
    /PUBLISH_URL: expected ws:\/\/ or wss:\/\/ URLs .*got a list/,
  );

  test("fan-out refuses it where nobody publishes", async (t) => {
    const env = { WS_URL: "ws://127.0.0.1:1", PUBLISH_URL: "ws://b", PUBLISHERS: 0 };
    const { code, stderr } = await load(t, LOADS["fan-out"], ON_CONNECTIONS, env);
    assert.notEqual(code, 0);
    assert.match(stderr, /PUBLISH_URL: expected none with PUBLISHERS=0, since nobody publishes, got one/);
  });
});
