/** What is known of the route to a server before there is a connection. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseConnectTo } from "../../lib/connect-to.ts";
import { connectReason } from "../../lib/reasons.ts";
import { describeFailure, hostsOption, proxiesOf, requireNoForwarding } from "../../lib/route.ts";

const connectTo = (text: string) => {
  const CONNECT_TO = parseConnectTo(text);
  assert.ok(CONNECT_TO, text);
  return { CONNECT_TO };
};

describe("CONNECT_TO is k6's option hosts", () => {
  const rows: [sentence: string, text: string, urls: string[], hosts: Record<string, string>][] = [
    ["none", "", ["ws://a.example"], {}],
    [
      "host and port",
      "a.example:80:10.0.0.1:8080",
      ["ws://a.example/x"],
      { "a.example:80": "10.0.0.1:8080" },
    ],
    [
      "case is no difference",
      "A.example:443:10.0.0.1:1",
      ["wss://a.EXAMPLE"],
      { "a.example:443": "10.0.0.1:1" },
    ],
    ["any port of a host", "a.example::10.0.0.1:1", ["ws://a.example:81"], { "a.example:81": "10.0.0.1:1" }],
    ["any host", "::10.0.0.1:", ["ws://a.example:81"], { "a.example:81": "10.0.0.1:81" }],
    ["the URL's own port", "a.example:80:10.0.0.1:", ["ws://a.example"], { "a.example:80": "10.0.0.1:80" }],
    ["to an address of IPv6", "a.example:80:[::1]:81", ["ws://a.example"], { "a.example:80": "[::1]:81" }],
    ["from an address", "10.0.0.2:80:10.0.0.1:81", ["ws://10.0.0.2"], { "10.0.0.2:80": "10.0.0.1:81" }],
    [
      "the first that fits, for each endpoint",
      "a.example:80:10.0.0.1:1,b.example:80:10.0.0.2:2,::10.0.0.3:3",
      ["ws://a.example", "ws://b.example", "ws://c.example"],
      { "a.example:80": "10.0.0.1:1", "b.example:80": "10.0.0.2:2", "c.example:80": "10.0.0.3:3" },
    ],
  ];
  for (const [sentence, text, urls, hosts] of rows) {
    test(sentence, () => assert.deepEqual(hostsOption(urls, connectTo(text), {}), hosts));
  }

  for (const text of [
    "a",
    "a:80",
    "a:80:b.example:81",
    "a:80:10.0.0.1:0",
    "a:x:10.0.0.1:1",
    "a:80:10.0.0.1:1,",
    "a:80:::1:81",
  ]) {
    test(`${text} is none`, () => assert.equal(parseConnectTo(text), undefined));
  }

  const refused: [
    sentence: string,
    text: string,
    url: string,
    env: Record<string, string>,
    message: RegExp,
  ][] = [
    [
      "an entry that speaks of no endpoint",
      "b.example:80:10.0.0.1:1",
      "ws://a.example",
      {},
      /expected entries for a\.example:80, got one for b\.example:80/,
    ],
    [
      "one for another port",
      "a.example:443:10.0.0.1:1",
      "ws://a.example",
      {},
      /for a\.example:80, got one for a\.example:443/,
    ],
    [
      "an endpoint with an address of IPv6, which k6's hosts cannot name",
      "::10.0.0.1:1",
      "ws://[::2]",
      {},
      /got ::2/,
    ],
    [
      "an endpoint behind a proxy",
      "a.example:80:10.0.0.1:1",
      "ws://a.example",
      { HTTP_PROXY: "proxy" },
      /expected no proxy to a\.example, .* got HTTP_PROXY/,
    ],
  ];
  for (const [sentence, text, url, env, message] of refused) {
    test(`${sentence} is refused`, () =>
      assert.throws(() => hostsOption([url], connectTo(text), env), { name: "SettingsError", message }));
  }
});

describe("a proxy that no socket can use", () => {
  const rows: [proxy: string, isUsable: boolean][] = [
    ["http://proxy", true],
    ["proxy:3128", true],
    ["socks5://user:secret@proxy", true],
    ["socks5h://user:secret@proxy", false],
    ["https://user:secret@proxy", false],
    ["not a secret URL", false],
  ];
  for (const [HTTPS_PROXY, isUsable] of rows) {
    test(`${HTTPS_PROXY}: ${isUsable ? "used" : "refused"}`, () => {
      const ask = (...urls: string[]) => hostsOption(urls, { CONNECT_TO: [] }, { HTTPS_PROXY });
      assert.deepEqual(ask("ws://a.example", "wss://127.0.0.1"), {}, "where it is not used");
      if (isUsable) {
        assert.deepEqual(ask("wss://a.example"), {});
        return;
      }
      assert.throws(
        () => ask("wss://a.example"),
        (error: Error) => {
          assert.match(error.message, /^HTTPS_PROXY: expected .*http:\/\/ or socks5:\/\//);
          assert.doesNotMatch(error.message, /secret/);
          return true;
        },
      );
    });
  }

  test("by plain HTTP a proxy answers in the server's place", () => {
    const env = { HTTP_PROXY: "proxy", HTTPS_PROXY: "proxy" };
    assert.throws(
      () => requireNoForwarding("ws://a.example", env),
      /^SettingsError: HTTP_PROXY: expected no proxy to a\.example/,
    );
    requireNoForwarding("wss://a.example", env);
    requireNoForwarding("ws://localhost", env);
  });
});

test("a proxy is shown once, without its credentials", () => {
  const env = { http_proxy: "http://user:secret@[2001:db8::1]:3128" };
  assert.deepEqual(proxiesOf(["ws://a.example", "ws://b.example", "wss://c.example"], env), [
    "http://[2001:db8::1]:3128 (http_proxy)",
  ]);
});

describe("k6's words for what went wrong, behind a proxy and without", () => {
  const rows: [words: string, without: string, behind: string][] = [
    ["Proxy Authentication Required", "other", "proxy_407"],
    ["Forbidden", "other", "proxy_403"],
    ["Gateway Timeout", "timeout", "proxy_504"],
    ["Unlucky", "other", "proxy_rejected"],
    ["dial tcp 127.0.0.1:1: connect: connection refused", "refused", "proxy_refused"],
    ["dial tcp 10.0.0.1:1: connect: no route to host", "unreachable", "proxy_unreachable"],
    ["lookup a.example: no such host", "dns", "proxy_dns"],
    ["dial tcp 10.0.0.1:1: i/o timeout", "timeout", "proxy_timeout"],
    ["unexpected EOF", "reset", "proxy_closed"],
    ['malformed HTTP response "SSH-2.0"', "http_rejected", "proxy_bad_answer"],
    ["proxy: SOCKS5 proxy at a:1 requires authentication", "other", "proxy_407"],
    ["proxy: SOCKS5 proxy at a:1 rejected username/password", "other", "proxy_407"],
    ["proxy: SOCKS5 proxy at a:1 failed to connect: connection forbidden", "other", "proxy_403"],
    ["proxy: SOCKS5 proxy at a:1 failed to connect: connection refused", "refused", "proxy_502"],
    ["proxy: SOCKS5 proxy at a:1 failed to connect: general failure", "other", "proxy_500"],
    ["proxy: SOCKS5 proxy at a:1 failed to connect: command not supported", "other", "proxy_rejected"],
    ["proxy: SOCKS5 proxy at a:1 has unexpected version 72", "other", "proxy_bad_answer"],
    ["proxy: failed to read greeting from SOCKS5 proxy at a:1: EOF", "reset", "proxy_closed"],
    ["proxy: failed to read greeting from SOCKS5 proxy at a:1: i/o timeout", "timeout", "proxy_timeout"],
    ["websocket: bad handshake", "http_rejected", "http_rejected"],
    ["x509: certificate signed by unknown authority", "tls", "tls"],
    ["dial tcp: too many open files", "no_descriptors", "no_descriptors"],
    // The engine's, which knows.
    ["reset", "reset", "reset"],
    ["timeout_upgrade", "timeout_upgrade", "timeout_upgrade"],
    ["proxy_418", "proxy_rejected", "proxy_rejected"],
  ];
  for (const [words, without, behind] of rows) {
    test(words, () => {
      assert.equal(connectReason(words), without);
      assert.equal(connectReason(words, true), behind);
    });
  }
});

test("a failure names whose doing it was", () => {
  const env = { HTTP_PROXY: "user:secret@proxy:3128" };
  assert.equal(
    describeFailure("ws://a.example/?token=x", "proxy_407", "Proxy Authentication Required", env),
    "expected the proxy http://proxy:3128 (HTTP_PROXY) to open a tunnel to a.example:80, got Proxy Authentication Required",
  );
  assert.equal(
    describeFailure("ws://a.example/?token=x", "http_401", "HTTP 401", {}),
    "expected ws://a.example/?… to accept a WebSocket upgrade (101), got HTTP 401",
  );
});
