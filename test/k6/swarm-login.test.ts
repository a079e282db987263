/** Logins before the connections of swarms: what they give arrives, is renewed, counted and timed, and shown nowhere. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { TrendSummary } from "../../lib/summary/summary.ts";
import { jsonFile } from "../json-file.ts";
import { openedOf } from "./account.ts";
import { everything } from "./everything.ts";
import { count, reasons } from "./figures.ts";
import { LOGIN, type LoginServer, loginServer, SEATED, SEATS, SECRET } from "./login-server.ts";
import { OUR_K6, runK6 } from "./run.ts";

const RENEWING = {
  name: "renewing",
  probe: { send: '{"id":${id}}' },
  reply: [{ name: "echo", match: "id", id: "/id" }],
  refresh: { send: '{"token":${token}}', before: "500ms", await: { where: { "/renewed": true } } },
};

const settings = async (t: TestContext, server: LoginServer, login: unknown = LOGIN) => ({
  ...SEATED,
  WS_URL: `${server.ws}/rooms?seat=\${seat}`,
  LOGIN_FILE: await jsonFile(t, login),
  BENCH_SECRET: SECRET,
  WS_TOKEN: "",
  CONNECTIONS: 60,
  RATE: 200,
  DURATION: "500ms",
});

describe("logins of swarms", { concurrency: true }, () => {
  test("each connection of massconnect has a login of its own", async (t) => {
    const server = await loginServer(t);
    const env = { ...(await settings(t, server)), SHARDS: 2 };
    const run = await runK6(t, { scenario: "massconnect", k6: OUR_K6, env });
    const { counts } = server;
    assert.equal(run.summary?.verdict, "pass", run.stderr + run.stdout);
    assert.equal(count(run.summary!, "ws_sessions_opened"), 60);
    assert.equal(count(run.summary!, "ws_logins"), 60);
    // The check's login, and its connection, are in the server's counts alone.
    assert.deepEqual([counts.tokens, counts.seats, counts.seated], [61, 61, 61]);
    assert.deepEqual([counts.refused, counts.unseated], [0, 0]);
    assert.equal(new Set(server.users).size, 60);
    const { count: timed, min } = run.summary!.metrics.ws_login_ms as TrendSummary;
    assert.deepEqual([timed, min! > 0], [60, true]);
    const said = await everything(run);
    for (const secret of [SECRET, "token-1", "sid-of-user-1", "seat/1", "seat%2F1"])
      assert.ok(!said.includes(secret), `${secret} is shown`);
  });

  test("logins that fail are counted by their reason, and retried as connections are", async (t) => {
    const server = await loginServer(t, { failing: { every: 3, status: 429 } });
    const env = {
      ...(await settings(t, server)),
      PREFLIGHT: "none",
      RETRIES: "unlimited",
      RETRY_DELAY: "50ms",
    };
    const run = await runK6(t, { scenario: "massconnect", k6: OUR_K6, env });
    assert.ok(run.summary, run.stderr + run.stdout);
    const { refused, seated } = server.counts;
    assert.deepEqual([count(run.summary, "ws_sessions_opened"), seated], [60, 60], run.stderr);
    assert.ok(refused > 0);
    assert.deepEqual(reasons(run.summary, "ws_login_failures"), { http_429: refused });
    assert.deepEqual(reasons(run.summary, "ws_connect_failures"), { login: refused });
    assert.match(run.stderr, /a login failed \(http_429\): login request 2 /);
  });

  test("connections of mass-soak that come back log in again", async (t) => {
    const server = await loginServer(t, { cutAfter: 4 });
    const env = {
      ...(await settings(t, server)),
      PROTOCOL_FILE: await jsonFile(t, SEATS),
      CONNECTIONS: 10,
      PROBE_INTERVAL: "200ms",
      DURATION: "3s",
      REPLY_TIMEOUT: "4s",
      BACKOFF_BASE: "50ms",
    };
    const run = await runK6(t, { scenario: "mass-soak", k6: OUR_K6, env });
    assert.ok(run.summary, run.stderr + run.stdout);
    const { seated, unseated, echoes, cuts } = server.counts;
    assert.ok(count(run.summary, "ws_reconnects") > 0, run.stderr + run.stdout);
    const of = (series: string) => count(run.summary!, series);
    assert.deepEqual([of("ws_sessions_opened"), unseated], [openedOf(10, seated, of), 0]);
    // The run may end between a login and its connection.
    assert.ok(
      seated - 1 <= of("ws_logins") && of("ws_logins") <= seated - 1 + 10,
      `${of("ws_logins")} logins`,
    );
    // A cut may overtake the echo before it.
    const replies = of("ws_replies");
    assert.ok(
      replies <= echoes && replies >= echoes - cuts,
      `${replies} replies, ${echoes} echoes, ${cuts} cuts`,
    );
  });

  test("one login is shared, used again, and renewed while it is good", async (t) => {
    const server = await loginServer(t, { expiresIn: 2 });
    const shared = {
      env: LOGIN.env,
      requests: [LOGIN.requests[0]],
      expires: { seconds: "/expires_in", before: "1s" },
      shared: true,
    };
    const env = {
      ...(await settings(t, server, shared)),
      PROTOCOL_FILE: await jsonFile(t, RENEWING),
      AUTH: "message",
      HEADERS: "{}",
      WS_URL: `${server.ws}/open`,
      CONNECTIONS: 20,
      PROBE_INTERVAL: "500ms",
      DURATION: "4s",
      REPLY_TIMEOUT: "30s",
    };
    const run = await runK6(t, { scenario: "mass-soak", k6: OUR_K6, env });
    assert.equal(run.summary?.verdict, "pass", run.stderr + run.stdout);
    const logins = count(run.summary!, "ws_logins");
    assert.ok(logins > 1 && logins < 20, `${logins} logins`);
    assert.equal(server.counts.tokens, logins + 1);
    assert.equal(count(run.summary!, "ws_sessions_opened"), 20);
    // The first message opens each session. All 20 renew once at least, and with each further login at the most.
    const { renewed } = server.counts;
    assert.ok(renewed >= 40 && renewed <= 20 * logins, `${renewed} renewals, ${logins} logins`);
  });
});
