/** The action's own steps, run by act: what a workflow that uses it gets. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, type TestContext, test } from "node:test";
import type { ServerOptions } from "../../server/options.ts";
import { startServer } from "../../server/server.ts";
import { startInflux } from "../influxdb/servers.ts";
import { useAction } from "./act.ts";
import { goTool } from "./go-tool.ts";

/** What the reference server takes. */
const TOKEN = "test-token";

/** Long enough for every part of the load to happen. */
const SHORT =
  "CONNECTIONS=5\nRAMP=1s\nDURATION=4s\nRAMP_DOWN=1s\nSESSION=2s\nPROBE_INTERVAL=200ms\nREPLY_TIMEOUT=1s";

async function chat(t: TestContext, options: Partial<ServerOptions> = {}): Promise<string> {
  const server = await startServer(options);
  t.after(() => server.close());
  return `${server.url}/ws/chat`;
}

const profile = (limit: string) =>
  JSON.stringify({ description: "a test's", thresholds: { ws_msg_rtt_ms: [limit] } });

/** Would create the file PWNED, were it ever part of a command line. */
const HOSTILE = "$(touch PWNED)`touch PWNED`\";touch PWNED;\"';touch PWNED;'\n touch PWNED #";

const hostile: [sentence: string, inputs: Record<string, string>, refusal: RegExp][] = [
  [
    "as scenario, name and baseline",
    { scenario: HOSTILE, name: HOSTILE, baseline: HOSTILE, flags: HOSTILE },
    /input scenario: expected one line of text/,
  ],
  [
    "as settings, profile and instances",
    {
      url: "ws://127.0.0.1:1/",
      settings: HOSTILE,
      profile: HOSTILE.replace("\n", ""),
      instances: "2;touch PWNED",
    },
    /expected a whole number from 1 to \d+, got "2;touch PWNED"/,
  ],
  [
    "as url",
    { url: `ws://127.0.0.1:1/${HOSTILE.replace("\n", "")}` },
    /WS_URL: expected a ws:\/\/ or wss:\/\/ URL/,
  ],
];

before(() => goTool("act"));

