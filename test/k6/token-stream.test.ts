import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { startServer } from "../../server/server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { count, outcomes, trend } from "./figures.ts";
import { type K6Run, OUR_K6, runK6 } from "./run.ts";

const PATH = "/v1/chat/completions";

/** Limits that no busy machine breaks. */
const PATIENT = { thresholds: { token_success_rate: ["rate>=0"] } };

async function tokenStream(
  t: TestContext,
  env: Readonly<Record<string, string | number>>,
  args: readonly string[] = [],
): Promise<K6Run> {
  const PROFILE = join(await temporaryDirectory(t), "patient.json");
  await writeFile(PROFILE, JSON.stringify(PATIENT));
  return runK6(t, {
    scenario: "token-stream",
    k6: OUR_K6,
    args,
    env: {
      PROFILE,
      ...(!("CONNECTIONS" in env) && { RATE: 50 }),
      DURATION: "2s",
      MAX_TOKENS: 20,
      STREAM_TIMEOUT: "30s",
      ...env,
    },
  });
}

async function reference(t: TestContext, options: Parameters<typeof startServer>[0] = {}) {
  const server = await startServer({ completions: { firstMs: 20, gapMs: 2 }, ...options });
  t.after(() => server.close());
  return server;
}

test("every token, chunk and event is accounted for", async (t) => {
  const server = await reference(t);
  const { code, summary, stderr, stdout } = await tokenStream(t, {
    SSE_URL: server.httpUrl + PATH,
    RATE: 200,
  });
  assert.deepEqual({ code, verdict: summary?.verdict }, { code: 0, verdict: "pass" }, stderr);
  const stats = server.stats();
  const of = (series: string) => count(summary!, series);
  assert.equal(of("token_requests"), 400);
  assert.deepEqual(outcomes(summary!, "token_success_rate"), { passes: 400, fails: 0 });
  assert.deepEqual(
    [
      of("token_output_tokens"),
      of("token_output_tokens{basis:reported}"),
      of("token_chunks"),
      of("token_events"),
    ],
    [stats.tokensGenerated, 8_000, stats.chunksSent, stats.streamEvents],
  );
  assert.equal(of("token_prompt_tokens"), 400 * 8);
  const first = trend(summary!, "token_first_content_ms");
  assert.ok(first.count === 400 && first.min! >= 20, "no token comes before the server's time for it");
  assert.ok(trend(summary!, "token_first_event_ms").min! < first.min!, "the first event has no content");
  assert.equal(trend(summary!, "token_content_gap_ms").count, 400 * 19);
  assert.match(stdout, /tokens came in .* chunks, 1 to each/);
});

test("what goes wrong with streams has a reason, and is no chance of the counts", async (t) => {
  const server = await reference(t);
  const env = { SSE_URL: server.httpUrl + PATH, RATE: 10, DURATION: "1s" };
  const faults = [
    [{ omitDone: { ordinals: [1, 2] } }, "no_done", 2],
    [
      { failCompletions: { ordinals: [3], message: "out of memory for test-token", afterEvents: 4 } },
      "error_event",
      1,
    ],
    [{ cutStreams: { ordinals: [4, 5, 6], afterEvents: 3 } }, "cut", 3],
    [{ refuseStreams: { ordinals: [7], status: 429 } }, "http_429", 1],
    [{ mistypeStreams: { ordinals: [8] } }, "bad_content_type", 1],
  ] as const;
  for (const [fault, reason, times] of faults) {
    server.faults.clear();
    server.faults.set(fault as never);
    const { summary, stdout, stderr } = await tokenStream(t, env);
    const failures = summary!.metrics.token_request_failures;
    assert.deepEqual(
      Object.entries(failures?.by?.reason ?? {}).map(([name, one]) => [
        name,
        one.kind === "counter" && one.count,
      ]),
      [[reason, times]],
      stderr,
    );
    assert.deepEqual(outcomes(summary!, "token_success_rate"), { passes: 10 - times, fails: times });
    if (reason === "error_event") assert.match(stdout, /out of memory for \*\*\*/);
  }
});

