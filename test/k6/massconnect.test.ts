import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Summary } from "../../lib/summary/summary.ts";
import { type FaultSettings, type RunningServer, startServer } from "../../server/server.ts";
import { accept, CLOSE, close, frame, rawServer } from "../raw-server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { count } from "./figures.ts";
import { type K6Command, type K6Run, OUR_K6, runK6, STOCK_K6 } from "./run.ts";

const SHORT = { CONNECTIONS: 50, RATE: 1000, DURATION: "1s" };

const massconnect = (t: TestContext, { env, ...command }: Partial<K6Command> = {}): Promise<K6Run> =>
  runK6(t, { scenario: "massconnect", k6: OUR_K6, ...command, env: { ...SHORT, ...env } });

async function against(
  t: TestContext,
  faults: FaultSettings,
  env: NonNullable<K6Command["env"]> = {},
): Promise<{ run: K6Run; summary: Summary; server: RunningServer }> {
  const server = await startServer({ faults });
  t.after(() => server.close());
  const run = await massconnect(t, { env: { WS_URL: `${server.url}/ws/chat`, ...env } });
  assert.ok(run.summary, run.stderr);
  return { run, summary: run.summary, server };
}

test("reaches the number, holds it, and closes every connection", async (t) => {
  const { run, summary, server } = await against(t, {});
  assert.deepEqual({ code: run.code, verdict: summary.verdict }, { code: 0, verdict: "pass" }, run.stderr);
  assert.equal(count(summary, "ws_sessions_opened"), 50);
  assert.equal(count(summary, "ws_sessions_closed"), 50);
  assert.equal(server.stats().connectionsOpened, 51, "the set-up tries one more");
  const { ws_active_sessions, ws_connect_latency_ms, ws_connect_phase_ms, ws_time_to_reach_ms } =
    summary.metrics;
  assert.ok(ws_active_sessions?.kind === "gauge");
  assert.deepEqual([ws_active_sessions.max, ws_active_sessions.value], [50, 0]);
  assert.ok(ws_connect_latency_ms?.kind === "trend" && ws_connect_phase_ms?.kind === "trend");
  assert.equal(ws_connect_latency_ms.count, 50);
  assert.ok(ws_connect_latency_ms.min! > 0, "a connection in 0 ms is a defect");
  assert.deepEqual(Object.keys(ws_connect_phase_ms.by!.phase!).sort(), ["tcp", "upgrade"]);
  assert.ok(ws_time_to_reach_ms?.kind === "trend");
  assert.ok(ws_time_to_reach_ms.max! >= 49, "the last is due 49 ms after the first");
  assert.match(summary.notes?.[0] ?? "", /^50 connections were open after \S+ ms: \S+ in a second$/);
  assert.match(run.stdout, /50 connections were open after/);
  assert.ok(summary.k6.extension, "the summary names the extension");
});

const paces: [sentence: string, env: NonNullable<K6Command["env"]>, atMost: number | undefined][] = [
  ["two, a quarter of a second apart", { CONNECTIONS: 2, RATE: 4 }, 4],
  ["two batches", { CONNECTIONS: 20, BATCH_SIZE: 10, BATCH_DELAY: "200ms" }, 50],
  ["one", { CONNECTIONS: 1 }, undefined],
];
for (const [sentence, env, atMost] of paces) {
  test(`the number is not said to be reached faster than it was begun: ${sentence}`, async (t) => {
    const [note = ""] = (await against(t, {}, { DURATION: "1s", ...env })).summary.notes!;
    const [, perSecond] = /^\d+ connections? w(?:as|ere) open after \S+ ms(?:: (\S+) in a second)?$/.exec(
      note,
    )!;
    assert.ok(atMost === undefined ? perSecond === undefined : Number(perSecond) <= atMost, note);
  });
}

test("a server that refuses some is tried again until the number is reached", async (t) => {
  const { run, summary } = await against(
    t,
    { refuseUpgrades: { every: 5, count: 10, status: 503 } },
    { RETRY_DELAY: "20ms" },
  );
  assert.deepEqual({ code: run.code, verdict: summary.verdict }, { code: 99, verdict: "fail" }, run.stderr);
  assert.equal(count(summary, "ws_connect_failures{reason:http_503}"), 10);
  assert.equal(count(summary, "ws_connect_failures"), 10);
  assert.equal(count(summary, "ws_sessions_opened"), 50);
  assert.equal(count(summary, "ws_connections_given_up"), 0);
});

