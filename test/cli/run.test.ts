/** `k6-realtime run`. The last tests run real k6s, built before the tests ran, against the reference server. */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, type TestContext, test } from "node:test";
import { packageFile } from "../../cli/package-file.ts";
import { SETTINGS } from "../../lib/settings.ts";
import { startServer } from "../../server/server.ts";
import { connectProxy } from "../connect-proxy.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { runMain } from "./run-main.ts";

/** Runs `k6-realtime run` in a directory of its own; k6's own output goes to standard error. */
async function run(
  t: TestContext,
  argv: string[],
  more: { signal?: AbortSignal; err?: PassThrough; env?: NodeJS.ProcessEnv } = {},
) {
  const cwd = await temporaryDirectory(t);
  const env = { WS_TOKEN: SETTINGS.WS_TOKEN.default, ...process.env, ...more.env };
  return { ...(await runMain(["run", ...argv], { ...more, cwd, env })), cwd };
}

const refusals: [sentence: string, argv: string[], code: number, message: RegExp, env?: NodeJS.ProcessEnv][] =
  [
    ["no scenario", [], 2, /^SCENARIO: expected backpressure, .*chat-soak, connect.* got nothing$/m],
    [
      "an unknown scenario",
      ["chat-sok"],
      2,
      /^SCENARIO: expected backpressure, .*chat-soak, .* got "chat-sok", did you mean chat-soak\?$/m,
    ],
    ["no instances", ["chat-soak", "--instances", "0"], 2, /^--instances: expected a whole number from 1 /m],
    [
      "a setting misspelt",
      ["chat-soak", "-e", "CONECTIONS=5"],
      2,
      /^-e CONECTIONS: unknown variable, did you mean CONNECTIONS\?$/m,
    ],
    [
      "a value that only the scenario knows to be wrong",
      ["connect", "-e", "DURATION=10"],
      2,
      /^DURATION: expected a duration of at least 1ms such as 500ms, 10s or 1m30s, got "10"$/m,
    ],
    [
      "a descriptor that is not there",
      ["chat-soak", "-e", "PROTOCOL_FILE=none.json"],
      2,
      /^PROTOCOL_FILE: expected a readable file, got \/.*none\.json \(no such file or directory\)$/m,
    ],
    [
      "a flag of k6's before the --",
      ["chat-soak", "--tag", "a=b"],
      2,
      /^run: unknown flag --tag: expected it behind --, where it goes to k6: -- --tag NAME=value$/m,
    ],
    [
      "more connections than this machine has ports",
      ["chat-soak", "--url", "ws://127.0.0.1:9", "-e", "CONNECTIONS=70000"],
      1,
      /^This machine does not allow it:\n(.*\n)*change {2}local ports /m,
    ],
    [
      "a load in a variable of k6's",
      ["chat-soak"],
      2,
      /^K6_DURATION: expected -e, with which a scenario's load is set$/m,
      { K6_DURATION: "5s" },
    ],
    [
      "a variable of k6's after -e, which reaches k6 as the environment does",
      ["chat-soak", "-e", "K6_NO_SETUP=true"],
      2,
      /^K6_NO_SETUP: expected nothing: the setup belongs to the scenario$/m,
    ],
    [
      "limits that k6 is told to leave alone",
      ["chat-soak"],
      2,
      /^K6_NO_THRESHOLDS: expected nothing: a run is judged and summed up$/m,
      { K6_NO_THRESHOLDS: "true" },
    ],
    [
      "a profile that is not there",
      ["chat-soak", "--profile", "./none.json"],
      2,
      /^--profile: expected .* got "\.\/none\.json"$/m,
    ],
  ];
for (const [sentence, argv, code, message, env] of refusals) {
  test(`${sentence}: refused before anything is sent, with exit code ${code}`, async (t) => {
    const result = await run(t, argv, env && { env });
    assert.match(result.err, message);
    assert.equal(result.code, code);
    assert.doesNotMatch(result.err, /^ +at /m, "no stack trace");
  });
}

