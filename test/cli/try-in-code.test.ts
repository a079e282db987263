/** `try` with a protocol in code: its functions run in k6, the connection is made as ever. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { packageFile } from "../../cli/package-file.ts";
import { SIGNING_KEY, signedServer } from "../signed-server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { runMain } from "./run-main.ts";

const SIGNED = packageFile("examples/scripts/signed-protocol.ts");

async function tryOut(t: TestContext, protocol: string, { key = SIGNING_KEY, more = [] as string[] } = {}) {
  const server = await signedServer(t);
  const { WS_TOKEN: _, ...env } = process.env;
  const argv = [
    "try",
    "--url",
    server.url,
    "--protocol-file",
    protocol,
    "--probes",
    "2",
    "--for",
    "3s",
    ...more,
  ];
  const ran = await runMain(argv, { cwd: packageFile("."), env: { ...env, SIGNING_KEY: key } });
  return { ...ran, seen: server.seen };
}

async function changed(t: TestContext, from: string, to: string): Promise<string> {
  const source = await readFile(SIGNED, "utf8");
  assert.ok(source.includes(from));
  const path = join(await temporaryDirectory(t), "changed.ts");
  await writeFile(path, source.replace(from, to));
  return path;
}

test("each message is signed in k6, and shown with what it was taken for", async (t) => {
  const { code, seen, out, err } = await tryOut(t, SIGNED, { more: ["--publish", "1"] });
  assert.equal(code, 0, out + err);
  // It joins, asks twice and publishes once.
  assert.deepEqual([seen.verified, seen.refused, seen.asks, seen.says], [4, 0, 2, 1]);
  assert.match(out, /= session ready/);
  assert.match(out, /= reply "answer" to probe try-1, RTT \d/);
  assert.match(out, /= delivery/);
  assert.match(out, /^ok: /m);
});

test("what the server refuses is shown as it is", async (t) => {
  const { code, seen, out } = await tryOut(t, SIGNED, { key: "another" });
  assert.equal(code, 1, out);
  assert.equal(seen.refused, 1);
  assert.match(out, /4003/);
});

test("a script that is no protocol is refused before anything connects", async (t) => {
  const protocol = await changed(t, "export default", "export const protocol =");
  const { code, seen, err } = await tryOut(t, protocol);
  assert.equal(code, 2, err);
  assert.match(
    err,
    /expected a script whose default export is a protocol, got \S+changed\.ts, which has none/,
  );
  assert.equal(seen.connections, 0);
});

test("code that throws is named, and ends the try", async (t) => {
  const protocol = await changed(
    t,
    "send: ({ id, payload }, memory) =>",
    "send: (_, memory: any) => memory.no.such ??",
  );
  const { code, err } = await tryOut(t, protocol);
  assert.equal(code, 2, err);
  assert.match(err, /protocol "signed": probe\.send threw TypeError/);
});

test("code that makes no message is named, and ends the try", async (t) => {
  const protocol = await changed(
    t,
    "send: ({ id, payload }, memory) =>",
    "send: ({ id, payload }, memory): any => ({ id, payload }) ??",
  );
  const { code, err } = await tryOut(t, protocol);
  assert.equal(code, 2, err);
  assert.match(
    err,
    /protocol "signed": probe\.send: expected a text, an ArrayBuffer or a Uint8Array to send, got object/,
  );
});
