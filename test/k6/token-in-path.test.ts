/** Servers that take the token in the path: it is a secret there as well, whatever prints or keeps the URL. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { WebSocketServer } from "ws";
import { temporaryDirectory } from "../temporary-directory.ts";
import { type K6Command, OUR_K6, runK6 } from "./run.ts";

const TOKEN = "S3cr3t/tok%n+";
const SPELLINGS = [TOKEN, encodeURIComponent(TOKEN), "S3cr3t"];
const ECHO = {
  name: "token-path",
  path: "/${token}/ws/${user}",
  probe: { send: "${id} ${payload}" },
  reply: [{ name: "echo", match: "whole" }],
};

/** Echoes, or refuses with a status; says at which paths it was asked. */
async function pathServer(t: TestContext, refusal: number | undefined) {
  const paths: string[] = [];
  const http = createServer().listen(0, "127.0.0.1");
  await once(http, "listening");
  const server = new WebSocketServer({ noServer: true });
  server.on("connection", (socket) =>
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary })),
  );
  http.on("upgrade", (request, socket, head) => {
    paths.push(request.url ?? "");
    socket.on("error", () => {}); // a client may reset what was refused
    if (refusal === undefined) {
      server.handleUpgrade(request, socket, head, (opened) => server.emit("connection", opened, request));
    } else socket.end(`HTTP/1.1 ${refusal} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  });
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    http.closeAllConnections();
    http.close();
  });
  return { url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}`, paths };
}

const short = { CONNECTIONS: 2, RAMP: "100ms", DURATION: "2s", RAMP_DOWN: "100ms", PROBE_INTERVAL: "200ms" };
const rows: [scenario: string, command: Partial<K6Command>][] = [
  ["chat-soak", { env: { ...short, SESSION: "2s" } }],
  ["x/chat-soak", { k6: OUR_K6, env: { ...short, SESSION: "2s" } }],
  ["mass-soak", { k6: OUR_K6, env: { CONNECTIONS: 2, RATE: 20, DURATION: "1s", PROBE_INTERVAL: "200ms" } }],
  ["handshake", {}],
];

for (const [scenario, { env, ...command }] of rows) {
  for (const refusal of [undefined, 403]) {
    test(`${scenario} shows no token of a path, ${refusal === undefined ? "accepted" : "refused"}`, async (t) => {
      const { url, paths } = await pathServer(t, refusal);
      const PROTOCOL_FILE = join(await temporaryDirectory(t), "token-path.json");
      await writeFile(PROTOCOL_FILE, JSON.stringify(ECHO));
      const { stdout, stderr, results } = await runK6(t, {
        scenario,
        ...command,
        ...(command.k6 === OUR_K6 && { args: ["--out", "realtime=kept.realtime.jsonl"] }),
        env: { WS_URL: url, PROTOCOL_FILE, WS_TOKEN: TOKEN, REPLY_TIMEOUT: "1s", ...env },
      });
      assert.ok(paths[0]?.startsWith(`/${encodeURIComponent(TOKEN)}/ws/user-`), `${paths[0]}: ${stderr}`);
      assert.match(stdout + stderr, /against ws:\/\/127/);
      if (refusal !== undefined)
        assert.match(stdout + stderr, /to accept a WebSocket upgrade \(101\), got HTTP 403/);
      const files = await readdir(results);
      const kept = await Promise.all(files.map((file) => readFile(join(results, file), "utf8")));
      for (const text of [stdout, stderr, ...kept]) {
        for (const spelling of SPELLINGS) assert.ok(!text.includes(spelling), text);
      }
    });
  }
}
