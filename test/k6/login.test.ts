/** A login before each connection: what it gives arrives, is renewed, counted and timed, and shown nowhere. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Summary, TrendSummary } from "../../lib/summary/summary.ts";
import { forK6 } from "../../tools/bundles.mjs";
import { jsonFile } from "../json-file.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { everything } from "./everything.ts";
import { count, reasons } from "./figures.ts";
import { LOGIN, loginServer, SEATED, SEATS, SECRET } from "./login-server.ts";
import { OUR_K6, runK6, STOCK_K6 } from "./run.ts";

const SOAK = {
  CONNECTIONS: 6,
  RAMP: "500ms",
  DURATION: "10s",
  RAMP_DOWN: "0s",
  SESSION: "5s",
  PROBE_INTERVAL: "500ms",
  REPLY_TIMEOUT: "4s",
  WS_TOKEN: "",
};

for (const [sockets, scenario, k6] of [
  ["stock", "chat-soak", STOCK_K6],
  ["the engine's", "x/chat-soak", OUR_K6],
] as const) {
  test(`on ${sockets} sockets each attempt to connect has a login of its own`, async (t) => {
    const server = await loginServer(t);
    const env = {
      ...SOAK,
      ...SEATED,
      WS_URL: `${server.ws}/rooms?seat=\${seat}`,
      LOGIN_FILE: await jsonFile(t, LOGIN),
      PROTOCOL_FILE: await jsonFile(t, SEATS),
      BENCH_SECRET: SECRET,
    };
    const run = await runK6(t, { scenario, k6, env });
    const { counts } = server;
    assert.equal(run.summary?.verdict, "pass", run.stderr + run.stdout);
    const opened = count(run.summary!, "ws_sessions_opened");
    assert.ok(opened >= 6);
    // The check's login, and its connection, are in the server's counts alone.
    assert.equal(count(run.summary!, "ws_logins"), opened);
    assert.deepEqual([counts.tokens, counts.seats, counts.seated], Array(3).fill(opened + 1));
    assert.deepEqual([counts.refused, counts.unseated], [0, 0]);
    assert.equal(count(run.summary!, "ws_replies"), counts.echoes);
    assert.deepEqual(
      [...new Set(server.users)].sort(),
      [0, 1, 2, 3, 4, 5].map((i) => `user-${i}`),
    );
    const { count: timed, min } = run.summary!.metrics.ws_login_ms as TrendSummary;
    assert.equal(timed, opened);
    assert.ok(min! > 0);
    const said = await everything(run);
    for (const secret of [SECRET, "token-1", "sid-of-user-1", "seat/1", "seat%2F1"]) {
      assert.ok(!said.includes(secret), `${secret} is shown`);
    }
  });
}

/** Settings of a run against the server, with what differs. */
async function settings(t: TestContext, server: { readonly ws: string }, login: unknown = LOGIN) {
  return {
    ...SOAK,
    ...SEATED,
    WS_URL: `${server.ws}/rooms?seat=\${seat}`,
    LOGIN_FILE: await jsonFile(t, login),
    PROTOCOL_FILE: await jsonFile(t, SEATS),
    BENCH_SECRET: SECRET,
  };
}

test("one login is shared, used again and renewed before it ends", async (t) => {
  const server = await loginServer(t, { expiresIn: 2 });
  const [token] = LOGIN.requests;
  const renewing = {
    ...SEATS,
    probe: { send: '{"id":${id}}' },
    refresh: { send: '{"token":${token}}', before: "500ms", await: { where: { "/renewed": true } } },
  };
  // Each of the three virtual users logs in by itself, and all of its connections share that.
  const login = {
    env: LOGIN.env,
    requests: [token],
    expires: { seconds: "/expires_in", before: "1s" },
    shared: true,
  };
  const env = {
    ...(await settings(t, server, login)),
    CONNECTIONS: 3,
    SESSION: "20s",
    AUTH: "message",
    HEADERS: "{}",
    WS_URL: `${server.ws}/open`,
    PROTOCOL_FILE: await jsonFile(t, renewing),
    DURATION: "5s",
  };
  const run = await runK6(t, { scenario: "chat-soak", env });
  assert.equal(run.summary?.verdict, "pass", run.stderr + run.stdout);
  const logins = count(run.summary!, "ws_logins");
  assert.equal(server.counts.tokens, logins + 1);
  assert.equal(count(run.summary!, "ws_sessions_opened"), 3);
  // One message opens each session, the others renew the token while the last one is good.
  assert.ok(logins > 3, `${logins} logins`);
  const { renewed } = server.counts;
  assert.ok(
    renewed > 3 && renewed <= logins && renewed >= logins - 3,
    `${renewed} renewals, ${logins} logins`,
  );
});

