/** `k6-realtime try`: what it says of a server, and of a wrong command line. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { packageFile } from "../../cli/package-file.ts";
import { PROTOCOLS } from "../../lib/protocols/index.ts";
import type { FaultSettings, ServerOptions } from "../../server/server.ts";
import { hubServer } from "../k6/hub-server.ts";
import { accept, rawServer } from "../raw-server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { closesOf, lastLine, reference, tryOut } from "./try-out.ts";

/** A descriptor's file. */
async function descriptor(t: TestContext, document: object): Promise<string> {
  const file = join(await temporaryDirectory(t), "acme.json");
  await writeFile(file, JSON.stringify(document));
  return file;
}

const ONE_ANSWERED = /^ok: .*\b1 of 1 probes had their replies, RTT [\d.]+ to [\d.]+ ms$/;

describe("a server that is well: exit code 0, each message with what it was taken for", () => {
  const rows: [
    sentence: string,
    path: string,
    argv: string[],
    options: Partial<ServerOptions>,
    until: RegExp,
    said: RegExp[],
  ][] = [
    [
      "chat: a session, a probe, its reply",
      "/ws/chat",
      [],
      {},
      /RTT/,
      [
        /→ .*"type":"subscribe".*\n += session\n/,
        /← .*"type":"subscribed".*\n += session ready\n/,
        /→ .*"echoId":"try-1".*\n += probe try-1\n/,
        /← .*"echo_reply".*\n += reply "echo" to probe try-1, RTT [\d.]+ ms\n/,
        /→ Close 1000\n.*← Close 1000\n/,
      ],
    ],
    [
      "im: what was captured, and two replies to one probe",
      "",
      ["--protocol", "im", "--user", "ann"],
      {},
      /"answer"/,
      [
        /upgrade ws:\S+\/pinter\/imserver\/ann,/,
        /\$\{teacher\} is \w+__mtx\n += session ready/,
        /reply "receipt"/,
        /reply "answer"/,
      ],
    ],
    [
      "echo: a greeting that the descriptor does not describe",
      "/ws/echo?welcome=1",
      ["--protocol", "echo"],
      {},
      /RTT/,
      [/· session ready/, /"welcome".*\n += matches nothing in the descriptor: ignored/, /reply "echo"/],
    ],
    [
      "a token in the protocol's own message",
      "/ws/chat?auth=message",
      ["--auth", "message"],
      {},
      /RTT/,
      [/→ .*"token":"\*\*\*".*\n += refresh/, /session ready/],
    ],
    [
      "a reply that comes twice",
      "/ws/chat",
      [],
      { faults: { repeatReplies: {} } },
      /duplicate/,
      [/reply "echo" to probe try-1 once more: a duplicate/],
    ],
    [
      "TLS with a certificate that nobody trusts, which the user takes",
      "/ws/chat",
      ["--insecure-skip-tls-verify"],
      { tls: true },
      /RTT/,
      [/upgrade wss:/],
    ],
    [
      "a server that never answers Close",
      "/ws/chat",
      [],
      { faults: { ignoreClose: {} } },
      /RTT/,
      [/! no answer to our Close within 2000 ms/],
    ],
  ];
  for (const [sentence, path, argv, options, until, said] of rows) {
    test(sentence, async (t) => {
      const server = await reference(t, options);
      const tried = await tryOut(["--url", server.url + path, ...argv], { until });
      assert.equal(tried.code, 0, tried.out + tried.err);
      assert.match(lastLine(tried), ONE_ANSWERED);
      for (const pattern of said) assert.match(tried.out, pattern);
      assert.ok(!tried.out.includes("test-token"));
    });
  }
});

test("without an interrupt it stays as long as it was told, sends what probes were asked for, and ends", async (t) => {
  const server = await reference(t);
  const tried = await tryOut(["--url", `${server.url}/ws/chat`, "--probes", "2", "--for", "2s"]);
  assert.equal(tried.code, 0, tried.out);
  assert.match(lastLine(tried), /2 of 2 probes had their replies/);
  assert.equal(server.stats().messagesReceived, 3);
  assert.deepEqual(await closesOf(server), { 1000: 1 });
});

