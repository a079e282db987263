/** What closed lists leave out is said once, in the log and in the summary. Real k6, real sockets. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { WebSocketServer } from "ws";
import { accept, rawServer } from "../raw-server.ts";
import { OUR_K6, runK6, STOCK_K6 } from "./run.ts";

const TOKEN = "s3cr3t-token";
const COMMON = {
  ...{ PROTOCOL: "echo", WS_TOKEN: TOKEN, DURATION: "1s", PROBE_INTERVAL: "200ms", REPLY_TIMEOUT: "500ms" },
  ...{ CONNECTIONS: 4, BACKOFF_BASE: "100ms", BACKOFF_CAP: "100ms" },
};
const PEOPLE = { ...COMMON, RAMP: "0s", RAMP_DOWN: "0s", SESSION: "20s" };
const CLIENTS = [
  ["stock sockets", { scenario: "chat-soak", k6: STOCK_K6, env: PEOPLE }],
  ["the engine's sockets", { scenario: "x/chat-soak", k6: OUR_K6, env: PEOPLE }],
  ["a swarm", { scenario: "mass-soak", k6: OUR_K6, env: { ...COMMON, RETRIES: 2, RETRY_DELAY: "50ms" } }],
] as const;

/** Lets the set-up's check pass, then closes each connection as soon as it is open. */
async function closing(t: TestContext, code: number, text: string): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  let connections = 0;
  server.on("connection", (socket) => {
    socket.on("error", () => {});
    if (++connections > 1) socket.close(code, text);
  });
  t.after(() => server.close());
  await once(server, "listening");
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const times = (text: string, sentence: string): number => text.split(sentence).length - 1;

describe("the text of a Close frame, and a code that is on no list", () => {
  const rows = [
    [4001, `no more of ${TOKEN}\u001b[2J`, 'closed with 4001 and "no more of ***\ufffd[2J"'],
    [3456, "go away", 'closed with 3456 and "go away", which counts as ws_connection_drops{code:other}'],
    [3457, "", "closed with 3457, which counts as ws_connection_drops{code:other}"],
  ] as const;
  for (const [client, command] of CLIENTS) {
    for (const [code, text, sentence] of rows) {
      test(`${client}: ${code}`, async (t) => {
        const env = { ...command.env, WS_URL: await closing(t, code, text) };
        const { summary, stderr, stdout } = await runK6(t, { ...command, env });
        assert.ok(summary, stderr);
        const logged = stderr.replaceAll('\\"', '"');
        assert.ok(logged.includes(`a connection was ${sentence}`), stderr);
        assert.doesNotMatch(stderr + stdout, /s3cr3t/);
        assert.ok(!`${stderr}${stdout}`.includes("\u001b["));
        if (command.k6 === OUR_K6) {
          assert.equal(times(logged, sentence), 1, stderr);
          assert.deepEqual(
            summary.notes?.filter((note) => note.includes(sentence)),
            [`a connection was ${sentence}`],
          );
        }
      });
    }
  }
});

describe("a status that is on no list, and where a redirect leads to", () => {
  const rows = [
    [
      "302 Found\r\nLocation: https://me:s3cr3t@login.example/sso?token=s3cr3t",
      "an upgrade was answered with http_302: it redirects to https://login.example/sso",
    ],
    [
      "418 I'm a teapot",
      "an upgrade was answered with http_418, which counts as ws_connect_failures{reason:http_rejected}",
    ],
  ] as const;
  for (const [client, command] of CLIENTS) {
    if (command.k6 === STOCK_K6) continue; // which hides the answer
    for (const [answer, sentence] of rows) {
      test(`${client}: ${answer.slice(0, 3)}`, async (t) => {
        let upgrades = 0;
        const WS_URL = await rawServer(t, (socket, request) => {
          if (++upgrades === 1) socket.write(accept(request));
          else socket.end(`HTTP/1.1 ${answer}\r\nContent-Length: 0\r\n\r\n`);
        });
        const { summary, stderr, stdout } = await runK6(t, { ...command, env: { ...command.env, WS_URL } });
        assert.ok(summary, stderr);
        assert.equal(times(stderr, sentence), 1, stderr);
        assert.deepEqual(
          summary.notes?.filter((note) => note.startsWith("an upgrade")),
          [sentence],
        );
        assert.doesNotMatch(stderr + stdout, /s3cr3t/);
      });
    }
  }
});
