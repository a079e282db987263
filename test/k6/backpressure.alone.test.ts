/** Each policy of the server for slow readers, named by what a reader sees of it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { startServer } from "../../server/server.ts";
import type { SlowReaderPolicy } from "../../server/slow-reader.ts";
import { count } from "./figures.ts";
import { type K6Run, OUR_K6, runK6 } from "./run.ts";

/** A burst that fills the kernel's buffers of one connection and the server's limit several times over. */
const ENV = {
  PROFILE: "",
  CONNECTIONS: 2,
  SLOW_READERS: 1,
  BASELINE_TIME: "1s",
  PAUSE: "200ms",
  BURST: "2s",
  BURST_RATE: 100,
  BURST_BYTES: 65_536,
  HOLD: "4s",
  RESUME: "2s",
  DRAIN: "20s",
  // The kernel would take up to 32 MB by itself.
  RECEIVE_BUFFER: 131_072,
  // A room that waits does so for four seconds; a busy machine is a long way from that.
  HARM_THRESHOLD: "2s",
  REPLY_TIMEOUT: "10s",
};

interface Row {
  readonly policy: SlowReaderPolicy;
  readonly env?: Readonly<Record<string, string | number>>;
  readonly outcome: string;
  /** What stands in the reason; absent: it passes. */
  readonly fails?: RegExp;
}

const rows: Record<string, Row> = {
  "a server that closes, with its code": { policy: "close", outcome: "closed" },
  "one that drops": { policy: "drop", outcome: "dropped" },
  "one that keeps everything": { policy: "queue", outcome: "queued" },
  "one that lets the whole room wait: the healthy readers are harmed": {
    policy: "block",
    outcome: "blocked",
    fails: /^2 readers harmed \(limit 0\)$/,
  },
  "one that closes, as it is to": { policy: "close", env: { EXPECT: "close" }, outcome: "closed" },
  "one that lets the room wait, as it is to": {
    policy: "block",
    env: { EXPECT: "block" },
    outcome: "blocked",
  },
  "one that was to close and queues without bound": {
    policy: "queue",
    env: { EXPECT: "close" },
    outcome: "queued",
    fails: /1 outcomes with outcome queued \(limit 0\)/,
  },
  "one that closes on a reader that trickles": {
    policy: "close",
    env: { SLOW_READER_MODE: "trickle", READ_RATE: 20_000 },
    outcome: "closed",
  },
  "one that drops for a reader that stops and goes": {
    policy: "drop",
    env: { SLOW_READER_MODE: "stop-and-go", BURST_RATE: 200 },
    outcome: "dropped",
  },
};

async function run(t: TestContext, { policy, env }: Pick<Row, "policy" | "env">) {
  const server = await startServer({ slowReader: policy, closeTimeoutMs: 60_000 });
  t.after(() => server.close());
  const WS_URL = `${server.url}/ws/chat`;
  const done = runK6(t, { scenario: "backpressure", k6: OUR_K6, env: { ...ENV, ...env, WS_URL } });
  return { server, done };
}

