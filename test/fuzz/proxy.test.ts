/** What the proxy on the way does is never a finding. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { FINDING_FORMAT } from "../../lib/fuzz/finding.ts";
import { connectProxy, type ProxyOptions } from "../connect-proxy.ts";
import { rawServer } from "../raw-server.ts";
import { ACME, startFaulty } from "./faulty-server.ts";
import { fuzzDirectory, runFuzz } from "./run.ts";

/** A server without faults, under a name that only its proxy knows, and how to fuzz it. */
async function proxied(t: TestContext, options: ProxyOptions) {
  const server = await startFaulty(undefined);
  t.after(() => server.close());
  const proxy = await connectProxy(t, options);
  const directory = await fuzzDirectory(t);
  const url = server.url.replace("127.0.0.1", "server.test");
  const bounds = ["--protocol-file", "acme.json", "--time", "10m", "--again", "3", "--rate", "1000"];
  const fuzz = (...more: string[]) =>
    runFuzz(directory, ["--url", url, "--yes-i-may", ...bounds, ...more], undefined, {
      HTTP_PROXY: `http://${proxy.address}`,
    });
  return { fuzz, directory, url, proxy };
}

test("a proxy that refuses in the midst of a run ends it, and the server did nothing", async (t) => {
  const { fuzz } = await proxied(t, {
    refuse: (tunnels) => (tunnels < 60 ? undefined : "502 Bad Gateway"),
  });
  const { code, out } = await fuzz("--only", "text", "--runs", "100", "--seed", "3");
  assert.equal(code, 3, out);
  assert.match(
    out,
    /^Verdict: incomplete, connections were stopped before the server: .*proxy_502: the proxy/m,
  );
  assert.doesNotMatch(out, /FINDING|the server (did not come back|takes no more|no longer serves)/);
});

test("a proxy that cuts connections makes no finding", async (t) => {
  let cuts = 0;
  const { fuzz, directory } = await proxied(t, {
    cut: (tunnel, pieces) => tunnel > 40 && tunnel % 3 === 0 && pieces === 4 && ++cuts > 0,
  });
  const { code, out } = await fuzz("--only", "text", "--runs", "40", "--seed", "3");
  assert.equal(code, 0, out);
  assert.ok(cuts > 3, `${cuts} cuts`);
  const { routes } = JSON.parse(await readFile(join(directory, "fuzz-results/results.json"), "utf8"));
  assert.match(routes[0].notJudged.join(), /ends without a Close: the proxy http:.* may have made them/);
});

test("a proxy that is silent is told as such", async (t) => {
  const silent = new URL(await rawServer(t, () => {})).host;
  const directory = await fuzzDirectory(t);
  const args = ["--url", "ws://server.test:1/", "--yes-i-may", "--connect-timeout", "1s"];
  const { code, err } = await runFuzz(directory, args, undefined, { HTTP_PROXY: silent });
  assert.equal(code, 1);
  assert.match(err, /no new connection: proxy_timeout: no tunnel through the proxy http:/);
});

test("a finding that the proxy keeps from being sent again is undecided", async (t) => {
  const { fuzz, directory, url } = await proxied(t, {
    refuse: (tunnels) => (tunnels < 2 ? undefined : "503 Service Unavailable"),
  });
  const finding = {
    ...{ format: FINDING_FORMAT, url, route: "", protocol: ACME.name, kind: "abrupt-end", key: "" },
    ...{ also: [], title: "an end", sent: [], expected: "", received: "", on: "connection 1", atMs: 0 },
    ...{ connections: [], again: { seen: 1, of: 1, control: 0 }, shrunk: true, seed: 1, run: 1, times: 1 },
    ...{ round: { seed: 1, path: "0" }, log: [] },
    sequence: { connections: [{ start: "ready" }], steps: [{ on: 0, origin: { name: "text" }, text: "x" }] },
  };
  await writeFile(join(directory, "finding.json"), JSON.stringify(finding));
  const { code, out, err } = await fuzz("--neighbours", "1", "--replay", "finding.json");
  assert.equal(code, 3, out + err);
  assert.match(out, /not sent again: .*proxy_503/);
});