test("what it publishes is delivered to it, and told", async (t) => {
  const server = await reference(t);
  const argv = ["--url", `${server.url}/ws/chat`, "--publish", "1", "--room", "here"];
  const tried = await tryOut(argv, { until: /= delivery.*RTT|RTT.*= delivery/s });
  assert.equal(tried.code, 0, tried.out);
  assert.match(tried.out, /→ .*"type":"publish","room":"here","id":"published-1","seq":1.*\n += publish\n/);
  assert.match(
    tried.out,
    /← .*"type":"message".*\n += delivery id=published-1 .*room=here seq=1 sentAtMs=\d+/,
  );
  assert.match(lastLine(tried), /^ok: .* ms; 1 published, 1 delivered$/);
});

test("--json prints one object a line, times of one clock, and the verdict last", async (t) => {
  const server = await reference(t);
  const tried = await tryOut(["--url", `${server.url}/ws/chat`, "--json"], { until: /"last":true/ });
  const events = tried.out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    events.map(({ event }) => event),
    ["connecting", "connected", "sent", "received", "sent", "received", "closing", "closed", "verdict"],
  );
  const [probe, reply] = [events[4], events[5]];
  assert.equal(reply.text, JSON.stringify(JSON.parse(reply.text)), "the message, whole");
  const [{ kind, id, sentAt, at }] = reply.meaning;
  assert.deepEqual({ kind, id, at }, { kind: "reply", id: probe.probe, at: reply.atMs });
  assert.ok(events[3].atMs <= sentAt && sentAt < at, "a round trip takes time");
  assert.equal(events.at(-1).ok, true);
});