describe("a login that fails is counted by its reason, and retried as a connection is", () => {
  test("the server's refusals are the server's", async (t) => {
    const server = await loginServer(t, { failing: { every: 3, status: 429 } });
    const env = { ...(await settings(t, server)), PREFLIGHT: "none", BACKOFF_BASE: "50ms" };
    const run = await runK6(t, { scenario: "chat-soak", env });
    assert.ok(run.summary, run.stderr + run.stdout);
    const failed = reasons(run.summary, "ws_login_failures");
    assert.deepEqual(failed, { http_429: server.counts.refused });
    assert.deepEqual(reasons(run.summary, "ws_connect_failures"), { login: server.counts.refused });
    assert.equal(count(run.summary, "ws_logins"), server.counts.seated);
    assert.equal(count(run.summary, "ws_sessions_opened"), server.counts.seated);
    assert.match(
      run.stderr,
      /a login failed \(http_429\): login request 2 \(POST http:\/\/[^ ]*\/seats\/\$\{room\}\) was answered 429/,
    );
  });

  test("no answer in time, and the setup says so", async (t) => {
    const server = await loginServer(t, { failing: { every: 1, status: 0 } });
    const env = { ...(await settings(t, server)), CONNECT_TIMEOUT: "3s" };
    const run = await runK6(t, { scenario: "chat-soak", env });
    assert.equal(run.summary?.verdict, "incomplete");
    assert.deepEqual(reasons(run.summary!, "ws_login_failures"), { timeout: 1 });
    assert.match(run.stderr, /expected a login before the load to succeed, got timeout: login request 2 /);
    assert.match(run.summary?.reason ?? "", /the setup failed: a login before it failed \(timeout\)/);
  });

  test("a login that blacklistIPs forbids is ours: the run is incomplete", async (t) => {
    const server = await loginServer(t);
    const elsewhere = { requests: [{ url: "http://127.0.0.2:1/token" }] };
    const env = {
      ...(await settings(t, server, elsewhere)),
      PREFLIGHT: "none",
      WS_URL: server.ws,
      HEADERS: "{}",
    };
    const run = await runK6(t, {
      scenario: "chat-soak",
      env: { ...env, PROTOCOL: "echo", PROTOCOL_FILE: "" },
      args: ["--blacklist-ip", "127.0.0.2/32"],
    });
    assert.equal(run.summary?.verdict, "incomplete");
    assert.match(run.summary?.reason ?? "", /refused \d+ logins \(blocked\)/);
  });
});

test("a login in code gives variables, and what it throws is counted by its reason", async (t) => {
  const server = await loginServer(t, { failing: { every: 3, status: 503 } });
  const outfile = join(await temporaryDirectory(t), "login-in-code.js");
  const entryPoints = [fileURLToPath(new URL("login-in-code.ts", import.meta.url))];
  await build({ ...forK6, entryPoints, outfile, bundle: true });
  const env = {
    ...SEATED,
    WS_URL: `${server.ws}/rooms?seat=\${seat}`,
    PROTOCOL: "echo",
    PROFILE: "",
    RAMP: "300ms",
    DURATION: "6s",
    REPLY_TIMEOUT: "4s",
    PREFLIGHT: "none",
    LOGIN_URL: server.http,
    BASIC: `Basic ${Buffer.from(`bench:${SECRET}`).toString("base64")}`,
    K6_VERSION: "v2.2.0",
  };
  const { stderr, results, stdout } = await runK6(t, { scenario: outfile, env });
  const summary = JSON.parse(await readFile(join(results, "login-in-code.summary.json"), "utf8")) as Summary;
  assert.equal(summary.verdict, "pass", stderr + stdout);
  assert.equal(count(summary, "ws_sessions_opened"), 3);
  assert.deepEqual(reasons(summary, "ws_login_failures"), { http_503: server.counts.refused });
  assert.equal(count(summary, "ws_logins"), server.counts.seated);
  assert.deepEqual(server.users.sort(), ["user-0/0", "user-1/1", "user-2/2"]);
});

for (const [scenario, k6] of [
  ["token-expiry", STOCK_K6],
  ["handshake", STOCK_K6],
] as const) {
  test(`${scenario} refuses a login, naming the scenarios that take one`, async (t) => {
    const server = await loginServer(t);
    const { stderr, code } = await runK6(t, { scenario, k6, env: { ...(await settings(t, server)) } });
    assert.notEqual(code, 0);
    assert.match(
      stderr,
      /LOGIN_FILE: expected none for [\w-]+, .*: chat-soak, connect, idle, ordering, reconnect, backpressure, massconnect, mass-soak and fan-out log in/,
    );
    assert.equal(server.counts.tokens, 0);
  });
}