const configurations: [sentence: string, config: object, settings: string[], message: RegExp][] = [
  ["a load", { vus: 5 }, [], /^-- -c \S+k6\.json: vus: expected -e, with which a scenario's load is set$/m],
  ["limits", { thresholds: {} }, [], /^-- -c \S+k6\.json: thresholds: expected --profile/m],
  [
    "hosts beside CONNECT_TO",
    { hosts: {} },
    ["-e", "CONNECT_TO=::127.0.0.1:9"],
    /^-- -c: hosts: expected nothing beside CONNECT_TO/m,
  ],
];
for (const [sentence, config, given, message] of configurations) {
  test(`a configuration file with ${sentence}: refused before anything is sent`, async (t) => {
    const file = join(await temporaryDirectory(t), "k6.json");
    await writeFile(file, JSON.stringify(config));
    const { code, err } = await run(t, ["chat-soak", ...given, "--", "-c", file]);
    assert.match(err, message);
    assert.equal(code, 2);
  });
}

test("k6's configuration file says where a name is", async (t) => {
  const server = await startServer();
  t.after(() => server.close());
  const file = join(await temporaryDirectory(t), "k6.json");
  await writeFile(file, JSON.stringify({ hosts: { "chat.example": "127.0.0.1" } }));
  const url = `${server.url.replace("127.0.0.1", "chat.example")}/ws/chat`;
  const profile = join(await temporaryDirectory(t), "patient.json");
  await writeFile(profile, JSON.stringify({ thresholds: { ws_connect_latency_ms: ["p(95)<60000"] } }));
  const load = ["--url", url, "--profile", profile, "-e", "CONNECTIONS=3", "-e", "DURATION=1s"];
  const { code, err } = await run(t, ["massconnect", "--json", ...load, "--", `--config=${file}`]);
  assert.equal(code, 0, err);
  assert.ok(server.stats().connectionsOpened >= 3);
});

test("without the proxy's credentials a run is incomplete by the proxy, with exit code 3", async (t) => {
  const proxy = await connectProxy(t, { credentials: "user:pass" });
  const load = ["--url", "ws://chat.example/ws/chat", "-e", "CONNECTIONS=3", "-e", "DURATION=1s"];
  const { code, out } = await run(t, ["massconnect", "--json", ...load, "-e", `HTTP_PROXY=${proxy.address}`]);
  assert.equal(code, 3);
  const { verdict, reason } = JSON.parse(out).summary;
  assert.equal(verdict, "incomplete");
  assert.match(reason, /^the setup failed: the proxy wants credentials.*\(proxy_407\)/);
  assert.equal(proxy.tunnels(), 0);
});

/** Limits that a busy machine keeps: what is tested here is not its speed. */
const SHORT = [
  ...["-e", "CONNECTIONS=6", "-e", "RAMP=200ms", "-e", "DURATION=3s", "-e", "RAMP_DOWN=200ms"],
  ...["-e", "PROBE_INTERVAL=200ms", "-e", "REPLY_TIMEOUT=2800ms", "-e", "SESSION=3s"],
];
const lenient = JSON.stringify({ thresholds: { ws_msg_rtt_ms: ["p(95)<60000"] } });

/** A soak that passes, and the server, which counts too. */
async function soak(t: TestContext, argv: string[], env: NodeJS.ProcessEnv = {}) {
  const server = await startServer();
  t.after(() => server.close());
  const profile = join(await temporaryDirectory(t), "lenient.json");
  await writeFile(profile, lenient);
  const common = ["chat-soak", "--json", "--url", `${server.url}/ws/chat`, "--profile", profile, ...SHORT];
  const result = await run(t, [...common, ...argv], { env });
  assert.equal(result.code, 0, result.err);
  const { summary, files } = JSON.parse(result.out);
  return { ...result, summary, files: files.map((file: string) => basename(file)), server };
}

test("a run leaves its summary and its recording, and --json tells both", async (t) => {
  const { summary, files, cwd, server } = await soak(t, []);
  assert.equal(summary.verdict, "pass");
  assert.equal(
    summary.metrics.ws_sessions_opened.count,
    server.stats().connectionsOpened - 1,
    "but for the setup's",
  );
  assert.deepEqual(files, [
    "chat-soak.junit.xml",
    "chat-soak.realtime.jsonl",
    "chat-soak.report.html",
    "chat-soak.summary.json",
    "chat-soak.summary.md",
  ]);
  assert.deepEqual((await readdir(join(cwd, "results"))).sort(), files);
  const recording = await readFile(join(cwd, "results/chat-soak.realtime.jsonl"), "utf8");
  assert.match(recording.trimEnd().split("\n").at(-1)!, /^\{"end":\{"state":"finished"/);
});

/** What others have in the environment, for reasons of their own. */
const FOREIGN = {
  WS_PORT: "tcp://10.0.0.7:80",
  WS_SERVICE_HOST: "10.0.0.7",
  TRACE: "1",
  SERVER: "web-1",
  ROOM: "a",
  HEADER: "x",
  K6_VERSION: "latest",
  K6_LOG_FORMAT: "json",
};

test("what others have in the environment ends no run, and what may be meant is named in its notes", async (t) => {
  const { summary } = await soak(t, [], FOREIGN);
  assert.equal(summary.k6.version, "v2.2.0");
  const notes = summary.notes.join("\n");
  assert.match(notes, /^ROOM is not a setting and has no effect: did you mean ROOMS\?$/m);
  assert.match(notes, /^no settings, though they begin with WS_: WS_PORT, WS_SERVICE_HOST$/m);
  assert.doesNotMatch(notes, /TRACE|SERVER /, "a soak has neither GRACE nor SERVERS");
});

describe("outputs that k6 was to have beside a run's own are there", () => {
  const readings: [sentence: string, env: (directory: string, out: string) => Promise<NodeJS.ProcessEnv>][] =
    [
      ["by K6_OUT", async (_, out) => ({ K6_OUT: `json=${out}` })],
      [
        "by the configuration file that k6 looks for",
        async (directory, out) => {
          const home = process.platform === "darwin" ? "Library/Application Support" : ".config";
          await mkdir(join(directory, home, "k6"), { recursive: true });
          const config = JSON.stringify({ vus: null, out: [`json=${out}`] });
          await writeFile(join(directory, home, "k6/config.json"), config);
          return { HOME: directory, XDG_CONFIG_HOME: "" };
        },
      ],
    ];
  for (const [sentence, envFor] of readings) {
    test(sentence, async (t) => {
      const directory = await temporaryDirectory(t);
      const out = join(directory, "samples.json");
      const { files } = await soak(t, [], await envFor(directory, out));
      assert.ok(files.includes("chat-soak.realtime.jsonl"), "there is no recording");
      assert.match(await readFile(out, "utf8"), /"metric":"ws_msg_rtt_ms"/);
    });
  }
});

test("a script of one's own whose scenario is not called as its file has its summary, and all files its name", async (t) => {
  const server = await startServer();
  t.after(() => server.close());
  const script = join(await temporaryDirectory(t), "script.js");
  await writeFile(
    script,
    `import { soak } from ${JSON.stringify(packageFile("dist/library/index.js"))};
    export const { options, setup, run, handleSummary } = soak({
      name: "rush-hour",
      settings: [],
      load: () => ({ connections: 3, ramp: 0, hold: 3000, rampDown: 0 }),
      traffic: () => ({ session: 60000, probeInterval: 200, backoff: { base: 500, cap: 10000 } }),
      variables: () => ({ room: "a" }),
      floor: { ws_replies: ["count>0"] },
    });
    export default run;`,
  );
  const argv = ["--json", "--url", `${server.url}/ws/chat`, "-e", "REPLY_TIMEOUT=2s"];
  const { code, out, err } = await run(t, [script, ...argv]);
  assert.equal(code, 0, err);
  const { summary, files } = JSON.parse(out);
  assert.deepEqual([summary.scenario, summary.verdict, summary.plannedMs], ["rush-hour", "pass", 3_000]);
  assert.deepEqual(
    files.map((file: string) => basename(file)),
    [".junit.xml", ".realtime.jsonl", ".report.html", ".summary.json", ".summary.md"].map(
      (end) => `rush-hour${end}`,
    ),
  );
  const recording = await readFile(files[1], "utf8");
  assert.equal(JSON.parse(recording.split("\n", 1)[0]!).scenario, "rush-hour");
});

test("two instances open each connection once, and are judged together", async (t) => {
  const { summary, files, server, err } = await soak(t, ["--instances", "2"]);
  assert.equal(summary.verdict, "pass");
  assert.equal(
    summary.metrics.ws_sessions_opened.count,
    server.stats().connectionsOpened - 2,
    "but for the set-ups'",
  );
  assert.equal(summary.metrics.ws_msg_rtt_ms.count, summary.metrics.ws_probes.count);
  assert.equal(summary.metrics.ws_shards_started.count, 6);
  assert.deepEqual(files.slice(0, 2), ["chat-soak.1.realtime.jsonl", "chat-soak.2.realtime.jsonl"]);
  assert.match(err, /^\[1\/2\] .*6 connections for/m);
});

test("^C ends a run with what there is, as incomplete", async (t) => {
  const server = await startServer();
  t.after(() => server.close());
  const stop = new AbortController();
  const err = new PassThrough();
  err.on("data", (chunk) => {
    if (String(chunk).includes("6 connections for")) stop.abort("SIGINT");
  });
  const argv = ["chat-soak", "--json", "--instances", "2", "--url", `${server.url}/ws/chat`, ...SHORT];
  const { code, out, cwd } = await run(t, argv, { signal: stop.signal, err });
  assert.equal(code, 3);
  const { summary } = JSON.parse(out);
  assert.equal(summary.reason, "stopped by SIGINT before its planned end");
  const stored = JSON.parse(await readFile(join(cwd, "results/chat-soak.summary.json"), "utf8"));
  assert.deepEqual(stored, summary);
});

test("a script of one's own runs with flags of k6's, and is judged by what it recorded", async (t) => {
  const script = join(await temporaryDirectory(t), "mine.js");
  await writeFile(
    script,
    `import { Counter } from "k6/metrics";
    const hits = new Counter("hits");
    export const options = { thresholds: { "hits{part:one}": ["count>1"] } };
    export default () => hits.add(1, { part: __ENV.PART });`,
  );
  const { code, out, err } = await run(t, [script, "--json", "-e", "PART=one", "--", "--tag", "testid=mine"]);
  assert.equal(code, 99, err);
  const { summary } = JSON.parse(out);
  assert.equal(summary.reason, "1 hits with part one (expected more than 1)");
});

test("an output that does not start is told as the cause, and no limit is judged", async (t) => {
  const store = createServer((_, response) => {
    response.writeHead(404, { "content-type": "application/json" }).end('{"message":"no such bucket"}');
  });
  await new Promise<void>((resolve) => store.listen(0, "127.0.0.1", resolve));
  const server = await startServer();
  t.after(() => Promise.all([server.close(), store.close()]));
  const { port } = store.address() as AddressInfo;
  const { code, out } = await run(
    t,
    [
      ...["chat-soak", "--json", "--url", `${server.url}/ws/chat`, "--profile", "smoke"],
      ...["--", "--out", `realtime-influxdb=http://127.0.0.1:${port}/?org=a&bucket=none`],
    ],
    { env: { INFLUX_TOKEN: "secret" } },
  );
  const { summary } = JSON.parse(out);
  assert.deepEqual([code, summary.verdict, summary.thresholds], [3, "incomplete", []], out);
  assert.match(
    summary.reason,
    /^the load did not begin: writing to InfluxDB \(http:.*bucket none.*\): no such bucket$/,
  );
  assert.equal(server.stats().connectionsOpened, 0);
});
