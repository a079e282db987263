import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { WebSocketServer } from "ws";
import { packageFile } from "../../cli/package-file.ts";
import { FINDING_FORMAT } from "../../lib/fuzz/finding.ts";
import type { FindingKind } from "../../lib/fuzz/oracle.ts";
import { ACME, besides, type Fault, startFaulty } from "./faulty-server.ts";
import { fuzzDirectory, fuzzJson, runFuzz } from "./run.ts";

/** So that a run ends by its count of sequences, and a machine that is slow only takes longer. */
const BOUNDED = ["--protocol-file", "acme.json", "--time", "10m", "--again", "3"];

const faults: [fault: Fault, kind: FindingKind, more: string[]][] = [
  ["null-text", "server-error", ["--only", "protocol"]],
  ["say-after-leave", "server-error", ["--only", "order"]],
  // A run whose own process was held up by a quarter of the limit judges no times: on a busy machine, 50 ms are soon over.
  ["negative-seq", "neighbour-slow", ["--only", "protocol", "--neighbour-limit", "800ms"]],
  ["name-takeover", "neighbour-dropped", ["--only", "protocol"]],
  ["ping-125", "abrupt-end", ["--only", "frames"]],
  ["bare-error", "contract", ["--only", "protocol"]],
  ["leave-leaks", "growth", ["--only", "order"]],
];
for (const [fault, kind, more] of faults) {
  test(`the fault ${fault} is found as ${kind}, made small, and seen again`, async (t) => {
    const server = await startFaulty(fault);
    t.after(() => server.close());
    const directory = await fuzzDirectory(t);
    const found: string[] = [];
    const beside = besides(fault, server.url);
    const args = ["--url", server.url, ...BOUNDED, ...more, ...beside, "--seed", "4", "--runs", "2000"];
    const { code } = await runFuzz(directory, args, (chunk, stop) => {
      if (!chunk.includes("found: ")) return;
      found.push(chunk);
      stop.abort("SIGINT");
    });
    assert.equal(code, 99);
    assert.equal(found.length, 1);
    const path = join(directory, "fuzz-results/finding-1.json");
    const finding = JSON.parse(await readFile(path, "utf8"));
    assert.deepEqual([finding.format, finding.kind], [FINDING_FORMAT, kind]);
    assert.ok(finding.sequence.steps.length <= 3, JSON.stringify(finding.sequence));
    const replayed = await runFuzz(directory, [
      "--url",
      server.url,
      ...BOUNDED,
      ...more,
      ...beside,
      "--replay",
      path,
    ]);
    assert.match(replayed.out, /: seen [23] of 3 times/);
    assert.equal(replayed.code, 99);
  });
}

test("a message that was on its way when the server closed its sender's connection is owed to nobody", async (t) => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  t.after(() => server.close());
  server.on("connection", (socket) =>
    socket.on("message", (data) => {
      const text = data.toString();
      if (!text.startsWith("{")) return socket.close(1008);
      // A moment later, as frameworks do that hand messages on: by then the connection may be over.
      setImmediate(() => {
        const { type, ...message } = JSON.parse(text);
        if (socket.readyState !== socket.OPEN) return;
        if (type === "echo") return socket.send(JSON.stringify({ type: "echoed", ...message }));
        for (const one of server.clients) one.send(JSON.stringify({ type: "said", ...message }));
      });
    }),
  );
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const directory = await fuzzDirectory(t);
  const { session: _, ...descriptor } = ACME;
  await writeFile(join(directory, "plain.json"), JSON.stringify(descriptor));
  const say = { on: 0, origin: { name: "publish" }, valid: { kind: "publish", payload: "x" } };
  const bad = { on: 0, origin: { name: "text" }, text: "no JSON" };
  const lost = (steps: object[]) => ({
    ...{ format: FINDING_FORMAT, url, route: "", protocol: ACME.name, kind: "neighbour-lost", key: "" },
    ...{ also: [], title: "lost", sent: [], expected: "", received: "", on: "neighbour 1", atMs: 0 },
    ...{ connections: [], again: { seen: 1, of: 1, control: 0 }, shrunk: true, seed: 1, run: 1, times: 1 },
    ...{ round: { seed: 1, path: "0" }, log: [], sequence: { connections: [{ start: "ready" }], steps } },
  });
  await writeFile(join(directory, "lost.json"), JSON.stringify(lost([{ ...say, burst: true }, bad])));
  const args = ["--protocol-file", "plain.json", "--again", "3", "--replay", "lost.json"];
  const { code, out } = await runFuzz(directory, args);
  assert.deepEqual([code, out], [0, "lost: seen 0 of 3 times\n  expected: \n"]);
});

test("a server without faults bears it, and a finding that is gone is not seen", async (t) => {
  const server = await startFaulty();
  t.after(() => server.close());
  const directory = await fuzzDirectory(t);
  const args = ["--url", server.url, ...BOUNDED, "--seed", "4", "--runs", "150"];
  const { code, result } = await fuzzJson(directory, args);
  assert.deepEqual([code, result.verdict, result.findings], [0, "pass", []]);
  assert.ok(result.routes[0]!.runs >= 150);
  assert.deepEqual(result.routes[0]!.notJudged, []);
});

test("^C keeps what was found; the test and the k6 script of a finding are files that run", async (t) => {
  const server = await startFaulty("null-text");
  t.after(() => server.close());
  const directory = await fuzzDirectory(t);
  const args = ["--url", server.url, ...BOUNDED, "--only", "protocol", "--seed", "4"];
  const { code, out } = await runFuzz(directory, args, (chunk, stop) => {
    if (chunk.includes("found: ")) stop.abort("SIGINT");
  });
  assert.equal(code, 99);
  assert.match(out, /FINDING 1: .*\n(.*\n)*Verdict: fail, 1 finding/);
  const results = join(directory, "fuzz-results");
  assert.match(await readFile(join(results, "junit.xml"), "utf8"), /failures="1"/);
  assert.match(await readFile(join(results, "report.html"), "utf8"), /server-error/);

  await mkdir(join(directory, "node_modules"));
  await symlink(packageFile("."), join(directory, "node_modules/k6-realtime"));
  const options = JSON.stringify({ again: 1 });
  // The server is in this process, so waiting must not block it.
  const again = await promisify(execFile)(process.execPath, ["--test", join(results, "finding-1.test.mjs")], {
    env: { ...process.env, FUZZ_OPTIONS: options, NODE_TEST_CONTEXT: undefined },
  }).catch((error) => error);
  assert.match(again.stdout, /not again: the server closes with a code for an internal fault/);
  assert.match(again.stdout, /code: 'ERR_ASSERTION'/);
  assert.match(again.stdout, /# fail 1/);
});

test("what is not on this machine is not fuzzed without --yes-i-may", async (t) => {
  const directory = await fuzzDirectory(t);
  for (const url of [
    "ws://192.0.2.1/ws",
    "wss://chat.example.com/ws",
    "ws://[2001:db8::1]/ws",
    "ws://127.0.0.1.example.com/ws",
  ]) {
    const { code, err } = await runFuzz(directory, ["--url", url]);
    assert.equal(code, 2);
    assert.match(err, /^$|--yes-i-may/);
  }
});
