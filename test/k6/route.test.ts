/**
 * One route: whoever makes a connection takes the one that k6's own sockets take, or says before the load that it
 * cannot. Real k6s, real proxies, real servers.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { WebSocketServer } from "ws";
import { type RunningServer, startServer } from "../../server/server.ts";
import { selfSignedCertificate } from "../../server/tls.ts";
import { connectProxy, socksProxy } from "../connect-proxy.ts";
import { rawServer } from "../raw-server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { MAKERS, NO_PROXIES } from "./clients.ts";
import { count } from "./figures.ts";
import { OUR_K6, runK6, STOCK_K6 } from "./run.ts";

/** A server, and its URL under a name that nothing but a proxy or k6's hosts resolves. */
async function named(t: TestContext, options: Parameters<typeof startServer>[0] = {}) {
  const server = await startServer(options);
  t.after(() => server.close());
  const url = `${server.url.replace("127.0.0.1", "server.test")}/ws/chat`;
  return { server, url };
}

const opened = (server: RunningServer): number => server.stats().connectionsOpened;

for (const [name, make] of MAKERS) {
  describe(name, { concurrency: 4 }, () => {
    test("goes by the proxy, with every connection and its credentials", async (t) => {
      const { server, url } = await named(t);
      const proxy = await connectProxy(t, { credentials: "us@er:pa:ss" });
      const made = await make(t, url, {
        processEnv: { HTTP_PROXY: `http://us%40er:pa%3Ass@${proxy.address}` },
      });
      assert.equal(made.verdict, "pass", made.said);
      assert.equal(proxy.tunnels(), opened(server));
      assert.ok(opened(server) > 0);
      assert.deepEqual(new Set(proxy.asked), new Set([`CONNECT ${new URL(url).host}`]));
      assert.match(made.said, new RegExp(`http://${proxy.address} \\(HTTP_PROXY\\)`));
      assert.doesNotMatch(made.said, /pa:ss|pa%3Ass/);
    });

    test("goes by the proxy of HTTPS_PROXY, under TLS", async (t) => {
      const certificate = await selfSignedCertificate();
      const server = await startServer({ tls: certificate });
      t.after(() => server.close());
      const proxy = await connectProxy(t);
      const file = join(await temporaryDirectory(t), "ca.pem");
      await writeFile(file, certificate.cert);
      // The certificate has no name that goes by a proxy.
      const url = `${server.url.replace("127.0.0.1", "server.test")}/ws/chat`;
      const made = await make(t, url, {
        processEnv: { HTTPS_PROXY: proxy.address, HTTP_PROXY: "http://127.0.0.1:1", SSL_CERT_FILE: file },
        config: { insecureSkipTLSVerify: true },
      });
      assert.equal(made.verdict, "pass", made.said);
      // k6 asks for things of its own by HTTPS.
      const asked = proxy.asked.filter((line) => line === `CONNECT ${new URL(url).host}`);
      assert.equal(asked.length, opened(server), proxy.asked.join());
    });

    test("goes by a SOCKS proxy, with every connection and its credentials", async (t) => {
      const { server, url } = await named(t);
      const proxy = await socksProxy(t, { credentials: "us@er:pa:ss" });
      const made = await make(t, url, {
        processEnv: { HTTP_PROXY: `socks5://us%40er:pa%3Ass@${proxy.address}` },
      });
      assert.equal(made.verdict, "pass", made.said);
      assert.equal(proxy.tunnels(), opened(server));
      assert.deepEqual(new Set(proxy.asked), new Set([new URL(url).host]));
    });

    test("never puts a SOCKS proxy that takes no credentials down to the server", async (t) => {
      const { server, url } = await named(t);
      const proxy = await socksProxy(t, { credentials: "user:right" });
      const made = await make(t, url, { processEnv: { HTTP_PROXY: `socks5://user:wrong@${proxy.address}` } });
      assert.equal(made.verdict, "incomplete", made.said);
      assert.ok(made.failures("proxy_407") > 0, made.said);
      assert.equal(opened(server), 0);
    });

    const faults: [sentence: string, reason: string, says: RegExp, env: (address: string) => string][] = [
      ["without credentials", "proxy_407", /credentials|407/, (address) => `http://${address}`],
      ["with a wrong password", "proxy_407", /credentials|407/, (address) => `http://user:wrong@${address}`],
      ["that is not there", "proxy_refused", /proxy/, () => "http://127.0.0.1:1"],
      ["without an address", "proxy_dns", /proxy/, () => "http://no-such-proxy.invalid:3128"],
    ];
    for (const [sentence, reason, says, proxyUrl] of faults) {
      test(`never puts a proxy ${sentence} down to the server`, async (t) => {
        const { server, url } = await named(t);
        const proxy = await connectProxy(t, { credentials: "user:right" });
        const made = await make(t, url, { processEnv: { HTTP_PROXY: proxyUrl(proxy.address) } });
        assert.equal(made.verdict, "incomplete", made.said);
        assert.ok(made.failures(reason) > 0, made.said);
        assert.match(made.reason, says);
        assert.doesNotMatch(made.reason, /the server took no/);
        assert.equal(opened(server), 0);
        assert.doesNotMatch(made.said, /wrong@|:wrong/);
      });
    }

    test("never puts a login page in place of a tunnel down to the server", async (t) => {
      const { server, url } = await named(t);
      const portal = await rawServer(t, (socket) => {
        socket.end("HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n<html>login</html>");
      });
      const made = await make(t, url, { processEnv: { HTTP_PROXY: new URL(portal).host } });
      assert.equal(made.verdict, "incomplete", made.said);
      // Stock k6 throws the page away, and sees that the connection ends.
      assert.ok(made.failures("proxy_rejected") + made.failures("proxy_closed") > 0, made.said);
      assert.equal(opened(server), 0);
    });

    test("never puts a proxy that does not answer down to the server", async (t) => {
      const { server, url } = await named(t);
      const silent = await rawServer(t, () => {});
      const made = await make(t, url, {
        processEnv: { HTTP_PROXY: new URL(silent).host },
        env: { CONNECT_TIMEOUT: "1s" },
      });
      assert.equal(made.verdict, "incomplete", made.said);
      assert.ok(made.failures("proxy_timeout") > 0, made.said);
      assert.equal(opened(server), 0);
    });

    test("goes straight where NO_PROXY says so", async (t) => {
      const { server, url } = await named(t);
      const made = await make(t, url, {
        processEnv: { http_proxy: "http://127.0.0.1:1", no_proxy: ".test" },
        config: { hosts: { "server.test": "127.0.0.1" } },
      });
      assert.equal(made.verdict, "pass", made.said);
      assert.ok(opened(server) > 0);
    });

    test("refuses a proxy that it cannot use by the variable's name, and sends nothing", async (t) => {
      const { server, url } = await named(t);
      const made = await make(t, url, { processEnv: { HTTP_PROXY: "https://user:secret@127.0.0.1:1" } });
      assert.equal(made.verdict, undefined, made.said);
      assert.match(made.said, /HTTP_PROXY: expected an http:\/\/ or socks5:\/\/ proxy, got https:\/\//);
      assert.doesNotMatch(made.said, /secret/);
      assert.equal(opened(server), 0);
    });

    test("goes where CONNECT_TO says, under the URL's own name", async (t) => {
      const hosts = new Set<string | undefined>();
      const server = createServer();
      const sockets = new WebSocketServer({ server });
      sockets.on("connection", (socket, request) => {
        hosts.add(request.headers.host);
        socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      t.after(() => {
        for (const client of sockets.clients) client.terminate();
        server.close();
      });
      const { port } = server.address() as AddressInfo;
      const made = await make(t, "ws://chat.example:81/", {
        env: { PROTOCOL: "echo", CONNECT_TO: `chat.example:81:127.0.0.1:${port}` },
      });
      assert.equal(made.verdict, "pass", made.said);
      assert.deepEqual([...hosts], ["chat.example:81"]);
    });

    test("refuses a CONNECT_TO that speaks of no endpoint", async (t) => {
      const { server, url } = await named(t);
      const made = await make(t, url, { env: { CONNECT_TO: "other.test:81:127.0.0.1:82" } });
      assert.equal(made.verdict, undefined, made.said);
      assert.match(
        made.said,
        /CONNECT_TO: expected entries for server\.test:\d+, got one for other\.test:81/,
      );
      assert.equal(opened(server), 0);
    });

    test("takes hosts from k6's configuration file, to an address of IPv6 too", async (t) => {
      const { server, url } = await named(t, { host: "::1" });
      const made = await make(t, url.replace("[::1]", "server.test"), {
        config: { hosts: { "*.test": `[::1]:${new URL(url).port}` } },
      });
      assert.equal(made.verdict, "pass", made.said);
      assert.ok(opened(server) > 0);
    });

    test("takes a URL with an address of IPv6", async (t) => {
      const { server, url } = await named(t, { host: "::1" });
      assert.match(url, /\[::1\]/);
      const made = await make(t, url);
      assert.equal(made.verdict, "pass", made.said);
      assert.ok(opened(server) > 0);
    });
  });
}

describe("localhost that is only ::1", () => {
  for (const [name, make] of MAKERS.slice(1)) {
    test(`${name}: is found`, async (t) => {
      const { server, url } = await named(t, { host: "::1" });
      const made = await make(t, url.replace("[::1]", "localhost"));
      assert.equal(made.verdict, "pass", made.said);
      assert.ok(opened(server) > 0);
    });
  }

  test("stock sockets, which try one address of a name, say what to do", async (t) => {
    const { url } = await named(t, { host: "::1" });
    const [, make] = MAKERS[0]!;
    const made = await make(t, url.replace("[::1]", "localhost"));
    assert.equal(made.verdict, "incomplete", made.said);
    assert.match(made.said, /one, 127\.0\.0\.1 here: K6_DNS=policy=preferIPv6/);
  });
});

test("handshake, which asks by plain HTTP, too, has no proxy answer for the server", async (t) => {
  const { server, url } = await named(t);
  const { stderr } = await runK6(t, {
    scenario: "handshake",
    env: { WS_URL: url },
    processEnv: { ...NO_PROXIES, HTTP_PROXY: "http://127.0.0.1:1" },
  });
  assert.match(stderr, /HTTP_PROXY: expected no proxy to server\.test for this scenario/);
  assert.equal(opened(server), 0);
});

test("massconnect: 2,000 connections, all of them by the proxy", async (t) => {
  const { server, url } = await named(t);
  const proxy = await connectProxy(t, { credentials: "user:pass" });
  const { summary, stderr } = await runK6(t, {
    scenario: "massconnect",
    k6: OUR_K6,
    env: { WS_URL: url, CONNECTIONS: 2_000, RATE: 1_000, DURATION: "1s" },
    processEnv: { ...NO_PROXIES, HTTP_PROXY: `http://user:pass@${proxy.address}` },
  });
  assert.equal(summary?.verdict, "pass", stderr);
  assert.equal(count(summary, "ws_sessions_opened"), 2_000);
  assert.equal(proxy.tunnels(), 2_001, "the set-up's, and one for each");
  assert.equal(opened(server), 2_001);
  const phases = summary.metrics.ws_connect_phase_ms?.by?.phase ?? {};
  assert.ok(phases.proxy?.kind === "trend" && phases.proxy.count === 2_000 && phases.proxy.min! > 0);
});

describe("a proxy that refuses after the set-up", () => {
  for (const [name, make] of MAKERS.slice(0, 4)) {
    test(`${name}: incomplete, by the proxy`, async (t) => {
      const { url } = await named(t);
      const proxy = await connectProxy(t, {
        refuse: (tunnels) => (tunnels === 0 ? undefined : "503 Service Unavailable"),
      });
      const made = await make(t, url, {
        processEnv: { HTTP_PROXY: `http://${proxy.address}` },
        ...(/^mass/.test(name) && { env: { RETRIES: "1", REACH_TIMEOUT: "5s" } }),
      });
      assert.equal(made.verdict, "incomplete", made.said);
      assert.match(made.reason, /the proxy was overloaded, .*\(proxy_503\)/);
      assert.ok(made.failures("proxy_503") > 0);
    });
  }
});

describe("a connection that ends in a proxy's open tunnel", { concurrency: 3 }, () => {
  for (const [scenario, k6] of [
    ["chat-soak", STOCK_K6],
    ["x/chat-soak", OUR_K6],
    ["mass-soak", OUR_K6],
  ] as const) {
    test(`${scenario}: counts as a drop, and a note names the proxy and the server`, async (t) => {
      const { server, url } = await named(t);
      let cuts = 0;
      // After the check's: an upgrade and some messages of one connection.
      const cut = (tunnel: number, pieces: number) => tunnel === 1 && pieces === 4 && ++cuts > 0;
      const proxy = await connectProxy(t, { cut });
      const { summary, stderr } = await runK6(t, {
        scenario,
        k6,
        env: {
          ...{ WS_URL: url, CONNECTIONS: 3, PROBE_INTERVAL: "200ms", REPLY_TIMEOUT: "4s", DURATION: "5s" },
          ...(scenario !== "mass-soak" && { RAMP: "0s", RAMP_DOWN: "0s", SESSION: "20s" }),
        },
        processEnv: { ...NO_PROXIES, HTTP_PROXY: `http://${proxy.address}` },
      });
      assert.equal(cuts, 1);
      assert.ok(opened(server) > 1);
      assert.ok(summary, stderr);
      assert.equal(count(summary, "ws_connection_drops{by:network}"), 1, stderr);
      const shown = `http://${proxy.address} (HTTP_PROXY)`;
      assert.deepEqual(summary.tested?.proxies, [shown]);
      assert.equal(summary.tested.profile, "patient-profile.json", "a file by its name");
      assert.deepEqual(
        summary.notes?.filter((note) => note.includes("proxy")),
        [
          `connections went through the proxy ${shown}; 1 ended without a Close frame: the proxy or the server ended it`,
        ],
      );
    });
  }
});
