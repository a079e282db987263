import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { WebSocketServer } from "ws";
import { flagsOf, parseSpec } from "../../cli/massconnect.ts";
import { OUR_K6 } from "../k6/run.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { runMain } from "./run-main.ts";

const spec = (...uris: readonly string[]) => ({
  servers: uris.map((uri) => ({ name: "../a server", uri, desc: "on localhost" })),
  options: { connections: 30, batchsize: 20, batchdelay: 50, retrydelay: 10 },
});

const massconnect = (cwd: string, args: readonly string[]) =>
  runMain(["massconnect", ...args], { cwd, env: { ...process.env, K6_PATH: OUR_K6 } });

async function server(t: TestContext) {
  const sockets = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(sockets, "listening");
  let connections = 0;
  sockets.on("connection", () => connections++);
  t.after(() => {
    for (const client of sockets.clients) client.terminate();
    sockets.close();
  });
  return {
    url: `ws://127.0.0.1:${(sockets.address() as AddressInfo).port}`,
    connections: () => connections,
  };
}

test("without a spec file a template is written, which is one", async (t) => {
  const cwd = await temporaryDirectory(t);
  const { code, out } = await massconnect(cwd, []);
  assert.equal(code, 0);
  assert.equal(out, "wrote massconnect.json: name your servers in it, and run this again\n");
  const template = parseSpec(await readFile(join(cwd, "massconnect.json"), "utf8"), "massconnect.json");
  assert.deepEqual(flagsOf(template, 0, "5s").slice(0, 4), [
    "--url",
    "ws://127.0.0.1:9001",
    "--protocol",
    "echo",
  ]);
});

test("each server gets its connections, and a directory of its own", async (t) => {
  const servers = [await server(t), await server(t)];
  const cwd = await temporaryDirectory(t);
  await writeFile(join(cwd, "spec.json"), JSON.stringify(spec(...servers.map(({ url }) => url))));
  const { code, err } = await massconnect(cwd, ["spec.json", "--hold", "200ms", "--results", "found"]);
  assert.ok(code === 0 || code === 3, err); // 3 where the machine is too busy to say
  for (const [i, { connections }] of servers.entries()) {
    assert.ok(connections() >= 30, `${connections()} connections`);
    const path = join(cwd, "found", `${i + 1}-_a_server`, "massconnect.summary.json");
    const { metrics } = JSON.parse(await readFile(path, "utf8"));
    assert.equal(metrics.ws_sessions_opened.count, 30);
  }
});

for (const [name, text, says] of [
  ["no JSON", "{", /^spec\.json: expected a spec file in JSON$/],
  ["no servers", JSON.stringify({ ...spec(), servers: [] }), /^spec\.json: servers: .*length/i],
  ["a URL of another scheme", JSON.stringify(spec("http://127.0.0.1")), /^spec\.json: servers\[0\]\.uri: /],
  [
    "a field that is none",
    JSON.stringify({ ...spec("ws://127.0.0.1"), more: 1 }),
    /^spec\.json: more: .*expected never/i,
  ],
  [
    "no batches",
    JSON.stringify({ ...spec("ws://127.0.0.1"), options: { ...spec().options, batchsize: 0 } }),
    /^spec\.json: options\.batchsize: .*>=1 but received 0/i,
  ],
] as const) {
  test(`a spec file with ${name} is refused, and the field named`, () => {
    assert.throws(() => parseSpec(text, "spec.json"), { name: "UserError", message: says });
  });
}