test("without retries those refused are missing, which no limit forgives", async (t) => {
  const { run, summary } = await against(
    t,
    { refuseUpgrades: { every: 20, count: 2, status: 503 } },
    { RETRIES: 0 },
  );
  assert.deepEqual({ code: run.code, verdict: summary.verdict }, { code: 99, verdict: "fail" }, run.stderr);
  assert.match(summary.reason, /^2 connections that never opened \(limit 0\)$/);
  assert.equal(count(summary, "ws_sessions_opened"), 48);
});

test("drops while holding are counted by close code and by whom", async (t) => {
  let upgrades = 0;
  const url = await rawServer(t, (socket, request) => {
    socket.write(accept(request));
    if (++upgrades % 10 === 0) socket.write(frame(CLOSE, close(4001, "expired")));
    if (upgrades % 10 === 5) setTimeout(() => socket.resetAndDestroy(), 100);
  });
  // The first upgrade is that of the set-up.
  const run = await massconnect(t, { env: { WS_URL: url, CONNECTIONS: 49 } });
  assert.ok(run.summary, run.stderr);
  assert.equal(run.code, 99);
  assert.equal(count(run.summary, "ws_connection_drops{code:4001}"), 5);
  assert.equal(count(run.summary, "ws_connection_drops{code:1006}"), 5);
  assert.equal(count(run.summary, "ws_connection_drops{by:network}"), 5);
  assert.deepEqual(run.summary.metrics.ws_connection_drop_rate, {
    kind: "rate",
    unit: "ratio",
    rate: 10 / 49,
    passes: 10,
    fails: 39,
  });
});

test("connections are spread over servers and source addresses", async (t) => {
  const seen: [server: number, from: string][] = [];
  const servers = await Promise.all(
    [0, 1].map((server) =>
      rawServer(t, (socket, request) => {
        seen.push([server, socket.remoteAddress!]);
        socket.write(accept(request));
      }),
    ),
  );
  const run = await massconnect(t, {
    env: { SERVERS: servers.join(","), SOURCE_IPS: "127.0.0.2,127.0.0.3", CONNECTIONS: 40 },
  });
  assert.equal(run.summary?.metrics.ws_sessions_opened?.kind, "counter", run.stderr);
  for (const server of [0, 1]) {
    for (const address of ["127.0.0.2", "127.0.0.3"]) {
      assert.equal(seen.filter(([s, from]) => s === server && from === address).length, 10);
    }
  }
});

test("each connection presents its own user, by header, query or cookie", async (t) => {
  const requests: string[] = [];
  const url = await rawServer(t, (socket, request) => {
    requests.push(request);
    socket.write(accept(request, "Sec-WebSocket-Protocol: v1"));
  });
  const directory = await temporaryDirectory(t);
  const users = join(directory, "users.csv");
  await writeFile(users, "user,token\nann,t=1\nben,t=2\n");
  const protocol = join(directory, "protocol.json");
  await writeFile(
    protocol,
    JSON.stringify({ name: "own", subprotocols: ["v1"], path: "/${user}?room=${room}&n=${connection}" }),
  );
  const base = { WS_URL: `${url}?k=1`, USERS: users, PROTOCOL_FILE: protocol, CONNECTIONS: 4, ROOMS: 2 };
  for (const [AUTH, line, expected] of [
    ["header", /^Authorization: (.*)\r$/m, ["Bearer t=1", "Bearer t=2", "Bearer t=1", "Bearer t=2"]],
    ["cookie", /^Cookie: (.*)\r$/m, ["token=t=1", "token=t=2", "token=t=1", "token=t=2"]],
    ["query", /[?&]token=(\S*)/, ["t%3D1", "t%3D2", "t%3D1", "t%3D2"]],
  ] as const) {
    requests.length = 0;
    const run = await massconnect(t, {
      env: { ...base, AUTH, HEADERS: '{"X-App":"load"}', DURATION: "1ms" },
    });
    assert.equal(run.summary && count(run.summary, "ws_sessions_opened"), 4, run.stderr);
    const byNumber = requests
      .slice(1) // that of the set-up
      .sort((a, b) => numberOf(a) - numberOf(b));
    assert.deepEqual(
      byNumber.map((request) => line.exec(request)?.[1]),
      expected,
    );
    assert.match(
      byNumber[3]!,
      /^GET \/ws\/ben\?k=1&room=load-test-room-1&n=3(&token=\S+)? HTTP\/1\.1\r\n/,
      "as lib/k6's own sockets ask",
    );
    assert.match(byNumber[0]!, /^X-App: load\r$/m);
  }
});

