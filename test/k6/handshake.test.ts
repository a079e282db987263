/** The answers to handshakes: right on the right server, found and named on one with just that fault. Each row is one run of stock k6. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createSecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type Duplex, PassThrough } from "node:stream";
import { describe, type TestContext, test } from "node:test";
import { WebSocketServer } from "ws";
import { main } from "../../cli/main.ts";
import { HANDSHAKE_CASES, STREAM_CASES } from "../../lib/handshake.ts";
import type { Summary } from "../../lib/summary/summary.ts";
import { type FaultSettings, type ServerOptions, signToken, startServer } from "../../server/server.ts";
import { selfSignedCertificate } from "../../server/tls.ts";
import { connectProxy } from "../connect-proxy.ts";
import { accept, rawServer } from "../raw-server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { NO_PROXIES } from "./clients.ts";
import { count } from "./figures.ts";
import { OUR_K6, runK6 } from "./run.ts";

const SECRET = "a key of tests";

interface HandshakeRow {
  readonly env?: Readonly<Record<string, string | number>>;
  readonly faults?: FaultSettings;
  readonly options?: Partial<ServerOptions>;
  /** The one case that comes out wrong, how, and what came; absent: none does. */
  readonly wrong?: readonly [name: string, outcome: string, got: string];
}

const overlooks = (
  what: NonNullable<FaultSettings["overlook"]>["what"],
  wrong: HandshakeRow["wrong"],
  ...ordinals: number[]
): HandshakeRow => ({
  faults: { overlook: { what, ...(ordinals.length > 0 && { ordinals }) } },
  ...(wrong && { wrong }),
});

const OWN_CASES = JSON.stringify({
  builtIn: false,
  cases: [
    { name: "plain", expect: { status: [101] } },
    {
      name: "old",
      headers: { "Sec-WebSocket-Version": "8" },
      expect: { status: [426], headers: { Upgrade: "h2c" } },
    },
  ],
});

const handshakes: Record<string, HandshakeRow> = {
  "a server that answers as RFC 6455 says": {},
  "one that lets in who has no token": overlooks("missing-token", ["no-token", "accepted", "101"]),
  "one that lets in any token": overlooks("invalid-token", ["wrong-token", "accepted", "101"]),
  "one that lets in an expired token": overlooks("expired-token", ["expired-token", "accepted", "101"]),
  "one that ignores the Origin": overlooks("origin", ["wrong-origin", "accepted", "101"]),
  "one that takes any version": overlooks("version", ["wrong-version", "accepted", "101"], 1),
  "one that takes no version": overlooks("version", ["no-version", "accepted", "101"], 2),
  "one that needs no Upgrade header": overlooks(
    "no-upgrade",
    ["no-upgrade-header", "wrong_status", "200"],
    1,
  ),
  "one that needs no Connection header": overlooks(
    "no-upgrade",
    ["no-connection-header", "wrong_status", "200"],
    2,
  ),
  "one that answers a plain GET": overlooks("no-upgrade", ["plain-get", "wrong_status", "200"], 3),
  "one that needs no key": overlooks("key", ["no-key", "accepted", "101"], 1),
  "one that takes any key": overlooks("key", ["bad-key", "accepted", "101"], 2),
  "one that agrees to any subprotocol": overlooks("subprotocol", [
    "unknown-subprotocol",
    "wrong_header",
    "101",
  ]),
  "one that takes a URL of any length": {
    options: { maxHeaderBytes: 65_536 },
    wrong: ["too-long-url", "accepted", "101"],
  },
  "one that refuses who has a token": {
    faults: { refuseUpgrades: { ordinals: [2], status: 503 } },
    wrong: ["as-it-should-be", "refused", "503"],
  },
  "one that fails instead of refusing": {
    faults: { refuseUpgrades: { ordinals: [3], status: 500 } },
    wrong: ["no-token", "wrong_status", "500"],
  },
  "one that leaves who has no token waiting": {
    faults: { neverUpgrade: { ordinals: [3] } },
    env: { CONNECT_TIMEOUT: "2s" },
    wrong: ["no-token", "unanswered", "no HTTP answer"],
  },
};

