/** k6's own options hold for the engine's connections as they do for k6's. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { startServer } from "../../server/server.ts";
import { accept, CLOSE, close, frame, rawServer } from "../raw-server.ts";
import { runSocket, runSwarm } from "./run.ts";

const ONE = { connections: 4, holdMs: 100, timeouts: { closeMs: 300 } };
const HOST = "realtime.example";

const portOf = (url: string): string => new URL(url).port;

/** A server that accepts, and says from where and what it was asked. `closes`: each connection at once. */
async function listener(t: TestContext, { closes = false, host = "127.0.0.1" } = {}) {
  const peers: string[] = [];
  const requests: string[] = [];
  const url = await rawServer(
    t,
    (socket, request) => {
      peers.push(socket.remoteAddress ?? "");
      requests.push(request);
      socket.write(accept(request));
      if (closes) socket.end(frame(CLOSE, close(1000, "")));
    },
    host,
  );
  return { url, peers, requests };
}

/** Options that forbid a connection. */
const BLOCKED = [
  ["blacklistIPs, of an address", { blacklistIPs: ["127.0.0.0/8"] }, "ws://127.0.0.1:9/"],
  [
    "blacklistIPs, of what a name resolves to",
    { blacklistIPs: ["127.0.0.0/8"], hosts: { [HOST]: "127.0.0.1" } },
    `ws://${HOST}:9/`,
  ],
  ["blockHostnames", { blockHostnames: ["*.example"] }, `ws://${HOST}:9/`],
] as const;

describe("of a Swarm", () => {
  test("hosts: a name goes to the address and port given, its Host header stays", async (t) => {
    const { url, requests } = await listener(t);
    const { code, counts, stderr } = await runSwarm(
      t,
      { ...ONE, servers: [`ws://${HOST}:81/x`] },
      { options: { hosts: { [`${HOST}:81`]: `127.0.0.1:${portOf(url)}` } } },
    );
    assert.equal(code, 0, stderr);
    assert.equal(counts.get("ws_sessions_opened"), 4);
    assert.match(requests[0]!, /^GET \/x HTTP\/1\.1\r\nHost: realtime\.example:81\r\n/);
  });

  test("hosts: without a port, the URL's stays", async (t) => {
    const { url } = await listener(t);
    const { counts } = await runSwarm(
      t,
      { ...ONE, servers: [`ws://${HOST}:${portOf(url)}/`] },
      { options: { hosts: { [HOST]: "127.0.0.1" } } },
    );
    assert.equal(counts.get("ws_sessions_opened"), 4);
  });

  test("hosts: an address goes elsewhere too, its Host header stays", async (t) => {
    const { url, requests } = await listener(t);
    const { counts, stderr } = await runSwarm(
      t,
      { ...ONE, servers: ["ws://192.0.2.1:81/"] },
      { options: { hosts: { "192.0.2.1": `127.0.0.1:${portOf(url)}` } } },
    );
    assert.equal(counts.get("ws_sessions_opened"), 4, stderr);
    assert.match(requests[0]!, /\r\nHost: 192\.0\.2\.1:81\r\n/);
  });

  test("localhost that is only ::1 is found, unless dns says IPv4 alone", async (t) => {
    const { url } = await listener(t, { host: "::1" });
    const servers = [`ws://localhost:${portOf(url)}/`];
    const found = await runSwarm(t, { ...ONE, servers });
    assert.equal(found.counts.get("ws_sessions_opened"), 4, found.stderr);
    const options = { dns: { policy: "onlyIPv4" } };
    const refused = await runSwarm(t, { ...ONE, servers }, { options });
    assert.equal(refused.counts.get("ws_connect_failures{reason:refused}"), 4, refused.stderr);
  });

  for (const [option, options, server] of BLOCKED) {
    test(`${option}: blocked, and counted as that`, async (t) => {
      const { code, counts, stderr } = await runSwarm(t, { ...ONE, servers: [server] }, { options });
      assert.equal(code, 0, stderr);
      assert.equal(counts.get("ws_connect_failures{reason:blocked}"), 4, stderr);
    });
  }

  test("--local-ips: connections come from each address in turn", {
    skip: process.platform !== "linux",
  }, async (t) => {
    const { url, peers } = await listener(t);
    await runSwarm(t, { ...ONE, servers: [url] }, { args: ["--local-ips", "127.0.0.3-127.0.0.4"] });
    assert.deepEqual(peers.sort(), ["127.0.0.3", "127.0.0.3", "127.0.0.4", "127.0.0.4"]);
  });

  test("sources come before --local-ips", { skip: process.platform !== "linux" }, async (t) => {
    const { url, peers } = await listener(t);
    await runSwarm(
      t,
      { ...ONE, servers: [url], sources: ["127.0.0.7"] },
      { args: ["--local-ips", "127.0.0.3"] },
    );
    assert.deepEqual(new Set(peers), new Set(["127.0.0.7"]));
  });

  async function secureServer(t: TestContext) {
    const server = await startServer({ tls: true });
    t.after(() => server.close());
    return `${server.url}/ws/chat?token=test-token`;
  }

  test("a certificate that nobody signed: tls", async (t) => {
    const { counts, stderr } = await runSwarm(t, { ...ONE, servers: [await secureServer(t)] });
    assert.equal(counts.get("ws_connect_failures{reason:tls}"), 4, stderr);
  });

  test("insecureSkipTLSVerify: it is taken, and the TLS phase is measured", async (t) => {
    const { counts, distributions, stderr } = await runSwarm(
      t,
      { ...ONE, servers: [await secureServer(t)] },
      { options: { insecureSkipTLSVerify: true } },
    );
    assert.equal(counts.get("ws_sessions_opened"), 4, stderr);
    const tls = distributions.find(({ tags }) => tags.phase === "tls");
    assert.equal(tls?.count, 4);
    assert.ok(tls.min > 0);
  });

  test("tags of the test are on every sample, and bytes are counted both ways", async (t) => {
    const { url } = await listener(t);
    const { values, counts } = await runSwarm(
      t,
      { ...ONE, servers: [url] },
      {
        options: { tags: { build: "17" }, thresholds: { "ws_connect_latency_ms{build:17}": ["max>=0"] } },
      },
    );
    assert.equal(values["ws_connect_latency_ms{build:17}"]?.count, 4);
    for (const name of ["data_sent", "data_received"]) {
      assert.ok((counts.get(name) ?? 0) > 4 * 100, `${name}: ${counts.get(name)}`);
    }
    assert.equal(counts.get("ws_sessions"), 4, "k6's own count of sessions");
    assert.equal(values.ws_session_duration?.count, 4);
    assert.ok(values.ws_session_duration.min! >= 99, "k6's own session duration, in milliseconds");
  });
});