const numberOf = (request: string): number => Number(/[?&]n=(\d+)/.exec(request)?.[1]);

test("two instances of one test open every connection once between them", async (t) => {
  const server = await startServer();
  t.after(() => server.close());
  const runs = await Promise.all(
    ["0:1/2", "1/2:1"].map((segment) =>
      massconnect(t, {
        env: { WS_URL: `${server.url}/ws/chat`, SHARDS: 2 },
        args: ["--execution-segment", segment, "--execution-segment-sequence", "0,1/2,1"],
      }),
    ),
  );
  const opened = runs.map(({ summary, stderr }) => {
    assert.equal(summary?.verdict, "pass", stderr);
    return count(summary, "ws_sessions_opened");
  });
  assert.deepEqual(opened, [25, 25]);
  assert.equal(server.stats().connectionsOpened, 50 + 2);
});

test("an instance without a shard fails, and says what to change", async (t) => {
  const server = await startServer();
  t.after(() => server.close());
  const run = await massconnect(t, {
    env: { WS_URL: `${server.url}/ws/chat`, SHARDS: 1 },
    args: ["--execution-segment", "1/2:1", "--execution-segment-sequence", "0,1/2,1"],
  });
  assert.notEqual(run.code, 0);
  assert.match(run.stderr, /this instance of k6 has no share of the load.*raise SHARDS/);
});

test("a k6 without the extension is told which one to take", async (t) => {
  const run = await massconnect(t, { k6: STOCK_K6 });
  assert.equal(run.code, 107);
  assert.match(run.stderr, /massconnect needs k6 with the extension xk6-realtime.*npm run build:k6.*bin\/k6/);
  assert.doesNotMatch(run.stderr, /provision/i, "k6 is not to look for one to download");
});

test("^C ends the run in a moment: incomplete, and nothing counts as a drop", async (t) => {
  let wereOpen = false;
  const server = await startServer();
  t.after(() => server.close());
  const run = await massconnect(t, {
    env: { WS_URL: `${server.url}/ws/chat`, DURATION: "10m" },
    args: ["--quiet=false"],
    onOutput: (_, interrupt) => {
      // By the next line of its progress k6 knows them, too.
      if (wereOpen) interrupt();
      wereOpen = server.stats().connectionsOpened === 51;
    },
  });
  assert.equal(run.summary?.verdict, "incomplete", run.stderr);
  assert.match(run.summary.reason, /1 of 1 parts of the load ended before their planned end/);
  assert.equal(count(run.summary, "ws_connection_drops"), 0);
  assert.equal(count(run.summary, "ws_sessions_closed"), 50);
});

test("a number that is not reached in time: all that is missing is counted", async (t) => {
  const server = await refusingAfterTheFirst(t);
  const run = await massconnect(t, {
    env: { WS_URL: server, CONNECTIONS: 10, RETRY_DELAY: "50ms", REACH_TIMEOUT: "500ms" },
  });
  assert.equal(run.code, 99, run.stderr);
  assert.equal(run.summary?.verdict, "incomplete");
  assert.equal(count(run.summary, "ws_connections_given_up"), 10);
  assert.match(run.stderr, /not all connections were open after 500ms/);
});

/** Takes the upgrade of the set-up, and no other. */
async function refusingAfterTheFirst(t: TestContext): Promise<string> {
  let upgrades = 0;
  return await rawServer(t, (socket, request) => {
    if (++upgrades === 1) socket.write(accept(request));
    else socket.end("HTTP/1.1 503 Service Unavailable\r\n\r\n");
  });
}

for (const [sentence, env, message] of [
  [
    "tokens in messages, of which it sends none",
    { AUTH: "message" },
    /AUTH: expected header, query or cookie, since this scenario/,
  ],
  ["less time than the ramp takes", { RATE: 1, REACH_TIMEOUT: "10s" }, /REACH_TIMEOUT: expected at least/],
  ["a server that is none", { SERVERS: "ws://a,http://b" }, /SERVERS: expected ws:\/\/ or wss:\/\/ URLs/],
  ["a source that is none", { SOURCE_IPS: "eth0" }, /SOURCE_IPS: expected IP addresses/],
  [
    "retries that are no number",
    { RETRIES: "many" },
    /RETRIES: expected a whole number, or unlimited, got \\"many\\"/,
  ],
] as const) {
  test(`refused before any connection: ${sentence}`, async (t) => {
    const run = await massconnect(t, { env });
    assert.equal(run.code, 107);
    assert.match(run.stderr, message);
  });
}