const streams: Record<string, HandshakeRow> = {
  "a server that answers as it should": {},
  "one that streams to who has no token": overlooks("missing-token", ["no-token", "accepted", "200"]),
  "one that streams to any token": overlooks("invalid-token", ["wrong-token", "accepted", "200"]),
  "one that streams to an expired token": overlooks("expired-token", ["expired-token", "accepted", "200"]),
  "one whose streams have no type": {
    faults: { mistypeStreams: { type: "text/plain", ordinals: [2] } },
    wrong: ["as-it-should-be", "wrong_header", "200"],
  },
  "one that refuses who has a token": {
    faults: { refuseStreams: { ordinals: [2], status: 204 } },
    wrong: ["as-it-should-be", "refused", "204"],
  },
  "one that fails on an identifier it never gave": {
    faults: { refuseStreams: { ordinals: [4], status: 500 } },
    wrong: ["unknown-last-event-id", "wrong_status", "500"],
  },
  "one that takes a URL of any length": {
    options: { maxHeaderBytes: 65_536 },
    wrong: ["too-long-url", "accepted", "200"],
  },
};

describe("handshake of event streams", { concurrency: 4 }, () => {
  for (const [sentence, row] of Object.entries(streams)) {
    test(sentence, async (t) => {
      const { run, said } = await shakeHands(t, row, undefined, true);
      const { summary } = run;
      const [wrong, outcome, got] = row.wrong ?? [];
      const cases = STREAM_CASES.length;
      assert.equal(count(summary, "ws_outcomes"), cases, said);
      assert.equal(count(summary, "ws_outcomes{outcome:as_specified}"), cases - (wrong ? 1 : 0), said);
      assert.deepEqual([run.code, summary.verdict], wrong ? [99, "fail"] : [0, "pass"], said);
      if (wrong === undefined) return;
      assert.equal(summary.reason, `0 outcomes with case ${wrong} and outcome as_specified (expected 1)`);
      assert.equal(count(summary, `ws_outcomes{outcome:${outcome}}`), 1, said);
      assert.ok(
        summary.notes!.some((note) => note.startsWith(`${wrong}: got ${got}, expected `)),
        said,
      );
    });
  }

  test("a page of another origin that may read the stream is found, although it is open to all", async (t) => {
    const cors = createServer((request, response) => {
      response.writeHead(request.url === "/events" ? 200 : 404, {
        "content-type": "text/event-stream",
        "access-control-allow-origin": request.headers.origin ?? "",
      });
      response.flushHeaders();
    });
    await once(cors.listen(0, "127.0.0.1"), "listening");
    t.after(() => cors.close().closeAllConnections());
    const { port } = cors.address() as AddressInfo;
    const { summary, stderr } = await runK6(t, {
      scenario: "x/handshake",
      k6: OUR_K6,
      env: {
        PROFILE: "",
        WS_TOKEN: "",
        ORIGIN: "https://our.example",
        SSE_URL: `http://127.0.0.1:${port}/events`,
      },
    });
    assert.ok(summary, stderr);
    assert.match(
      summary.notes!.join("\n"),
      /wrong-origin: got 200, expected 200 or 400 or 401 or 403 without Access-Control-Allow-Origin/,
    );
    assert.equal(count(summary, "ws_outcomes{outcome:wrong_header}"), 1);
    assert.match(summary.notes!.join("\n"), /wrong-path: got 404/);
    assert.match(summary.notes!.join("\n"), /no-token: not tried without WS_TOKEN/);
  });
});