describe("a server that is not well: exit code 1, and why", () => {
  const rows: [
    sentence: string,
    faults: FaultSettings,
    argv: string[],
    reason: RegExp,
    said: RegExp | undefined,
  ][] = [
    [
      "another token is wanted",
      {},
      ["--token", "wrong-token"],
      /HTTP 401: it wants other credentials/,
      /← 401 Unauthorized\n(?:.*\n)*?.*WWW-Authenticate: Bearer\n(?:.*\n)*?.*token invalid/,
    ],
    [
      "the upgrade is refused",
      { refuseUpgrades: { status: 503 } },
      [],
      /HTTP 503$/,
      /← 503 Service Unavailable/,
    ],
    [
      "no answer comes",
      { neverUpgrade: {} },
      ["--connect-timeout", "200ms"],
      /no answer to the upgrade/,
      undefined,
    ],
    [
      "a reply is lost",
      { loseReplies: {} },
      ["--reply-timeout", "100ms"],
      /probe try-1 had no reply "echo" in time/,
      /· reply "echo" to probe try-1 did not come in time/,
    ],
    [
      "a reply comes late",
      { delay: 400 },
      ["--reply-timeout", "100ms"],
      /probe try-1 had no reply "echo" in time/,
      /reply "echo" to probe try-1, too late: \d+ ms/,
    ],
    [
      "the connection is closed with a code",
      { closeConnections: { code: 4001, reason: "token expired", afterMs: 300 } },
      [],
      /closed the connection \S+ after it opened, with 4001 \(token expired\)/,
      /← Close 4001 "token expired"/,
    ],
    [
      "the connection is reset in the session",
      { resetConnections: { onMessage: 1 } },
      [],
      /ended without a Close frame/,
      /! the connection ended without a Close frame \(1006\)/,
    ],
  ];
  for (const [sentence, faults, argv, reason, said] of rows) {
    test(sentence, async (t) => {
      const server = await reference(t, { faults });
      const tried = await tryOut(["--url", `${server.url}/ws/chat`, ...argv], { until: said });
      assert.equal(tried.code, 1, tried.out + tried.err);
      assert.match(lastLine(tried), /^failed: /);
      assert.match(lastLine(tried), reason);
      if (said) assert.match(tried.out, said);
      assert.ok(!tried.out.includes("wrong-token"));
    });
  }

  test("which of two credentials is sent is said", async (t) => {
    const server = await reference(t);
    const argv = ["--token", "t0ken-0", "--header", "authorization: Bearer wrong-token"];
    const tried = await tryOut(["--url", `${server.url}/ws/chat`, ...argv]);
    assert.equal(
      tried.err,
      "HEADERS has an Authorization: sent as it is given there, in place of the token of WS_TOKEN or USERS\n",
    );
    assert.match(lastLine(tried), /^failed: .*401/);
  });

  test("a certificate that nobody trusts", async (t) => {
    const server = await reference(t, { tls: true });
    const tried = await tryOut(["--url", `${server.url}/ws/chat`]);
    assert.equal(tried.code, 1);
    assert.match(lastLine(tried), /no connection: no trusted TLS connection \(.*self-signed/);
  });

  test("nobody listens", async () => {
    const tried = await tryOut(["--url", "ws://127.0.0.1:1/ws"]);
    assert.equal(tried.code, 1);
    assert.match(lastLine(tried), /no connection: nothing listens there/);
  });

  test("a step of the session fails", async (t) => {
    const server = await reference(t);
    const file = await descriptor(t, {
      name: "acme",
      session: [{ send: "hello", await: { text: "welcome" }, within: "100ms" }],
    });
    const tried = await tryOut(["--url", `${server.url}/ws/echo`, "--protocol-file", file]);
    assert.equal(tried.code, 1);
    assert.match(
      lastLine(tried),
      /the session failed at session\[0\]: no message "welcome" came within 100 ms/,
    );
  });

  test("the reply's identifier is looked for where it is not", async (t) => {
    const server = await reference(t);
    const file = await descriptor(t, {
      name: "acme",
      probe: { send: '{"type":"echo","echoId":${id}}' },
      reply: [{ name: "echo", where: { "/type": "echo_reply" }, match: "id", id: "/id" }],
    });
    const argv = ["--url", `${server.url}/ws/chat`, "--protocol-file", file, "--reply-timeout", "100ms"];
    const tried = await tryOut(argv, { until: /did not come in time/ });
    assert.equal(tried.code, 1, tried.out);
    assert.match(
      lastLine(tried),
      /had no reply "echo" in time \(.*\); 1 message broke the protocol, the first: reply "echo" without an identifier$/,
    );
  });

  test("an error answers the probe", async (t) => {
    const server = await reference(t);
    const file = await descriptor(t, {
      name: "acme",
      probe: { send: '{"type":"speak","echoId":${id}}' },
      reply: [{ name: "spoken", where: { "/type": "spoken" }, match: "id", id: "/echoId" }],
      error: { where: { "/type": "error" }, reason: "/reason", settles: "id" },
    });
    const tried = await tryOut(["--url", `${server.url}/ws/chat`, "--protocol-file", file], {
      until: /settles probe try-1/,
    });
    assert.equal(tried.code, 1, tried.out);
    assert.match(lastLine(tried), /probe try-1 was answered with an error: unknown_type/);
  });
});

describe("a server that ends the TCP connection after our Close, without an answer", {
  concurrency: true,
}, () => {
  for (const [how, end] of [
    ["by a FIN", (socket: Socket) => socket.end()],
    ["by a RST", (socket: Socket) => socket.resetAndDestroy()],
  ] as const) {
    test(`${how}: that was what we wanted, and it is told`, async (t) => {
      const url = await rawServer(t, (socket, request) => {
        socket.write(accept(request));
        socket.once("data", () => end(socket)); // our Close is all that is sent
      });
      const file = await descriptor(t, { name: "silent" });
      const tried = await tryOut(["--url", url, "--protocol-file", file, "--for", "2s"]);
      assert.equal(tried.code, 0, tried.out);
      assert.match(tried.out, /! the connection ended without an answer to our Close/);
      assert.match(lastLine(tried), /^ok: .*; it ended the connection without an answer to our Close$/);
    });
  }

  test("before our Close it is a failure", async (t) => {
    const url = await rawServer(t, (socket, request) => {
      socket.end(accept(request));
    });
    const file = await descriptor(t, { name: "silent" });
    const tried = await tryOut(["--url", url, "--protocol-file", file]);
    assert.equal(tried.code, 1, tried.out);
    assert.match(lastLine(tried), /^failed: the connection ended without a Close frame/);
  });
});

describe("deliveries that are not as the descriptor has them", () => {
  const misread = { where: { "/type": "message" }, id: "/id", sentAt: { at: "/id", unit: "ms" } };
  const attempt = async (t: TestContext, delivery: object) => {
    const server = await reference(t);
    const file = await descriptor(t, { ...PROTOCOLS.chat, resume: undefined, delivery });
    const argv = ["--url", `${server.url}/ws/chat`, "--protocol-file", file, "--publish", "2", "--for", "2s"];
    return await tryOut(argv);
  };

  test("all of them: failed", async (t) => {
    const tried = await attempt(t, misread);
    assert.equal(tried.code, 1, tried.out);
    assert.match(
      lastLine(tried),
      /^failed: none of 2 deliveries matched the descriptor; 2 messages broke the protocol, the first: delivery with an unusable sentAt/,
    );
  });

  test("none of them: ok", async (t) => {
    const tried = await attempt(t, { ...misread, sentAt: { at: "/sentAt", unit: "ms" } });
    assert.equal(tried.code, 0, tried.out);
  });
});

test("a token in quotes is told of, and sent as it is", async (t) => {
  const server = await reference(t);
  const tried = await tryOut(["--url", `${server.url}/ws/chat`], { env: { WS_TOKEN: '"test-token"' } });
  assert.equal(tried.err, "WS_TOKEN is in quotes, which are sent as a part of it\n");
  assert.match(lastLine(tried), /HTTP 401/);
});

test("too short a stay for its probes is told apart from replies that did not come", async (t) => {
  const server = await reference(t);
  const tried = await tryOut(["--url", `${server.url}/ws/chat`, "--probes", "9", "--for", "2s"]);
  assert.equal(tried.code, 1, tried.err);
  assert.match(
    lastLine(tried),
    /^failed: when the time was over, [1-8] of 9 probes had been sent: give it longer \(--for\)/,
  );
});

test("an interrupt before the session is ready leaves it open how it went: exit code 3, connection closed", async (t) => {
  const server = await reference(t);
  const tried = await tryOut(["--url", `${server.url}/ws/echo`], { until: /matches nothing/ });
  assert.equal(tried.code, 3, tried.out);
  assert.match(
    lastLine(tried),
    /^undecided: the session was not ready when SIGINT came: session\[0\] still waits for its message$/,
  );
  assert.deepEqual(await closesOf(server), { 1000: 1 });
});

test("a reader that goes away ends it, without a stack trace", async (t) => {
  const server = await reference(t);
  const argv = ["--import", "tsx", packageFile("cli/bin.ts"), "try", "--url", `${server.url}/ws/chat`];
  const child = spawn(process.execPath, argv, {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: packageFile("."),
    env: { ...process.env, WS_TOKEN: "test-token" },
  });
  t.after(() => child.kill("SIGKILL"));
  child.stdout.once("data", () => child.stdout.destroy());
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, "close")]);
  assert.equal(said, "");
  assert.ok(code !== null, "it ended by itself");
  assert.deepEqual(await closesOf(server), { 1000: 1 });
});