describe("of a WebSocket", () => {
  const ACCEPTED = ["open", "close 1000 server"];

  test("hosts: a name goes to the address and port given, its Host header stays", async (t) => {
    const { url, requests } = await listener(t, { closes: true });
    const options = { hosts: { [`${HOST}:81`]: `127.0.0.1:${portOf(url)}` } };
    const { heard, stderr } = await runSocket(t, { url: `ws://${HOST}:81/x?y=1`, options, act: "" });
    assert.deepEqual(heard, [ACCEPTED], stderr);
    assert.match(requests[0] ?? "", /^GET \/x\?y=1 HTTP\/1\.1\r\nHost: realtime\.example:81\r\n/);
  });

  test("hosts: an address goes elsewhere too", async (t) => {
    const { url, requests } = await listener(t, { closes: true });
    const options = { hosts: { "192.0.2.1:81": `127.0.0.1:${portOf(url)}` } };
    const { heard, stderr } = await runSocket(t, { url: "ws://192.0.2.1:81/", options, act: "" });
    assert.deepEqual(heard, [ACCEPTED], stderr);
    assert.match(requests[0] ?? "", /\r\nHost: 192\.0\.2\.1:81\r\n/);
  });

  test("localhost that is only ::1 is found", async (t) => {
    const { url } = await listener(t, { closes: true, host: "::1" });
    const { heard, stderr } = await runSocket(t, { url: `ws://localhost:${portOf(url)}/`, act: "" });
    assert.deepEqual(heard, [ACCEPTED], stderr);
  });

  for (const [sentence, options, url] of BLOCKED) {
    test(`${sentence}: blocked, by that name`, async (t) => {
      const { heard, stderr } = await runSocket(t, { url, options });
      assert.deepEqual(heard, [["error blocked", "close 1006 generator"]], stderr);
    });
  }

  test("--local-ips: each virtual user has its address, as with k6's sockets", {
    skip: process.platform !== "linux",
  }, async (t) => {
    const { url, peers } = await listener(t, { closes: true });
    const args = ["--local-ips", "127.0.0.3-127.0.0.4"];
    const { heard, stderr } = await runSocket(t, { url, vus: 3, act: "" }, { args });
    assert.deepEqual(heard, [ACCEPTED, ACCEPTED, ACCEPTED], stderr);
    assert.deepEqual(peers.sort(), ["127.0.0.3", "127.0.0.3", "127.0.0.4"]);
  });

  test("--local-ips: setup(), which is no virtual user's, has the first", {
    skip: process.platform !== "linux",
  }, async (t) => {
    const { url, peers } = await listener(t, { closes: true });
    const args = ["--local-ips", "127.0.0.3-127.0.0.4"];
    const { heard, stderr } = await runSocket(t, { url, act: "", in: "setup" }, { args });
    assert.deepEqual(heard, [ACCEPTED], stderr);
    assert.deepEqual(peers, ["127.0.0.3"]);
  });

  test("tags of the test, of the scenario and of the socket are on every sample of it", async (t) => {
    const { url } = await listener(t, { closes: true });
    const scenario = { executor: "per-vu-iterations", vus: 1, iterations: 1, tags: { part: "one" } };
    const { samples, heard, stderr } = await runSocket(t, {
      url: `${url}?token=s3cr3t`,
      params: { tags: { role: "slow" } },
      options: { tags: { build: "17" }, scenarios: { s: scenario } },
      act: "",
    });
    assert.deepEqual(heard, [ACCEPTED], stderr);
    const own = samples.filter(({ tags }) => tags.role !== undefined);
    assert.ok(!JSON.stringify(samples).includes("s3cr3t"));
    for (const { metric, tags } of own) {
      const { build, part, role, scenario } = tags;
      assert.deepEqual(
        { build, part, role, scenario },
        { build: "17", part: "one", role: "slow", scenario: "s" },
        metric,
      );
    }
    assert.deepEqual(
      new Set(own.map(({ metric }) => metric)),
      new Set([
        "ws_sessions",
        "ws_connecting",
        "ws_tcp_connections",
        "ws_session_duration",
        "data_sent",
        "data_received",
      ]),
    );
  });
});