describe("handshake", { concurrency: 4 }, () => {
  for (const [sentence, row] of Object.entries(handshakes)) {
    test(sentence, async (t) => {
      const { run, said } = await shakeHands(t, row);
      const { summary } = run;
      const names = HANDSHAKE_CASES.map(({ name }) => name);
      const [wrong, outcome, got] = row.wrong ?? [];
      assert.equal(count(summary, "ws_outcomes"), names.length, said);
      assert.equal(
        count(summary, "ws_outcomes{outcome:as_specified}"),
        names.length - (wrong === undefined ? 0 : 1),
        said,
      );
      assert.equal(summary.notes!.length, names.length, "a row for each case");
      if (wrong === undefined) {
        assert.deepEqual([run.code, summary.verdict], [0, "pass"], said);
        return;
      }
      assert.deepEqual(
        [run.code, summary.verdict, summary.reason],
        [99, "fail", `0 outcomes with case ${wrong} and outcome as_specified (expected 1)`],
        said,
      );
      assert.equal(count(summary, `ws_outcomes{outcome:${outcome}}`), 1, said);
      assert.ok(
        summary.notes!.some((note) => note.startsWith(`${wrong}: got ${got}, expected `)),
        said,
      );
    });
  }

  test("a user's own cases, in the place of the toolkit's", async (t) => {
    const { run, said } = await shakeHands(t, {}, OWN_CASES);
    assert.deepEqual(
      run.summary.notes,
      ["plain: got 101, expected 101", "old: got 426, expected 426 with Upgrade: h2c"],
      said,
    );
    assert.equal(run.summary.reason, "0 outcomes with case old and outcome as_specified (expected 1)");
    assert.equal(count(run.summary, "ws_outcomes{outcome:wrong_header}"), 1, said);
  });

  test("what it lacks to try a case, it says", async (t) => {
    const { run, said } = await shakeHands(t, { env: { EXPIRED_TOKEN: "", ORIGIN: "" } });
    assert.equal(run.summary.verdict, "pass", said);
    assert.deepEqual(
      run.summary.notes!.filter((note) => note.includes("not tried")),
      ["expired-token: not tried without EXPIRED_TOKEN", "wrong-origin: not tried without ORIGIN"],
    );
  });

  test("a wrong case is named with what was expected of it", async (t) => {
    const cases = JSON.stringify({ cases: [{ name: "mine", expect: { status: ["401"] } }] });
    const { run } = await shakeHands(t, {}, cases);
    assert.equal(run.summary, undefined);
    assert.match(run.stderr, /cases\.0\.expect\.status\.0: expected a status, got \\"401\\"/);
  });
});

describe("handshake behind a proxy that fails in mid-run", { concurrency: 3 }, () => {
  const refusals: [line: string, reason: string][] = [
    ["407 Proxy Authentication Required", "proxy_407"],
    ["503 Service Unavailable", "proxy_503"],
  ];
  for (const [scenario, k6] of [
    ["handshake", undefined],
    ["x/handshake", OUR_K6],
  ] as const) {
    for (const [line, reason] of refusals) {
      test(`${scenario}: ${line} is the proxy's answer`, async (t) => {
        const server = await startServer({
          tls: await selfSignedCertificate(),
          secret: SECRET,
          origins: ["https://our.example"],
        });
        t.after(() => server.close());
        // The check's tunnel and the first case's are opened.
        const proxy = await connectProxy(t, { refuse: (tunnel) => (tunnel < 2 ? undefined : line) });
        const named = (url: string) => url.replace("127.0.0.1", "server.test");
        const { summary, stderr } = await runK6(t, {
          scenario,
          ...(k6 && { k6 }),
          env: {
            PROFILE: "",
            ...(k6
              ? { SSE_URL: `${named(server.httpUrl)}/sse/rooms/lobby` }
              : { WS_URL: `${named(server.url)}/ws/chat` }),
            ORIGIN: "https://our.example",
            WS_TOKEN: signToken("ann", 600, SECRET),
          },
          processEnv: { ...NO_PROXIES, HTTPS_PROXY: `http://${proxy.address}` },
          args: ["--insecure-skip-tls-verify"],
        });
        const said = `${summary?.notes?.join("\n")}\n${summary?.reason}\n${stderr}`;
        assert.equal(summary?.verdict, "incomplete", said);
        assert.match(summary!.reason, new RegExp(`^the proxy .*\\(${reason}\\)`), said);
        const [first, ...others] = summary!.notes!.filter((note) => /: (got|nothing)/.test(note));
        assert.match(first!, /^as-it-should-be: got (101|200), /, said);
        assert.ok(others.length > 5, said);
        for (const note of others) assert.match(note, /: got nothing from the server: the proxy/, said);
        assert.equal(count(summary!, `ws_connect_failures{reason:${reason}}`), others.length, said);
        assert.equal(count(summary!, "ws_outcomes"), 1, said);
        assert.equal(proxy.tunnels(), 2);
      });
    }
  }
});

