/** The check before the load: who is asked, as whom, and what is said of those that refuse. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { tryOut } from "../cli/try-out.ts";
import { rawServer } from "../raw-server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { count } from "./figures.ts";
import { type Answers, pickyServer } from "./picky-server.ts";
import { OUR_K6, runK6, STOCK_K6 } from "./run.ts";

const LOADS = {
  "chat-soak": {
    k6: STOCK_K6,
    env: {
      RAMP: "200ms",
      DURATION: "3s",
      RAMP_DOWN: "0s",
      SESSION: "20s",
      PROBE_INTERVAL: "200ms",
      REPLY_TIMEOUT: "2500ms",
    },
  },
  "x/chat-soak": {
    k6: OUR_K6,
    env: {
      RAMP: "200ms",
      DURATION: "3s",
      RAMP_DOWN: "0s",
      SESSION: "20s",
      PROBE_INTERVAL: "200ms",
      REPLY_TIMEOUT: "2500ms",
    },
  },
  massconnect: { k6: OUR_K6, env: { RATE: 100, DURATION: "500ms", RETRIES: 0 } },
} as const;

/** Runs a load of five connections against that server, with `path` behind its URL. */
async function load(
  t: TestContext,
  scenario: keyof typeof LOADS,
  answers: Answers,
  { path = "", ...env }: Readonly<Record<string, string | number>> = {},
) {
  const server = await pickyServer(t, answers);
  const { k6, env: own } = LOADS[scenario];
  const given = {
    PROTOCOL: "echo",
    CONNECTIONS: 5,
    WS_TOKEN: "",
    WS_URL: `${server.url}${path}`,
    ...own,
    ...env,
  };
  return { ...(await runK6(t, { scenario, k6, env: given })), ...server };
}

const scenarios = Object.keys(LOADS) as (keyof typeof LOADS)[];

for (const scenario of scenarios) {
  describe(scenario, { concurrency: 2 }, () => {
    test("asks once, for the request of its first connection, and names the status of a refusal", async (t) => {
      const path = "/${token}?t=${token}";
      const run = await load(t, scenario, { status: () => 503 }, { WS_TOKEN: "s3cret", path });
      assert.equal(run.summary?.verdict, "incomplete", run.stderr);
      assert.match(
        run.stderr,
        /expected ws:\/\/127\.0\.0\.1:\d+\/\*\*\*\?… to accept a WebSocket upgrade \(101\), got HTTP 503/,
      );
      assert.equal(count(run.summary!, "ws_connect_failures{reason:http_503}"), 1);
      assert.doesNotMatch(run.stderr, /s3cret/);
      // k6's own sockets hide the status: the request is sent once more to learn it.
      assert.equal(run.requests.length, scenario === "chat-soak" ? 2 : 1);
      assert.deepEqual(new Set(run.requests.map(({ url }) => url)), new Set(["/s3cret?t=s3cret"]));
    });

    test("says so where no credentials were sent", async (t) => {
      const run = await load(t, scenario, { status: () => 401 });
      assert.match(run.stderr, /got HTTP 401; no credentials were sent, since WS_TOKEN is not given/);
    });

    test("says where a redirect leads to, without what may be a secret", async (t) => {
      const to = "https://me:s3cr3t@login.example/sso?token=s3cr3t#s3cr3t";
      const WS_URL = await rawServer(t, (socket) =>
        socket.end(`HTTP/1.1 302 Found\r\nLocation: ${to}\r\nContent-Length: 0\r\n\r\n`),
      );
      const run = await load(t, scenario, {}, { WS_URL });
      assert.match(run.stderr, /got HTTP 302: it redirects to https:\/\/login\.example\/sso/);
      assert.equal(count(run.summary!, "ws_connect_failures{reason:http_302}"), 1);
      assert.doesNotMatch(run.stderr + run.stdout, /s3cr3t/);
    });

    test("says what no socket tells by a status", async (t) => {
      const run = await load(t, scenario, {}, { WS_URL: "ws://127.0.0.1:1" });
      assert.match(run.stderr, /expected ws:\/\/127\.0\.0\.1:1\/ to accept .* got .*refused/);
      assert.equal(count(run.summary!, "ws_connect_failures{reason:refused}"), 1);
    });

    test("gives up a server that does not answer", async (t) => {
      const run = await load(t, scenario, { status: () => "never" }, { CONNECT_TIMEOUT: "1s" });
      assert.match(run.stderr, /got no answer within 1 s/);
      assert.equal(count(run.summary!, "ws_connect_failures{reason:timeout}"), 1);
    });

    test("asks as the first connection will", async (t) => {
      const path = "/${room}/${user}?n=${connection}&vu=${vu}";
      const run = await load(t, scenario, {}, { path, HEADERS: '{"X-User":"${user}"}' });
      assert.equal(run.code, 0, run.stderr);
      const first = "/load-test-room-0/user-0?n=0&vu=1 user-0";
      const asked = run.requests.map(({ url, headers }) => `${url} ${headers["x-user"]}`);
      assert.equal(asked[0], first);
      assert.deepEqual(
        [asked.filter((one) => one === first).length, new Set(asked).size],
        [2, 5],
        asked.join(),
      );
    });

    test("can be left out", async (t) => {
      const run = await load(t, scenario, {}, { PREFLIGHT: "none" });
      assert.deepEqual([run.code, run.requests.length], [0, 5], run.stderr);
      assert.match(run.stderr, /no check of the server before the load: PREFLIGHT=none/);
    });

    for (const [lines, checked] of [
      [5, false],
      [6, true],
    ] as const) {
      test(`with tickets that work once and ${lines} of them, uses none that the load needs`, async (t) => {
        const used = new Set<string>();
        const once = ({ headers }: IncomingMessage) => {
          const ticket = headers.authorization ?? "";
          if (used.has(ticket)) return 401;
          used.add(ticket);
          return 101;
        };
        const USERS = join(await temporaryDirectory(t), "users.csv");
        await writeFile(
          USERS,
          `token\n${Array.from({ length: lines }, (_, line) => `ticket-${line}`).join("\n")}`,
        );
        const run = await load(t, scenario, { status: once }, { USERS });
        assert.equal(run.code, 0, run.stderr);
        assert.equal(run.requests.length, checked ? 6 : 5);
        assert.equal(count(run.summary!, "ws_connect_failures"), 0, "all opened");
        const first = run.requests[0]!.headers.authorization;
        if (checked) assert.equal(first, "Bearer ticket-5", "the spare one");
        else assert.match(run.stderr, /no check of the server before the load: each line of USERS/);
      });
    }
  });
}

