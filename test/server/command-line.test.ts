import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { readOptions } from "../../server/command-line.ts";
import { Client } from "./client.ts";

const BIN = fileURLToPath(new URL("../../server/bin.ts", import.meta.url));

function run(t: TestContext, args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, ["--import", "tsx", BIN, ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.after(() => child.kill("SIGKILL"));
  const output = { out: "", err: "" };
  child.stdout.on("data", (chunk) => {
    output.out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    output.err += chunk;
  });
  return { child, output, ended: once(child, "close").then(([code]) => code as number) };
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`the server listens until ${signal}, then closes with 1001 and exits with 0`, async (t) => {
    const { child, output, ended } = run(t, [], { PORT: "0" });
    await once(child.stdout, "data");
    const url = output.out.match(/^listening on (ws:\/\/127\.0\.0\.1:\d+)\n$/)?.[1];
    assert.ok(url, `printed: ${output.out}`);
    const client = await Client.connect(`${url}/ws/chat`);
    assert.equal((await fetch(`${url.replace("ws", "http")}/faults`)).status, 403, "control is off");
    const code = client.closeCode();
    child.kill(signal);
    assert.equal(await code, 1001);
    assert.equal(await ended, 0);
    assert.equal(output.err, "");
  });
}

const failures: [sentence: string, args: string[], env: Record<string, string>, error: RegExp][] = [
  ["an unknown flag", ["--prot", "1"], {}, /Unknown option '--prot'/],
  ["a port that is no number", ["--port", "http"], {}, /port: expected a whole number, got "http"/],
  ["a port that does not exist", [], { PORT: "70000" }, /port: expected <=65535, got 70000/],
  ["a switch that is neither on nor off", [], { FAULTS: "maybe" }, /faults: expected 1 or 0, got "maybe"/],
  [
    "a policy that does not exist",
    ["--slow-reader", "ignore"],
    {},
    /slowReader: expected .*"drop".*, got "ignore"/,
  ],
  ["a key that is too short", [], { SERVER_SECRET: "hunter2" }, /secret: expected >=8, got 7$/m],
  ["an address that is not ours", ["--host", "192.0.2.1", "--port", "0"], {}, /EADDRNOTAVAIL/],
];
for (const [sentence, args, env, error] of failures) {
  test(`${sentence} is refused with exit code 1`, async (t) => {
    const { output, ended } = run(t, args, env);
    assert.equal(await ended, 1);
    assert.match(output.err, error);
    assert.equal(output.err.trim().split("\n").length, 1, "one line, no stack");
    assert.equal(output.out, "");
  });
}

test("a port in use is refused with exit code 1", async (t) => {
  const other = createServer().listen(0, "127.0.0.1");
  t.after(() => other.close());
  await once(other, "listening");
  const { port } = other.address() as { port: number };
  const { output, ended } = run(t, ["--port", String(port)]);
  assert.equal(await ended, 1);
  assert.match(output.err, /EADDRINUSE/);
});

test("the help names every flag and its variable", async (t) => {
  const { output, ended } = run(t, ["--help"]);
  assert.equal(await ended, 0);
  for (const name of ["--port", "[PORT]", "--faults", "[FAULTS]", "--tls", "--slow-reader", "--token"]) {
    assert.ok(output.out.includes(name), name);
  }
});

test("two flags of one option are both taken", () => {
  assert.deepEqual(readOptions(["--first-token", "7", "--token-gap", "3"], {}), {
    completions: { firstMs: 7, gapMs: 3 },
  });
});

test("a flag wins over its variable", () => {
  assert.deepEqual(readOptions(["--port", "1", "--tls"], { PORT: "2", SERVER_HOST: "::1", FAULTS: "0" }), {
    port: 1,
    host: "::1",
    tls: true,
    faultControl: false,
  });
});