describe("handshake: a case that was not tried is no answer", () => {
  /** Offers HTTP/2 first, as most servers and proxies do; takes upgrades over HTTP/1.1. */
  async function http2Server(t: TestContext): Promise<string> {
    const server = createSecureServer(
      { ...(await selfSignedCertificate()), allowHTTP1: true },
      (_, response) => {
        response.writeHead(400).end();
      },
    );
    const sockets = new WebSocketServer({ noServer: true });
    const open = new Set<Duplex>();
    server.on("upgrade", (request, socket, head) => sockets.handleUpgrade(request, socket, head, () => {}));
    server.on("secureConnection", (socket) => {
      open.add(socket.on("error", () => {}));
    });
    t.after(() => {
      for (const socket of open) socket.destroy();
      server.close();
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    return `wss://localhost:${(server.address() as AddressInfo).port}`;
  }
  const trusting = { args: ["--insecure-skip-tls-verify"] };
  const notTried = (notes: readonly string[] = []) =>
    notes.filter((note) => note.includes("since k6 took HTTP/2"));

  test("k6 took HTTP/2: incomplete, and said of each case", async (t) => {
    const env = { PROFILE: "", WS_URL: await http2Server(t), ORIGIN: "https://our.example" };
    const { summary, stderr } = await runK6(t, { scenario: "handshake", env, ...trusting });
    assert.equal(summary?.verdict, "incomplete", stderr);
    assert.match(summary.reason, /^k6 took HTTP\/2 for .* run it with GODEBUG=http2client=0$/);
    // Go's client takes HTTP/1.1 for a request that has both headers.
    assert.deepEqual(
      notTried(summary.notes).map((note) => note.split(":")[0]),
      ["no-upgrade-header", "no-connection-header"],
    );
    assert.equal(notTried(summary.notes).length, count(summary, "ws_connect_failures{reason:http2}"));
  });

  test("the command line has it take HTTP/1.1", async (t) => {
    const [out, results] = [new PassThrough().resume(), await temporaryDirectory(t)];
    const WS_URL = await http2Server(t);
    const env = { ...process.env, ORIGIN: "https://our.example", GODEBUG: "madvdontneed=1" };
    const argv = [
      "run",
      "handshake",
      "--url",
      WS_URL,
      "--results",
      results,
      "--",
      "--insecure-skip-tls-verify",
    ];
    await main(argv, { out, err: out, cwd: results, env, signal: AbortSignal.any([]) });
    const summary = JSON.parse(await readFile(join(results, "handshake.summary.json"), "utf8")) as Summary;
    assert.deepEqual(notTried(summary.notes), []);
    assert.equal(count(summary, "ws_connect_failures{reason:http2}"), 0);
    assert.ok(count(summary, "ws_outcomes") > 5);
  });

  test("the run ended before", async (t) => {
    let requests = 0;
    let interrupt = () => {};
    const WS_URL = await rawServer(t, (socket, request) => {
      // The set-up's and the first case are answered.
      if (++requests <= 2) socket.write(accept(request));
      else interrupt();
    });
    const { summary, stderr } = await runK6(t, {
      scenario: "handshake",
      env: { PROFILE: "", WS_URL },
      onStart: (k6) => {
        interrupt = () => k6.kill("SIGINT");
      },
    });
    assert.equal(summary?.verdict, "incomplete", stderr);
    const ended =
      summary.notes?.filter((note) => note.includes("not tried, since the run ended first")) ?? [];
    assert.ok(ended.length > 5, summary.notes?.join("\n"));
  });
});

async function shakeHands(
  t: TestContext,
  { env, faults = {}, options }: HandshakeRow,
  cases?: string,
  isStream = false,
) {
  const server = await startServer({ faults, secret: SECRET, origins: ["https://our.example"], ...options });
  t.after(() => server.close());
  const file = join(await temporaryDirectory(t), "cases.json");
  if (cases !== undefined) await writeFile(file, cases);
  const run = await runK6(t, {
    ...(isStream ? { scenario: "x/handshake", k6: OUR_K6 } : { scenario: "handshake" }),
    env: {
      PROFILE: "",
      ...(isStream ? { SSE_URL: `${server.httpUrl}/sse/rooms/lobby` } : { WS_URL: `${server.url}/ws/chat` }),
      ORIGIN: "https://our.example",
      EXPIRED_TOKEN: signToken("ann", -60, SECRET),
      ...(cases !== undefined && { CASES_FILE: file }),
      ...env,
    },
  });
  assert.ok(run.code !== 0 || run.summary, run.stderr);
  const said = `${run.summary?.notes?.join("\n")}\n${run.summary?.reason}\n${run.stderr}`;
  return { run: run as typeof run & { summary: Summary }, said };
}