describe("endpoints", () => {
  const several = async (t: TestContext, status: Answers["status"], env: Record<string, string> = {}) => {
    const [first, second] = [await pickyServer(t), await pickyServer(t, status && { status })];
    const SERVERS = `${first.url}/a,${second.url}/b`;
    const given = {
      ...LOADS.massconnect.env,
      PROTOCOL: "echo",
      CONNECTIONS: 4,
      WS_TOKEN: "",
      SERVERS,
      ...env,
    };
    return { first, second, ...(await runK6(t, { scenario: "massconnect", k6: OUR_K6, env: given })) };
  };

  test("are each asked as the first connection that goes there", async (t) => {
    const { first, second, code, stderr } = await several(t, undefined, { HEADERS: '{"X-User":"${user}"}' });
    assert.equal(code, 0, stderr);
    assert.deepEqual(
      [first, second].map(({ requests }) => requests[0]!.headers["x-user"]),
      ["user-0", "user-1"],
    );
    assert.deepEqual(
      [first, second].map(({ requests }) => requests.length),
      [3, 3],
    );
  });

  test("are named where they do not answer, and only those", async (t) => {
    const { first, second, stderr } = await several(t, () => "never", { CONNECT_TIMEOUT: "1s" });
    const [told = ""] = stderr.split("\n").filter((line) => line.includes("level=error"));
    assert.match(told, new RegExp(`expected ${second.url}/b to accept .* got no answer within 1 s`));
    assert.ok(!told.includes(first.url), told);
  });
});

describe("no client sends another's cookie", () => {
  const giveCookie: Answers = { headers: (ordinal) => [`Set-Cookie: sid=${ordinal}; Path=/`] };
  const cookies = (requests: readonly IncomingMessage[]) => requests.map(({ headers }) => headers.cookie);
  for (const scenario of scenarios) {
    test(scenario, async (t) => {
      // More than there are virtual users.
      const run = await load(t, scenario, giveCookie, { CONNECTIONS: 30 });
      assert.equal(run.code, 0, run.stderr);
      assert.deepEqual(cookies(run.requests), Array(31).fill(undefined));
    });
  }
  for (const [scenario, k6] of [
    ["handshake", STOCK_K6],
    ["x/handshake", OUR_K6],
  ] as const) {
    test(`${scenario}, nor goes by another's connection`, async (t) => {
      const server = await pickyServer(t, giveCookie);
      const run = await runK6(t, {
        scenario,
        k6,
        env: { PROTOCOL: "echo", PROFILE: "", WS_URL: server.url },
      });
      assert.ok(run.summary, run.stderr);
      assert.ok(server.requests.length >= 10);
      assert.deepEqual(new Set(cookies(server.requests)), new Set([undefined]));
      assert.equal(new Set(server.requests.map(({ socket }) => socket)).size, server.requests.length);
    });
  }
});

test("the scenarios as they are built send one request, and so does try", async (t) => {
  const server = await pickyServer(t);
  const headers = { "x-user": "${user}", cookie: "theme=dark" };
  const given = {
    PROTOCOL: "echo",
    CONNECTIONS: 1,
    PREFLIGHT: "always",
    WS_URL: `${server.url}/ws/\${user}?n=\${connection}`,
    WS_TOKEN: "t;0",
    AUTH: "cookie",
    HEADERS: JSON.stringify(headers),
    ORIGIN: "https://example.com",
    SUBPROTOCOL: "a,b",
  };
  for (const scenario of scenarios) {
    const { k6, env } = LOADS[scenario];
    const run = await runK6(t, { scenario, k6, env: { ...given, ...env } });
    assert.ok(run.summary, run.stderr);
  }
  const CASES_FILE = join(await temporaryDirectory(t), "cases.json");
  const cases = [{ name: "as-it-should-be", expect: { status: [101] } }];
  await writeFile(CASES_FILE, JSON.stringify({ builtIn: false, cases }));
  const { CONNECTIONS: _, ...common } = given;
  for (const [scenario, k6] of [
    ["handshake", STOCK_K6],
    ["x/handshake", OUR_K6],
  ] as const) {
    const run = await runK6(t, { scenario, k6, env: { ...common, PROFILE: "", CASES_FILE } });
    assert.equal(run.code, 0, run.stderr);
  }
  await tryOut([], { env: { ...given, CONNECTIONS: "1", PATH: process.env.PATH }, until: /← 101/ });
  const seen = server.requests.map(({ url, rawHeaders }) => {
    const lines = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${rawHeaders[i + 1]}`] : []));
    return [url, ...lines.filter((line) => !line.startsWith("Sec-WebSocket-Key: ")).sort()];
  });
  assert.equal(seen.length, 11, "a check and a connection of each scenario, and one of try");
  for (const one of seen) assert.deepEqual(one, seen[0]);
});