/** What k6 was told of the slow reader. */
const account = ({ stderr }: K6Run): string => /slow reader \d+: ([^"]*)/.exec(stderr)?.[1] ?? stderr;

describe("backpressure", { concurrency: 2 }, () => {
  for (const [sentence, row] of Object.entries(rows)) {
    test(sentence, async (t) => {
      const { server, done } = await run(t, row);
      const k6 = await done;
      const { summary } = k6;
      assert.ok(summary, k6.stderr);
      const said = `${summary.reason}\n${k6.stderr}`;
      assert.equal(count(summary, `ws_outcomes{outcome:${row.outcome}}`), 1, said);
      assert.equal(count(summary, "ws_outcomes"), 1, said);
      assert.deepEqual(
        { code: k6.code, verdict: summary.verdict },
        row.fails ? { code: 99, verdict: "fail" } : { code: 0, verdict: "pass" },
        said,
      );
      if (row.fails) assert.match(summary.reason, row.fails, said);

      const { slowReaderDrops, slowReaderCloses, slowReaderBlocks, published } = server.stats();
      assert.equal(count(summary, "ws_publications"), published, said);
      if (row.outcome === "dropped") {
        assert.ok(slowReaderDrops > 0);
        assert.equal(count(summary, "ws_messages_lost"), slowReaderDrops, said);
        assert.match(account(k6), new RegExp(`it never had \\d+ of ${published} messages \\(numbers? \\d+`));
      }
      if (row.outcome === "closed") {
        assert.equal(slowReaderCloses, 1);
        assert.match(account(k6), /^closed; with 1013; /);
        assert.equal(count(summary, "ws_connection_drops{code:1013}"), 1, said);
      }
      if (row.outcome === "queued" || row.outcome === "blocked") {
        assert.equal(count(summary, "ws_messages_lost"), 0, said);
        assert.match(account(k6), /it caught up in [\d.]+ ms; nothing is missing/);
      }
      assert.equal(slowReaderBlocks > 0, row.outcome === "blocked");
    });
  }

  test("a paused reader leaves what comes in the kernel, which ss shows", async (t) => {
    const { server, done } = await run(t, { policy: "queue" });
    let ended = false;
    void done.then(() => {
      ended = true;
    });
    // Of one connection it is full and stays so; a queue that is only read late empties. It may rest on its way, too.
    let full = { port: "", bytes: ENV.BURST_BYTES };
    for (let before = await fullestQueue(server.port); !ended; ) {
      await sleep(200);
      const after = await fullestQueue(server.port);
      if (after.bytes > full.bytes && after.port === before.port && after.bytes === before.bytes)
        full = after;
      before = after;
    }
    const { summary, stderr } = await done;
    assert.ok(full.port, `no receive queue stayed full\n${stderr}`);
    const seen = summary?.metrics.ws_slow_reader_unread_bytes;
    assert.equal(seen?.kind === "gauge" && seen.max, full.bytes, stderr);
  });
});

/** Ends connections whose client sent nothing for `idleMs`, and takes in all that the server sends meanwhile. */
async function idleTimeout(t: TestContext, port: number, idleMs: number, end: (client: Socket) => void) {
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const backend = connect(port, "127.0.0.1");
    const timeOut = () => {
      end(client);
      backend.destroy();
    };
    let timer = setTimeout(timeOut, idleMs);
    client.on("data", (data) => {
      clearTimeout(timer);
      timer = setTimeout(timeOut, idleMs);
      backend.write(data);
    });
    backend.on("data", (data) => client.write(data));
    client.on("close", () => {
      clearTimeout(timer);
      backend.destroy();
    });
    for (const socket of [client, backend]) sockets.add(socket.on("error", () => {}));
  });
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  return `ws://127.0.0.1:${(proxy.address() as AddressInfo).port}/ws/chat`;
}

describe("an idle time-out that ends who is silent is no policy for slow readers", { concurrency: 2 }, () => {
  for (const [how, end] of [
    ["by a RST", (client: Socket) => client.resetAndDestroy()],
    ["by a FIN", (client: Socket) => client.end()],
  ] as const) {
    for (const EXPECT of ["close", ""]) {
      test(`${how}, EXPECT="${EXPECT}": incomplete`, async (t) => {
        const server = await startServer({ slowReader: "queue", closeTimeoutMs: 60_000 });
        t.after(() => server.close());
        const WS_URL = await idleTimeout(t, server.port, 3_000, end);
        const env = { ...ENV, EXPECT, WS_URL, BASELINE_TIME: "100ms", BURST: "1s" };
        const { summary, stderr } = await runK6(t, { scenario: "backpressure", k6: OUR_K6, env });
        assert.equal(summary?.verdict, "incomplete", `${summary?.reason}\n${stderr}`);
        assert.match(summary.reason, /^whether 1 slow reader was ended for being slow is unknown/);
        assert.equal(count(summary, "ws_outcomes{outcome:unclear}"), 1, stderr);
      });
    }
  }
});

/** Of the connections to this port, the one that has most to read. */
async function fullestQueue(server: number): Promise<{ port: string; bytes: number }> {
  const { stdout } = await promisify(execFile)("ss", ["-Htn", "dst", `127.0.0.1:${server}`]);
  let fullest = { port: "", bytes: 0 };
  for (const line of stdout.trim().split("\n")) {
    const [, bytes, , port = ""] = line.split(/\s+/);
    if (Number(bytes) > fullest.bytes) fullest = { port, bytes: Number(bytes) };
  }
  return fullest;
}

test("stock k6 is told what it lacks", async (t) => {
  const { code, stderr } = await runK6(t, { scenario: "backpressure", env: ENV });
  assert.notEqual(code, 0);
  assert.match(stderr, /backpressure needs k6 with the extension xk6-realtime/);
});