test("a server that is stopped costs the requests that were due meanwhile their whole wait", async (t) => {
  const script = fileURLToPath(new URL("../../server/bin.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", script, "--port", "0", "--first-token", "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  const url = /ws(:\/\/\S+)/.exec(String(said))![1];
  const frozenMs = 2_000;
  let frozen = 0;
  const run = tokenStream(t, { SSE_URL: `http${url}${PATH}`, RATE: 100, DURATION: "6s", MAX_TOKENS: 1 });
  const freeze = async () => {
    while (!/completions_started_total [1-9]/.test(await (await fetch(`http${url}/metrics`)).text())) {
      await setTimeout(10);
    }
    child.kill("SIGSTOP");
    const since = performance.now();
    await setTimeout(frozenMs);
    frozen = performance.now() - since;
    child.kill("SIGCONT");
  };
  const [{ summary, stderr }] = await Promise.all([run, freeze()]);
  assert.deepEqual(
    [count(summary!, "token_requests"), outcomes(summary!, "token_success_rate")],
    [600, { passes: 600, fails: 0 }],
    stderr,
  );
  // One falls due every 10 ms of the freeze and waits for the rest of it at least: the kth longest for all but k times
  // 10 ms. The histogram keeps three digits.
  const first = trend(summary!, "token_first_content_ms");
  assert.equal(first.count, 600);
  for (const [longer, figure] of [
    [0, first.max],
    [6, first.p99],
    [30, first.p95],
    [60, first.p90],
  ] as const) {
    const least = (frozen - 10 * (longer + 2)) * 0.999;
    assert.ok(figure! >= least, `${figure} ms with ${longer} longer, ${least} ms by the freeze alone`);
  }
});

test("a proxy that buffers is named", async (t) => {
  const server = await reference(t);
  const proxy = createServer((asked, answer) => {
    const on = request(
      server.httpUrl + asked.url,
      { method: asked.method, headers: asked.headers },
      async (from) => {
        const chunks: Buffer[] = [];
        for await (const chunk of from) chunks.push(chunk as Buffer);
        answer
          .writeHead(from.statusCode!, { "content-type": from.headers["content-type"] })
          .end(Buffer.concat(chunks));
      },
    );
    asked.pipe(on);
  }).listen(0, "127.0.0.1");
  t.after(() => proxy.close());
  await once(proxy, "listening");
  const SSE_URL = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}${PATH}`;
  const { summary, stdout } = await tokenStream(t, { SSE_URL, RATE: 10 });
  const of = (series: string) => count(summary!, series);
  // Not of those that a busy machine read late.
  const buffered = of("token_buffered_streams");
  assert.ok(buffered > 0 && buffered <= 20, `${buffered}`);
  assert.equal(of("token_burst_chunks"), 20 * buffered);
  assert.ok(of("token_bursts") >= buffered);
  assert.match(stdout, /streams? of 20 came buffered, [\d.]+ chunks in a burst on average/);
});

test("users take turns, a format and a body of one's own go over WebSocket, and tokens are estimated", async (t) => {
  const wss = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  t.after(() => wss.close());
  await once(wss, "listening");
  const asked: string[] = [];
  wss.on("connection", (socket, { headers }) => {
    socket.on("message", (message) => {
      asked.push(`${headers.authorization} ${message}`);
      for (const text of ["ab", "cd", "ef"]) socket.send(JSON.stringify({ kind: "text", text }));
      socket.send(JSON.stringify({ kind: "end" }));
    });
  });
  const directory = await temporaryDirectory(t);
  const STREAM_FORMAT_FILE = join(directory, "format.json");
  const PROMPTS = join(directory, "prompts.jsonl");
  await writeFile(PROMPTS, '{"prompt":"one","tone":"kind"}\n{"prompt":"two","tone":"cold"}\n');
  await writeFile(
    STREAM_FORMAT_FILE,
    JSON.stringify({
      name: "own",
      content: ["/text"],
      done: { where: { "/kind": "end" } },
      body: { say: "${prompt}", tone: "${tone}", n: "${request}" },
    }),
  );
  const { code, summary, stdout, stderr } = await tokenStream(t, {
    WS_URL: `ws://127.0.0.1:${(wss.address() as AddressInfo).port}/`,
    WS_TOKEN: "hunter2hunter2",
    STREAM_FORMAT_FILE,
    PROMPTS,
    CONNECTIONS: 2,
    THINK_TIME: "50ms",
    DURATION: "1s",
    CHARACTERS_PER_TOKEN: 2,
  });
  assert.deepEqual({ code, verdict: summary?.verdict }, { code: 0, verdict: "pass" }, stderr);
  const of = (series: string) => count(summary!, series);
  const requests = of("token_requests");
  assert.ok(requests >= 4, `${requests}`);
  // The users ask at one time, so that requests may arrive in another order than that of their numbers.
  const bodies = Array.from({ length: requests }, (_, n) =>
    n % 2 === 0 ? `{"say":"one","tone":"kind","n":"${n}"}` : `{"say":"two","tone":"cold","n":"${n}"}`,
  );
  assert.deepEqual([...asked].sort(), bodies.map((body) => `Bearer hunter2hunter2 ${body}`).sort());
  assert.deepEqual(
    [asked.length, of("token_chunks"), of("token_output_tokens{basis:estimated}")],
    [requests, 3 * requests, 3 * requests],
  );
  assert.match(stdout, /tokens are estimated/);
  assert.doesNotMatch(stdout + stderr, /hunter2/);
});

const wrong: [sentence: string, env: Record<string, string>, says: RegExp][] = [
  ["a rate beside users", { RATE: "5", CONNECTIONS: "5" }, /RATE: expected nothing beside CONNECTIONS/],
  ["prompts that are not there", { PROMPTS: "/no/such.txt" }, /PROMPTS: expected a readable file/],
  [
    "a format beside a file of one",
    { STREAM_FORMAT: "openai", STREAM_FORMAT_FILE: "x.json" },
    /STREAM_FORMAT: expected nothing/,
  ],
  ["another URL", { SSE_URL: "ftp://x" }, /SSE_URL: expected an http:\/\/ or https:\/\/ URL/],
];
for (const [sentence, env, says] of wrong) {
  test(`${sentence} stops the run before any request`, async (t) => {
    const { code, stderr } = await tokenStream(t, { SSE_URL: "http://127.0.0.1:9/", ...env });
    assert.notEqual(code, 0);
    assert.match(stderr, says);
  });
}