test("of one message of WebSocket each of the protocol is shown, with what it was taken for", async (t) => {
  const { url } = await hubServer(t);
  const file = packageFile("examples/protocols/signalr.json");
  const tried = await tryOut(["--url", url, "--protocol-file", file], { until: /RTT/ });
  assert.equal(tried.code, 0, tried.out);
  assert.match(
    tried.out,
    /← 10 bytes {2}\{"type":6\}\n += expected, by a step or a heartbeat\n.*← .*"type":3.*\n += reply "completion" to probe try-1/,
  );
});

describe("a wrong command line is refused before anything is sent", () => {
  const rows: [sentence: string, argv: string[], message: RegExp][] = [
    ["an unknown flag", ["--tokne", "x"], /^try: unknown flag --tokne, did you mean --token\?$/m],
    ["a wrong URL", ["--url", "ftp://a"], /^--url: expected a ws:\/\/ or wss:\/\/ URL .*, got one /],
    [
      "a URL that only looks like one",
      ["--url", "ws://[::1"],
      /^--url: expected a ws:\/\/ or wss:\/\/ URL with a host/,
    ],
    [
      "a protocol that we do not have",
      ["--protocol", "mqtt"],
      /^--protocol: expected chat, echo or im, or events or room-events for event streams; any other needs a descriptor in PROTOCOL_FILE, see protocols\.md, got "mqtt": try --protocol-file .*examples.protocols.mqtt\.json$/m,
    ],
    [
      "two protocols",
      ["--protocol", "im", "--protocol-file", "a.json"],
      /^--protocol: expected nothing beside --protocol-file/,
    ],
    [
      "no such descriptor",
      ["--protocol-file", "no.json"],
      /^--protocol-file: expected a readable file, got \/no.json \(ENOENT/,
    ],
    ["a wrong duration", ["--for", "soon"], /^--for: expected a duration above 0 such as 5s, got "soon"/],
    ["a stay of no time", ["--for", "0"], /^--for: expected a duration above 0/],
    [
      "a publication where nothing is published",
      ["--protocol", "echo", "--publish", "1"],
      /^--publish: expected a protocol with "publish", got "echo"\n$/,
    ],
    [
      "a publication where publishers connect in another way",
      ["--protocol-file", fileURLToPath(new URL("../k6/two-way.json", import.meta.url)), "--publish", "1"],
      /^--publish: expected a protocol without "publisher", .*, got "two-way" with one\n$/,
    ],
    ["too many probes", ["--probes", "9999"], /^--probes: expected a whole number up to 1000, got "9999"/],
    ["a header without a colon", ["--header", "s3cr3t"], /^--header: expected 'Name: value'/],
    ["a header of the handshake's own", ["--header", "Upgrade: s3cr3t"], /^--header: expected 'Name: value'/],
    [
      "authentication by a message that the protocol does not have",
      ["--protocol", "echo", "--auth", "message"],
      /^--auth: expected a protocol with a refresh message/,
    ],
    [
      "the same subprotocol twice",
      ["--subprotocol", "a,a"],
      /^--subprotocol: expected names that differ, got a twice/,
    ],
  ];
  for (const [sentence, argv, message] of rows) {
    test(sentence, async (t) => {
      const server = await reference(t);
      const tried = await tryOut(["--url", `${server.url}/ws/chat`, ...argv]);
      assert.equal(tried.code, 2, tried.err + tried.out);
      assert.match(tried.err, message);
      assert.ok(!tried.err.includes("s3cr3t"));
      assert.equal(server.stats().connectionsOpened, 0);
      assert.equal(tried.out, "");
    });
  }

  test("a wrong descriptor, with every field that is wrong", async (t) => {
    const file = await descriptor(t, { name: "acme", probe: { send: "${id}", encodign: "text" } });
    const tried = await tryOut(["--protocol-file", file]);
    assert.equal(tried.code, 2);
    assert.match(tried.err, /probe\.encodign: expected a field of this object/);
  });

  test("a variable is told by its own name", async () => {
    const tried = await tryOut([], { env: { REPLY_TIMEOUT: "soon" } });
    assert.match(tried.err, /^REPLY_TIMEOUT: expected a duration/);
  });
});

test("a session that is slow to be ready leaves the probes their time", async (t) => {
  const sockets = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(sockets, "listening");
  t.after(() => sockets.close());
  sockets.on("connection", (socket) => {
    setTimeout(() => socket.send("welcome"), 2_500);
    socket.on("message", (data) => socket.send(String(data)));
  });
  const { port } = sockets.address() as AddressInfo;
  const file = await descriptor(t, {
    name: "slow",
    session: [{ await: { text: "welcome" } }],
    probe: { send: "${id}" },
    reply: [{ name: "echo", match: "whole" }],
  });
  // The last of four probes is due 1.5 s after the first.
  const argv = ["--url", `ws://127.0.0.1:${port}`, "--protocol-file", file, "--probes", "4", "--for", "3s"];
  const tried = await tryOut(argv);
  assert.equal(tried.code, 0, tried.out);
  assert.match(lastLine(tried), /4 of 4 probes had their replies/);
});

test("--help teaches: flags, marks, examples, exit codes", async () => {
  const { code, out } = await tryOut(["--help"]);
  assert.equal(code, 0);
  for (const part of [
    "--protocol-file",
    "WS_TOKEN",
    "= as the descriptor understood it",
    "EXAMPLES",
    "EXIT CODE",
  ]) {
    assert.ok(out.includes(part), part);
  }
});
