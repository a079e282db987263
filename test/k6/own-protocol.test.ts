/** A server of a protocol that this project knows nothing of, soaked by nothing but a descriptor of it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { type TestContext, test } from "node:test";
import { WebSocketServer } from "ws";
import { main } from "../../cli/main.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { count } from "./figures.ts";
import { type K6Command, OUR_K6, runK6 } from "./run.ts";
import { strictProfile } from "./strict-profile.ts";

const PIGEON = `{
  "name": "pigeon",
  "subprotocols": ["pigeon.v3"],
  "session": [
    { "await": { "regex": "^HELLO (?<nonce>[0-9a-f]+)$" }, "capture": { "nonce": "nonce" } },
    { "send": "JOIN \${user} \${nonce}", "await": { "regex": "^OK (?<seat>[0-9]+)$" }, "capture": { "seat": "seat" } }
  ],
  "probe": { "send": "#\${id} \${seat} ask \${payload}", "encoding": "binary", "id": "number" },
  "reply": [{ "name": "answer", "regex": "^#(?<id>[0-9]+) answer", "match": "id", "id": "id" }],
  "error": { "regex": "^#(?<id>[0-9]+) no (?<reason>.*)$", "reason": "reason", "settles": "id", "id": "id" },
  "heartbeat": [{ "when": { "text": "?" }, "answer": "!" }, { "every": "250ms", "send": "~" }],
  "unmatched": "error"
}`;

/**
 * Says HELLO with a nonce, wants JOIN with it and gives a seat. Answers binary questions from that seat, not always in
 * order, and every nth with a no. Asks "?" now and then and throws out who does not say "!".
 */
async function pigeonServer(t: TestContext, { noEvery = Number.POSITIVE_INFINITY } = {}) {
  const seen = {
    joins: 0,
    answers: 0,
    noes: 0,
    pings: 0,
    pongs: 0,
    beats: 0,
    longest: 0,
    offences: [] as string[],
  };
  const speaks = (offered: Set<string>) => offered.has("pigeon.v3") && "pigeon.v3";
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: speaks });
  server.on("connection", (socket) => {
    const nonce = Math.random().toString(16).slice(2);
    let seat = 0;
    let owed = 0;
    const throwOut = (why: string) => {
      seen.offences.push(why);
      socket.close(1008, why);
    };
    const pings = setInterval(() => {
      if (owed === 15) throwOut("no pong");
      if (seat === 0) return;
      owed++;
      seen.pings++;
      socket.send("?");
    }, 200);
    socket.on("close", () => clearInterval(pings));
    socket.on("message", (data, isBinary) => {
      const [word, from, verb, payload = ""] = String(data).split(" ");
      if (word === "JOIN" && from?.startsWith("user-") && verb === nonce) {
        seat = ++seen.joins;
        socket.send(`OK ${seat}`);
      } else if (word === "!" && owed > 0) {
        owed--;
        seen.pongs++;
      } else if (word === "~" && seat > 0) {
        seen.beats++;
      } else if (isBinary && from === String(seat) && verb === "ask") {
        const no = (seen.answers + seen.noes + 1) % noEvery === 0;
        seen[no ? "noes" : "answers"]++;
        seen.longest = Math.max(seen.longest, payload.length);
        const answer = Buffer.from(no ? `${word} no seats left` : `${word} answer`);
        setTimeout(() => socket.send(answer), Math.random() * 50);
      } else {
        throwOut(`what is ${word}?`);
      }
    });
    if (socket.protocol === "pigeon.v3") socket.send(`HELLO ${nonce}`);
  });
  await once(server, "listening");
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return { url: `ws://127.0.0.1:${(server.address() as { port: number }).port}/`, seen };
}

async function soak(t: TestContext, url: string, more: Partial<K6Command> = {}) {
  const PROTOCOL_FILE = join(await temporaryDirectory(t), "pigeon.json");
  await writeFile(PROTOCOL_FILE, PIGEON);
  const run = await runK6(t, {
    scenario: "chat-soak",
    ...more,
    env: {
      ...{ WS_URL: url, PROTOCOL_FILE, PROFILE: await strictProfile(t), WS_TOKEN: "", PAYLOAD_BYTES: 3_000 },
      ...{ CONNECTIONS: 5, RAMP: "200ms", DURATION: "7s", RAMP_DOWN: "200ms", SESSION: "3500ms" },
      ...{ PROBE_INTERVAL: "50ms", REPLY_TIMEOUT: "3s" },
      ...more.env,
    },
  });
  return { run, of: (series: string) => count(run.summary!, series) };
}

