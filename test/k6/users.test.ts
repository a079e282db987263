/** Users from a file: each connection is who its line says, and the file is in memory once. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { WebSocketServer } from "ws";
import { temporaryDirectory } from "../temporary-directory.ts";
import { OUR_K6, runK6, STOCK_K6 } from "./run.ts";

/** An echo, and the credentials of each connection in the order in which they came. */
async function echo(t: TestContext) {
  const seen: (string | undefined)[] = [];
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await new Promise((resolve) => server.once("listening", resolve));
  t.after(() => server.close());
  server.on("connection", (socket, { headers }) => {
    seen.push(headers.authorization);
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  return { url: `ws://127.0.0.1:${(server.address() as { port: number }).port}`, seen };
}

async function fileOf(t: TestContext, count: number, token: (line: number) => string): Promise<string> {
  const path = join(await temporaryDirectory(t), "users.csv");
  const lines = Array.from({ length: count }, (_, line) => `user${line},${token(line)},acme`);
  await writeFile(path, `\ufeffuser,token,tenant\r\n${lines.join("\r\n")}\r\n\r\n`);
  return path;
}

const LOADS = [
  {
    scenario: "chat-soak",
    k6: STOCK_K6,
    env: { RAMP: "500ms", DURATION: "6s", RAMP_DOWN: "0s", SESSION: "20s", REPLY_TIMEOUT: "4s" },
  },
  { scenario: "mass-soak", k6: OUR_K6, env: { RATE: 200, DURATION: "1s", REPLY_TIMEOUT: "30s" } },
] as const;

const ECHO = { PROTOCOL: "echo", PROBE_INTERVAL: "1s" };

describe("each connection has a line of its own, over again when there are fewer", {
  concurrency: true,
}, () => {
  for (const { env, ...load } of LOADS) {
    test(load.scenario, async (t) => {
      const { url, seen } = await echo(t);
      const USERS = await fileOf(t, 35, (line) => `t${line}`); // more than a block of them
      const run = await runK6(t, { ...load, env: { ...env, ...ECHO, WS_URL: url, USERS, CONNECTIONS: 40 } });
      assert.equal(run.summary?.verdict, "pass", run.stderr);
      const expected = [0, ...Array(40).keys()].map((line) => `Bearer t${line % 35}`); // the first is the set-up's
      assert.deepEqual(seen.sort(), expected.sort());
    });
  }
});

describe("a column of any name is a variable of messages", { concurrency: true }, () => {
  const descriptor = {
    name: "tenants",
    session: [{ send: '{"join":${tenant},"as":${user}}', await: { where: { "/joined": true } } }],
    probe: { send: '{"id":${id},"tenant":${tenant}}' },
    reply: [{ name: "echo", match: "id", id: "/id" }],
  };

  for (const { env, ...load } of LOADS) {
    test(load.scenario, async (t) => {
      const directory = await temporaryDirectory(t);
      const PROTOCOL_FILE = join(directory, "tenants.json");
      await writeFile(PROTOCOL_FILE, JSON.stringify(descriptor));
      const USERS = join(directory, "users.csv");
      await writeFile(USERS, 'user,tenant\nann,"a ""quoted"" one"\nbob,umbrella\n');
      const joins: string[] = [];
      const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
      await new Promise((resolve) => server.once("listening", resolve));
      t.after(() => server.close());
      server.on("connection", (socket) => {
        socket.on("message", (data) => {
          const { join: tenant, as } = JSON.parse(String(data));
          if (tenant === undefined) return socket.send(String(data));
          joins.push(`${as} of ${tenant}`);
          socket.send('{"joined":true}');
        });
      });
      const url = `ws://127.0.0.1:${(server.address() as { port: number }).port}`;
      const settings = { ...env, PROBE_INTERVAL: "1s", WS_URL: url, USERS, PROTOCOL_FILE, CONNECTIONS: 3 };
      const run = await runK6(t, { ...load, env: settings });
      assert.equal(run.summary?.verdict, "pass", run.stderr);
      assert.deepEqual(joins.sort(), ['ann of a "quoted" one', 'ann of a "quoted" one', "bob of umbrella"]);
    });
  }
});

/** Peak of a process's memory in MB, which only Linux tells. */
const peakMb = async (pid: number): Promise<number> =>
  Number(/VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

describe("100,000 users of 300 bytes are in memory once", { skip: process.platform !== "linux" }, () => {
  for (const { env, ...load } of LOADS) {
    test(load.scenario, async (t) => {
      const { url } = await echo(t);
      const USERS = await fileOf(t, 100_000, (line) => String(line).padStart(300, "t"));
      let pid = 0;
      let peak: Promise<number> | undefined;
      const run = await runK6(t, {
        ...load,
        env: { ...env, ...ECHO, WS_URL: url, USERS, CONNECTIONS: 20 },
        onStart: (k6) => {
          pid = k6.pid!;
        },
        // The set-up says that it begins when all virtual users have read the file.
        onOutput: () => {
          peak ??= peakMb(pid);
        },
      });
      assert.equal(run.summary?.verdict, "pass", run.stderr);
      const most = load.scenario === "mass-soak" ? 200 : 400; // of 31 MB; one copy for each virtual user is 5 GB
      assert.ok((await peak!) < most, `${await peak} MB`);
    });
  }
});