// Most of the time they wait for the load to pass, and what they assert leaves a busy machine room.
describe("a workflow that uses the action", { concurrency: 3 }, () => {
  test("a passing run: exit code 0, the outputs, the summary with its picture, the artifact", async (t) => {
    const url = await chat(t);
    const run = await useAction(
      t,
      { url, token: TOKEN, profile: "patient.json", settings: SHORT, name: "smoke test" },
      { "patient.json": profile("p(95)<60000") },
    );
    assert.equal(run.outcome, "success", run.log);
    assert.equal(run.exitCode, 0);
    assert.equal(run.outputs.verdict, "pass");
    assert.match(run.outputs.reason!, /^all \d+ limits held$/);
    assert.match(run.jobSummary, /^## chat-soak: pass\n/);
    assert.match(run.jobSummary, /^\| ✅ \| ws\\_msg\\_rtt\\_ms p\(95\)\\<60000 \| [\d.]+ ms \|/m);
    const [, p99, p50] = /^ {2}line \[(.+)\]\n {2}line \[(.+)\]\n```$/m.exec(run.jobSummary) ?? [];
    const [upper, lower] = [p99, p50].map((line) => line!.split(", ").map(Number));
    assert.ok(upper!.length >= 4, "a point for each second of the load");
    assert.ok(upper!.every((value, i) => value >= lower![i]! && lower![i]! > 0));
    const { "k6-realtime-smoke-test": artifact, ...others } = run.artifacts;
    assert.deepEqual(Object.keys(others), []);
    assert.ok(artifact?.includes("chat-soak.realtime.jsonl") && artifact.includes("summary.md"));
    assert.ok(run.outputs["report-path"]!.endsWith("/chat-soak.report.html"));
    assert.deepEqual(
      artifact?.filter((file) => /\.(html|svg)$/.test(file)),
      ["chat-soak.report.html", "latency.svg"],
    );
  });

  test("what the scenario says beside its figures is in the summary too", async (t) => {
    const run = await useAction(t, { scenario: "handshake", url: await chat(t), token: TOKEN });
    assert.equal(run.exitCode, 0, run.log);
    assert.match(run.jobSummary, /^no-token: got 401, expected 401 or 403$/m);
    assert.match(run.outputs.reason!, /^all \d+ limits held$/);
  });

  test("a broken threshold fails the job, and the first sentence says which", async (t) => {
    // No latency's limit: on a busy machine the generator would be taken for the bottleneck.
    const url = await chat(t);
    const thresholds = { ws_msg_rtt_ms: ["p(95)<60000"], ws_replies: ["count<1"] };
    const files = { "strict.json": JSON.stringify({ description: "a test's", thresholds }) };
    const run = await useAction(t, { url, token: TOKEN, profile: "strict.json", settings: SHORT }, files);
    assert.equal(run.outcome, "failure", run.log);
    assert.equal(run.exitCode, 99);
    assert.equal(run.outputs.verdict, "fail");
    assert.match(run.outputs.reason!, /^\d+ replies \(limit: fewer than 1\)$/);
    assert.match(run.jobSummary, /^\| ❌ \| ws\\_replies count\\<1 \| \d+ /m);
    assert.match(run.log, /::error title=k6-realtime::fail: /);
    assert.ok(run.artifacts["k6-realtime-chat-soak"], "the results of a failed run are kept too");
  });

  test("a server that is down: neither pass nor fail, and the reason", async (t) => {
    const run = await useAction(t, { url: "ws://127.0.0.1:1/ws", profile: "smoke" });
    assert.equal(run.outcome, "failure", run.log);
    assert.equal(run.exitCode, 3);
    assert.equal(run.outputs.verdict, "incomplete");
    assert.match(run.outputs.reason!, /took no WebSocket upgrade \(refused\)/);
    assert.match(run.jobSummary, /^## chat-soak: incomplete\n\nthe setup failed: .*refused/);
    assert.doesNotMatch(run.jobSummary, /mermaid/);
  });

  test("a generator that is slow for the limits asked for: neither pass nor fail", async (t) => {
    const url = await chat(t, { faults: { delay: 60 } });
    const files = { "finest.json": profile("p(95)<0.001") };
    const run = await useAction(t, { url, token: TOKEN, profile: "finest.json", settings: SHORT }, files);
    assert.equal(run.outcome, "failure", run.log);
    assert.equal(run.exitCode, 3);
    assert.equal(run.outputs.verdict, "generator-bound");
    assert.match(run.jobSummary, /^## chat-soak: generator-bound\n/);
  });

  test("a run that is slower than the baseline fails, though every limit holds", async (t) => {
    const settings = SHORT.replace("DURATION=4s", "DURATION=10s");
    const limits = { "loose.json": profile("p(95)<60000") };
    const before = await useAction(
      t,
      { url: await chat(t), token: TOKEN, profile: "loose.json", settings },
      limits,
    );
    assert.equal(before.outputs.verdict, "pass", before.log);
    const recording = await readFile(
      join(before.uploaded, "k6-realtime-chat-soak/chat-soak.realtime.jsonl"),
      "utf8",
    );
    const slow = await chat(t, { faults: { delay: 300 } });
    const run = await useAction(
      t,
      { url: slow, token: TOKEN, profile: "loose.json", settings, baseline: "earlier.realtime.jsonl" },
      { ...limits, "earlier.realtime.jsonl": recording },
    );
    assert.equal(run.outcome, "failure", run.log);
    assert.equal(run.exitCode, 99);
    assert.equal(run.outputs.verdict, "fail");
    assert.match(
      run.outputs.reason!,
      /^ws_msg_rtt_ms p50 is \d+ % slower than the baseline \([\d.]+ ms, was /,
    );
    assert.match(run.jobSummary, /^## chat-soak: fail\n\nws\\_msg\\_rtt\\_ms p50 is/);
    const page = join(run.uploaded, "k6-realtime-chat-soak/chat-soak.report.html");
    assert.match(await readFile(page, "utf8"), /<strong>fail<\/strong> ws_msg_rtt_ms p50 is \d+ % slower/);
    assert.match(run.jobSummary, /^\| ✅ \| ws\\_msg\\_rtt\\_ms p\(95\)\\<60000/m);
    assert.match(
      run.jobSummary,
      /^\| ❌ \| ws\\_msg\\_rtt\\_ms p50 \| [\d.]+(?: ms)? \| [\d.]+(?: ms)? \| \+\d+ % \| \+\d+ % to \+\d+ % \|$/m,
    );
    // One verdict in all that is left: what a dashboard or a CI system reads must not say that it passed.
    const artifact = (suffix: string) =>
      readFile(join(run.uploaded, `k6-realtime-chat-soak/chat-soak${suffix}`), "utf8");
    assert.match(await artifact(".compared.html"), /<title>chat-soak: fail, compared with one earlier run</);
    const summary = JSON.parse(await artifact(".summary.json"));
    assert.deepEqual([summary.verdict, summary.reason], ["fail", run.outputs.reason]);
    assert.match(await artifact(".summary.md"), /^## chat-soak: fail\n\nws\\_msg\\_rtt\\_ms p50 is/);
    const xml = await artifact(".junit.xml");
    assert.doesNotMatch(xml, /<testsuite [^>]*failures="0"/);
    assert.match(xml, /name="ws_msg_rtt_ms p50 against earlier runs"><failure message="ws_msg_rtt_ms p50 is/);
    assert.match(
      run.log,
      /::error title=k6-realtime::fail: ws_msg_rtt_ms p50 is .*, though (the one limit|all \d+ limits) held/,
    );
  });

  test("baseline influxdb: nothing stored is said and passes; later runs are held to what is", async (t) => {
    const influx = await startInflux(t, 2);
    if (!influx) return;
    const settings = SHORT.replace("DURATION=4s", "DURATION=10s");
    const files = { "loose.json": profile("p(95)<60000") };
    const use = async (url: string, more: Record<string, string> = {}) =>
      useAction(
        t,
        {
          url,
          token: TOKEN,
          profile: "loose.json",
          settings,
          baseline: "influxdb",
          "influxdb-url": influx.out,
          ...more,
        },
        files,
        influx.env,
      );
    const first = await use(await chat(t), {
      flags: `--out=realtime-influxdb=${influx.out}\n--tag=branch=main\n--tag=testid=first`,
    });
    assert.equal(first.outputs.verdict, "pass", first.log);
    assert.match(first.log, /InfluxDB has no green run of the baseline branch: nothing to compare with/);
    assert.doesNotMatch(first.log, /Fetched \d+ earlier/);
    const slow = await use(await chat(t, { faults: { delay: 300 } }));
    assert.equal(slow.exitCode, 99, slow.log);
    assert.match(
      slow.outputs.reason!,
      /^ws_msg_rtt_ms p50 is \d+ % slower than the baseline \([\d.]+ ms, was /,
    );
    for (const { log } of [first, slow]) assert.ok(!log.includes(influx.secret), "the token is not printed");
  });

  for (const [sentence, inputs, refusal] of hostile) {
    test(`hostile text ${sentence} runs nothing`, async (t) => {
      const run = await useAction(t, { url: "ws://127.0.0.1:1/", ...inputs });
      assert.equal(run.outcome, "failure", run.log);
      assert.match(run.outputs.reason!, refusal);
      assert.deepEqual(run.strayFiles, [], "files that no step was meant to make");
    });
  }

  test("a hostile version of k6 is refused before anything is built", async (t) => {
    const run = await useAction(t, { url: "ws://127.0.0.1:1/", "k6-version": `v2.2.0${HOSTILE}` });
    assert.equal(run.outcome, "failure", run.log);
    assert.match(run.log, /K6_BUILD_VERSION: expected a version such as v2\.2\.0/);
    assert.deepEqual(run.strayFiles, []);
  });
});