test("a descriptor of under 15 lines soaks a server that nobody here has seen", async (t) => {
  assert.ok(PIGEON.split("\n").length < 15);
  const { url, seen } = await pigeonServer(t);
  const { run, of } = await soak(t, url);
  assert.deepEqual(
    { code: run.code, verdict: run.summary?.verdict },
    { code: 0, verdict: "pass" },
    run.stderr,
  );
  assert.deepEqual(seen.offences, []);
  assert.equal(of("ws_sessions_opened"), seen.joins);
  assert.ok(seen.joins >= 10, "every session joins anew");
  assert.ok(of("ws_probes") > 50 && seen.longest === 3_000);
  assert.equal(of("ws_probes"), seen.answers);
  assert.equal(of("ws_replies"), seen.answers);
  assert.ok(seen.pings > 10 && seen.beats > 10, JSON.stringify(seen));
  assert.ok(seen.pongs > 10 && seen.pongs <= seen.pings, JSON.stringify(seen));
});

test("the engine speaks it too, heartbeats and all", async (t) => {
  const { url, seen } = await pigeonServer(t, { noEvery: 7 });
  const env = { RATE: 25, DURATION: "4s" };
  const { run, of } = await soak(t, url, { scenario: "mass-soak", k6: OUR_K6, env });
  assert.deepEqual({ code: run.code, offences: seen.offences }, { code: 99, offences: [] }, run.stderr);
  assert.deepEqual([of("ws_sessions_opened"), seen.joins], [5, 5]);
  assert.ok(seen.noes > 5 && seen.longest === 3_000);
  assert.equal(of("ws_message_errors{reason:error_reply}"), seen.noes);
  assert.equal(of("ws_message_errors"), seen.noes);
  assert.equal(of("ws_replies"), seen.answers);
  assert.equal(of("ws_probes"), seen.answers + seen.noes);
  assert.ok(seen.pings > 10 && seen.beats > 10, JSON.stringify(seen));
  assert.ok(seen.pongs > 10 && seen.pongs <= seen.pings, JSON.stringify(seen));
});

test("its errors are counted exactly, each for the probe it names, over a subprotocol asked for by SUBPROTOCOL", async (t) => {
  const { url, seen } = await pigeonServer(t, { noEvery: 7 });
  const { run, of } = await soak(t, url);
  assert.deepEqual(
    { code: run.code, verdict: run.summary?.verdict },
    { code: 99, verdict: "fail" },
    run.stderr,
  );
  assert.ok(seen.noes > 5);
  assert.equal(of("ws_message_errors{reason:error_reply}"), seen.noes);
  assert.equal(of("ws_message_errors"), seen.noes);
  assert.equal(of("ws_replies"), seen.answers);
  assert.equal(of("ws_probes"), seen.answers + seen.noes);
});

test("what is tried first is understood the same way", async (t) => {
  const { url, seen } = await pigeonServer(t);
  const cwd = await temporaryDirectory(t);
  await writeFile(join(cwd, "pigeon.json"), PIGEON);
  const out = new PassThrough({ highWaterMark: 1_000_000 });
  const args = ["try", "--url", url, "--protocol-file", "pigeon.json", "--for", "2s", "--token", ""];
  const signal = new AbortController().signal;
  const code = await main(args, { out, err: out, cwd, env: {}, signal });
  const printed = String(out.read());
  assert.equal(code, 0, printed);
  assert.match(printed, /← 101, subprotocol pigeon.v3\n/);
  assert.match(printed, /\$\{seat\} is 1\n/);
  assert.match(printed, /← 1 byte {2}\?\n.*\n.*→ 1 byte {2}!\n +. heartbeat/);
  assert.match(printed, /9 bytes binary {2}#1 answer\n +. reply "answer" to probe 1, RTT/);
  assert.deepEqual({ answers: seen.answers, offences: seen.offences }, { answers: 3, offences: [] });
});
