/** Protocols in code: the example whose messages are signed, under load, and what becomes of code that is wrong. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { WebSocketServer } from "ws";
import { packageFile } from "../../cli/package-file.ts";
import { TAKES_CODE } from "../../lib/k6/requirements.ts";
import { tryOut } from "../cli/try-out.ts";
import { SIGNING_KEY, type SignedOptions, signedServer } from "../signed-server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { count } from "./figures.ts";
import { type K6Command, OUR_K6, runK6, STOCK_K6 } from "./run.ts";

const SIGNED = packageFile("examples/scripts/signed-protocol.ts");
const SOCKETS = { stock: { k6: STOCK_K6, folder: "" }, engine: { k6: OUR_K6, folder: "x/" } };
const TALK = { CONNECTIONS: 4, ROOMS: 2, DURATION: "2s", MESSAGE_INTERVAL: "50ms", REPLY_TIMEOUT: "6s" };
const SOAK = {
  CONNECTIONS: 4,
  RAMP: "0",
  DURATION: "12s",
  RAMP_DOWN: "0",
  SESSION: "6s",
  PROBE_INTERVAL: "100ms",
  REPLY_TIMEOUT: "5s",
};

type Run = Pick<K6Command, "scenario" | "env" | "k6" | "onOutput"> & { readonly protocol?: string };

async function runSigned(t: TestContext, { protocol = SIGNED, ...command }: Run, options?: SignedOptions) {
  const server = await signedServer(t, options);
  const env = { WS_URL: server.url, PROTOCOL_FILE: protocol, SIGNING_KEY, ...command.env };
  const run = await runK6(t, { ...command, env });
  return { server, seen: server.seen, ...run };
}

// Most of the time they wait.
describe("protocols in code", { concurrency: 3 }, () => {
  for (const [sockets, { k6, folder }] of Object.entries(SOCKETS)) {
    test(`chat-soak signs every message, on ${sockets} sockets`, async (t) => {
      const { seen, summary, stdout } = await runSigned(t, { scenario: `${folder}chat-soak`, env: SOAK, k6 });
      assert.equal(summary!.verdict, "pass", stdout);
      assert.equal(seen.refused, 0);
      assert.equal(count(summary!, "ws_probes"), seen.asks);
      assert.equal(count(summary!, "ws_replies"), seen.asks);
      // Each session joins first, and sessions end.
      assert.equal(seen.verified, seen.asks + count(summary!, "ws_sessions_opened"));
      assert.ok(count(summary!, "ws_sessions_opened") > SOAK.CONNECTIONS);
    });

    test(`ordering accounts for signed publications, on ${sockets} sockets`, async (t) => {
      const { seen, summary, stdout } = await runSigned(t, { scenario: `${folder}ordering`, env: TALK, k6 });
      assert.equal(summary!.verdict, "pass", stdout);
      assert.equal(seen.refused, 0);
      assert.equal(seen.verified, seen.says + TALK.CONNECTIONS);
      assert.equal(count(summary!, "ws_publications"), seen.says);
      // Two in each room.
      assert.equal(count(summary!, "ws_deliveries"), 2 * seen.says);
    });

    test(`reconnect resumes with a number that begins anew, on ${sockets} sockets`, async (t) => {
      const server = await signedServer(t);
      const env = {
        ...TALK,
        WS_URL: server.url,
        PROTOCOL_FILE: SIGNED,
        SIGNING_KEY,
        BACKOFF_BASE: "100ms",
        PROFILE: "",
      };
      server.whenSaid(20, server.cutListeners);
      const { summary, stdout } = await runK6(t, { scenario: `${folder}reconnect`, env, k6 });
      assert.equal(summary!.verdict, "pass", stdout);
      assert.equal(server.seen.refused, 0);
      // Four subscribers were cut off, beside two publishers who were not; each came back, joined again and resumed.
      assert.equal(count(summary!, "ws_reconnects"), 4);
      assert.equal(server.seen.resumes, 4);
      assert.equal(server.seen.verified, server.seen.says + 6 + 4 + server.seen.resumes);
      assert.equal(count(summary!, "ws_messages_lost"), 0);
    });
  }

  test("the protocol that its page shows is answered, in try and under load", async (t) => {
    const page = await readFile(packageFile("docs/guides/protocol-in-code.md"), "utf8");
    const [, source = ""] = /^```ts checked\.ts\n(.*?)^```$/ms.exec(page) ?? [];
    const PROTOCOL_FILE = join(await temporaryDirectory(t), "checked.ts");
    await writeFile(PROTOCOL_FILE, source);
    const { url, seen } = await checkedServer(t);
    const tried = await tryOut(["--url", url, "--protocol-file", PROTOCOL_FILE], {
      until: /RTT/,
      env: process.env,
    });
    assert.equal(tried.code, 0, tried.out + tried.err);
    assert.deepEqual(seen, { HELLO: 1, PING: 1, wrong: 0 });
    const { summary, stdout } = await runK6(t, {
      scenario: "chat-soak",
      env: { ...SOAK, WS_URL: url, PROTOCOL_FILE },
    });
    assert.equal(summary!.verdict, "pass", stdout);
    assert.deepEqual(seen, {
      HELLO: 1 + count(summary!, "ws_sessions_opened"),
      PING: 1 + count(summary!, "ws_probes"),
      wrong: 0,
    });
    assert.equal(count(summary!, "ws_replies"), count(summary!, "ws_probes"));
  });

  test("what is wrongly signed is no reply, and the next one is", async (t) => {
    const run = { scenario: "chat-soak", env: { ...SOAK, SESSION: "60s" } };
    const { seen, summary, stdout } = await runSigned(t, run, { forgeEvery: 5 });
    assert.ok(seen.forged > 0);
    assert.equal(count(summary!, "ws_message_errors{reason:unmatched}"), seen.forged, stdout);
    const answered = count(summary!, "ws_replies") + count(summary!, "ws_messages_late");
    assert.equal(answered, seen.asks - seen.forged, stdout);
  });

  test("code that throws at a message makes the run incomplete, and is named", async (t) => {
    const protocol = await changed(t, (source) =>
      source.replace('error: { where: is("error")', "error: { where: ({ json }) => json.no.such"),
    );
    const { summary, stderr } = await runSigned(t, { scenario: "chat-soak", env: SOAK, protocol });
    assert.equal(summary!.verdict, "incomplete");
    assert.match(summary!.reason, /^the protocol's own code failed at \d+ messages \(protocol_code\)/);
    assert.match(stderr, /own code failed: protocol \\?"signed\\?": error\.where threw TypeError/);
  });

  test("code that throws when a message is to be made ends the run, and is named", async (t) => {
    const protocol = await changed(t, (source) =>
      source.replace(
        "send: ({ id, payload }, memory) =>",
        "send: ({ id, payload }, memory: any) => memory.no.such ?? ",
      ),
    );
    const { summary, stderr } = await runSigned(t, { scenario: "chat-soak", env: SOAK, protocol });
    assert.equal(summary!.verdict, "incomplete");
    assert.match(stderr, /protocol \\?"signed\\?": probe\.send threw TypeError/);
  });

  const wrong: Record<string, readonly [change: (source: string) => string, said: RegExp]> = {
    "one without a default export": [
      (source) => source.replace("export default", "export const protocol ="),
      /PROTOCOL_FILE: expected a script whose default export is a protocol, got \S+changed\.ts, which has none/,
    ],
    "one that imports a package": [
      (source) => `import "no-such-package";\n${source}`,
      /PROTOCOL_FILE: expected a script that k6 can load \(bundled, where it imports packages; a type import needs none\), got/,
    ],
    "one with a function where none may stand": [
      (source) => source.replace('unmatched: "error"', 'unmatched: () => "error"'),
      /unmatched: expected \\?"ignore\\?" or \\?"error\\?", got function/,
    ],
    "one that lacks what its reply is matched by": [
      (source) => source.replace(', id: field("id") }],\n  publish', " }],\n  publish"),
      /reply\[0\]\.id: expected where the identifier is, got nothing/,
    ],
  };
  for (const [which, [change, said]] of Object.entries(wrong)) {
    test(`refused before anything connects: ${which}`, async (t) => {
      const protocol = await changed(t, change);
      const { seen, stderr } = await runSigned(t, { scenario: "chat-soak", env: SOAK, protocol });
      assert.match(stderr, said);
      assert.equal(seen.connections, 0);
    });
  }

  test("swarms refuse a protocol in code, and name the scenarios that take one", async (t) => {
    const { seen, stderr } = await runSigned(t, {
      scenario: "mass-soak",
      env: { CONNECTIONS: 1 },
      k6: OUR_K6,
    });
    assert.match(
      stderr,
      /got \\?"signed\\?", a protocol in code; chat-soak, connect, .*backpressure take one/,
    );
    assert.equal(seen.connections, 0);
    const scenarios = await readdir(packageFile("scenarios"));
    const sources = await Promise.all(
      scenarios.map(
        async (file) => [file, await readFile(packageFile(`scenarios/${file}`), "utf8")] as const,
      ),
    );
    // token-stream has the format of a stream in place of a protocol.
    const single = sources.filter(([, source]) => !/lib\/k6\/(swarm|token-streams)\.ts/.test(source));
    assert.deepEqual(single.map(([file]) => file.replace(".ts", "")).sort(), [...TAKES_CODE].sort());
  });
});

/** A server of that page's protocol: each message ends in its checksum. */
async function checkedServer(t: TestContext) {
  const seen = { HELLO: 0, PING: 0, wrong: 0 };
  const checked = (text: string) => `${text}#${createHash("md5").update(text).digest("hex")}`;
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  t.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  server.on("connection", (socket) => {
    socket.on("message", (data) => {
      const content = String(data).slice(0, -33);
      const [word = "", value = ""] = content.split(" ");
      if (String(data) !== checked(content) || !(word === "HELLO" || word === "PING")) {
        seen.wrong++;
        return;
      }
      if (word === "HELLO") seen.HELLO++;
      else seen.PING++;
      socket.send(checked(`${word === "HELLO" ? "WELCOME" : "PONG"} ${value}`));
    });
  });
  await once(server, "listening");
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

/** The example with one thing changed. */
async function changed(t: TestContext, change: (source: string) => string): Promise<string> {
  const source = await readFile(SIGNED, "utf8");
  const other = change(source);
  assert.notEqual(other, source);
  const path = join(await temporaryDirectory(t), "changed.ts");
  await writeFile(path, other);
  return path;
}
