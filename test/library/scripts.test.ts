/** Scripts of one's own: those that the documents show, run as they stand, and what they count on a server with faults. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { packageFile } from "../../cli/package-file.ts";
import type { Summary } from "../../lib/summary/summary.ts";
import { type FaultSettings, startServer } from "../../server/server.ts";
import { count, rate, trend } from "../k6/figures.ts";
import { OUR_K6, runK6, STOCK_K6 } from "../k6/run.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { bundleScript } from "./bundle-script.ts";

const PAGES = ["scripts", "own-scenarios", "round-trips", "drops", "fan-out-in-scripts"];

/** Pages whose script is no test by itself. */
const PROTOCOL_PAGES = ["protocol-in-code"];

interface Page {
  readonly file: string;
  readonly source: string;
  /** What it is shown to print. */
  readonly shown: string;
  /** The settings that it is shown to be run with. */
  readonly env: Readonly<Record<string, string>>;
}

async function pageOf(name: string): Promise<Page> {
  const text = await readFile(packageFile(`docs/guides/${name}.md`), "utf8");
  const [, file = "", source = ""] = /^```ts (\S+\.ts)\n(.*?)^```$/ms.exec(text) ?? [];
  const [, shown = ""] = /^```text\n(.*?)^```$/ms.exec(text) ?? [];
  const [, command = ""] = /^(k6 run .*)$/m.exec(text) ?? [];
  const pairs = [...command.matchAll(/-e (\w+)=(\S+)/g)].map(([, variable, value]) => [variable, value]);
  const { WS_URL: _, ...env } = Object.fromEntries(pairs);
  return { file, source, shown: shown.trim(), env };
}

interface Given {
  readonly faults?: FaultSettings;
  readonly env?: Readonly<Record<string, string | number>>;
  readonly engine?: boolean;
}

/** Runs a script against the reference server. */
async function runScript(t: TestContext, file: string, source: string, { faults, env, engine }: Given = {}) {
  const server = await startServer(faults ? { faults } : {});
  t.after(() => server.close());
  const directory = await temporaryDirectory(t);
  const path = join(directory, file);
  await writeFile(path, source);
  const scenario = await bundleScript(path, join(directory, "dist", file.replace(/ts$/, "js")), engine);
  const WS_URL = `${server.url}/ws/chat`;
  const k6 = engine ? OUR_K6 : STOCK_K6;
  const API_URL = `${server.url.replace("ws:", "http:")}/health`;
  const run = await runK6(t, { scenario, env: { WS_URL, API_URL, WS_TOKEN: "test-token", ...env }, k6 });
  const summary = JSON.parse(
    await readFile(join(run.results, file.replace(/ts$/, "summary.json")), "utf8").catch(() => {
      throw new Error(run.stderr || run.stdout);
    }),
  ) as Summary;
  return { ...run, summary, stats: server.stats() };
}

test("the scripts of the documents are typed", async (t) => {
  const directory = await temporaryDirectory(t);
  for (const name of [...PAGES, ...PROTOCOL_PAGES]) {
    const { file, source } = await pageOf(name);
    await writeFile(join(directory, file), source);
  }
  const paths = {
    "k6-realtime/*": [packageFile("lib/exports/*.ts")],
  };
  const config = {
    extends: packageFile("tsconfig.json"),
    compilerOptions: {
      paths,
      noUncheckedIndexedAccess: false,
      typeRoots: [packageFile("node_modules/@types")],
    },
    include: [directory, packageFile("extension/index.d.ts")],
  };
  await writeFile(join(directory, "tsconfig.json"), JSON.stringify(config));
  await writeFile(join(directory, "package.json"), '{ "type": "module" }');
  await symlink(packageFile("node_modules"), join(directory, "node_modules"));
  const tsc = packageFile("node_modules/typescript/bin/tsc");
  await promisify(execFile)(process.execPath, [tsc, "-p", directory]).catch((error) => {
    throw new Error(error.stdout);
  });
});

describe("each page's script prints what the page shows", { concurrency: 2 }, () => {
  for (const name of PAGES) {
    test(name, async (t) => {
      const { file, source, shown, env } = await pageOf(name);
      const { stdout, summary } = await runScript(t, file, source, { env });
      assert.equal(summary.verdict, "pass", stdout);
      assert.ok(shown !== "" && stdout.includes(shown), stdout);
    });
  }
});

for (const engine of [false, true]) {
  const sockets = engine ? "the engine's" : "stock";

  test(`round trips on ${sockets} sockets: lost and repeated replies are counted exactly`, async (t) => {
    const { file, source } = await pageOf("round-trips");
    const faults = { loseReplies: { every: 4, count: 20 }, repeatReplies: { every: 3, count: 10 } };
    const { summary, stats } = await runScript(t, file, source, { faults, engine });
    assert.deepEqual([stats.repliesLost, stats.repliesRepeated], [20, 10]);
    assert.equal(summary.verdict, "fail");
    const { passes, fails } = rate(summary, "ws_reply_success_rate");
    const probes = count(summary, "ws_probes");
    assert.equal(probes, stats.messagesReceived);
    assert.deepEqual([passes, fails], [probes - 20, 20]);
    assert.equal(count(summary, "ws_replies"), probes - 20);
    assert.equal(count(summary, "ws_messages_lost"), 20);
    assert.equal(count(summary, "ws_messages_duplicated"), 10);
    const times = trend(summary, "ws_msg_rtt_ms");
    assert.equal(times.count, probes);
    assert.equal(times.max, 2_000, "what was lost stands with the time-out");
    assert.ok(times.min! > 0);
    assert.equal(trend(summary, "ws_msg_service_ms").count, probes - 20);
  });

  test(`drops on ${sockets} sockets: by code, and none that the script made`, async (t) => {
    const { file, source } = await pageOf("drops");
    const faults: FaultSettings = {
      resetConnections: { ordinals: [1, 2, 3], afterMs: 500 },
      refuseUpgrades: { ordinals: [4, 5], status: 503 },
    };
    const { summary, stats } = await runScript(t, file, source, { faults, engine });
    assert.equal(summary.verdict, "fail");
    assert.equal(count(summary, "ws_connection_drops{code:1006}"), 3);
    assert.equal(count(summary, "ws_connection_drops"), 3);
    assert.equal(count(summary, "ws_connect_failures"), 2);
    if (engine) assert.equal(count(summary, "ws_connect_failures{reason:http_503}"), 2);
    assert.equal(count(summary, "ws_sessions_opened"), stats.connectionsOpened);
    assert.equal(count(summary, "ws_sessions_closed"), stats.connectionsOpened);
    const { passes, fails } = rate(summary, "ws_connection_drop_rate");
    assert.deepEqual([passes, fails], [3, stats.connectionsOpened - 3]);
  });

  test(`fan-out on ${sockets} sockets: lost, repeated and reordered deliveries are counted exactly`, async (t) => {
    const { file, source } = await pageOf("fan-out-in-scripts");
    const some = { every: 7, count: 10 };
    const faults = { loseDeliveries: some, repeatDeliveries: some, reorderDeliveries: some };
    const { summary, stats } = await runScript(t, file, source, { faults, engine });
    assert.deepEqual(
      [stats.deliveriesLost, stats.deliveriesRepeated, stats.deliveriesReordered],
      [10, 10, 10],
    );
    assert.equal(count(summary, "ws_publications"), stats.published);
    assert.equal(count(summary, "ws_messages_lost"), 10);
    assert.equal(count(summary, "ws_messages_duplicated"), 10);
    assert.equal(count(summary, "ws_messages_reordered"), 10);
    assert.equal(count(summary, "ws_messages_foreign"), 0);
    const { passes, fails } = rate(summary, "ws_delivery_success_rate");
    // Ten subscribers to each publication.
    assert.equal(passes + fails, 10 * stats.published);
    assert.equal(count(summary, "ws_deliveries"), 10 * stats.published - 10);
    assert.equal(trend(summary, "ws_fanout_lag_ms").count, 10 * stats.published - 10);
    // A publication of which one delivery was lost has no last subscriber.
    const spreads = trend(summary, "ws_fanout_spread_ms").count;
    assert.ok(spreads >= stats.published - 10 && spreads < stats.published, `${spreads}`);
  });

  test(`the example chat-soak.ts on ${sockets} sockets counts as the server does`, async (t) => {
    const source = await readFile(packageFile("examples/scripts/chat-soak.ts"), "utf8");
    // The counts, whatever this machine's times; and fewer users than it has in earnest.
    const patient = source
      .replace(/p\(\d+\)<\d+/g, "max>0")
      .replace("rate>0.995", "rate>0.5")
      .replaceAll(", 100)", ", 10)");
    const env = {
      PACE: 0.02,
      STAY: "5s",
      REPLY_TIMEOUT: "4s",
      PROBE_INTERVAL: "100ms",
      WS_TOKEN: "test-token",
    };
    const faults = {
      loseReplies: { every: 20, count: 5 },
      resetConnections: { ordinals: [3], afterMs: 500 },
    };
    const { summary, stats, stdout } = await runScript(t, "chat-soak.ts", patient, { env, faults, engine });
    assert.equal(summary.verdict, "pass", stdout);
    assert.equal(stats.repliesLost, 5);
    const probes = count(summary, "ws_probes");
    const unanswered = count(summary, "ws_messages_lost") + count(summary, "ws_messages_late");
    assert.equal(probes, count(summary, "ws_replies") + unanswered);
    // Each session subscribes, too. Probes that were on their way when a connection was reset are lost as well.
    const unseen = probes - (stats.messagesReceived - stats.connectionsOpened);
    assert.ok(unseen >= 0 && unseen <= unanswered - stats.repliesLost, `${unseen}`);
    assert.ok(unanswered >= 5);
    assert.equal(trend(summary, "ws_msg_rtt_ms").count, probes);
    assert.equal(count(summary, "ws_connection_drops{code:1006}"), 1);
    assert.equal(count(summary, "ws_sessions_closed"), stats.connectionsOpened);
  });
}

test("metrics, settings and limits of a scenario's own are recorded, checked and judged", async (t) => {
  const { file, source, env } = await pageOf("own-scenarios");
  const quick = { ...env, CLASS_PAUSE: "100ms" };
  const { summary, stdout } = await runScript(t, file, source, { env: quick, engine: true });
  assert.equal(summary.verdict, "pass", stdout);
  assert.equal(trend(summary, "class_heard_ms").count, 6);
  assert.equal(trend(summary, "class_heard_ms{role:teacher}").count, 1);
  assert.equal(trend(summary, "class_heard_ms{role:pupil}").count, 5);
  assert.equal(summary.tested?.settings.CLASS_PAUSE, "100ms");
  assert.match(stdout, /class_heard_ms/);
});

const refusals: Record<string, { change?: [string, string]; env?: Record<string, string>; says: RegExp }> = {
  "a wrong value of a setting of its own": {
    env: { CLASS_PAUSE: "soon" },
    says: /CLASS_PAUSE: expected a duration such as 500ms, 10s or 1m30s, got \\?"soon/,
  },
  "a setting of its own that is the toolkit's": {
    change: ["ownSettings: { CLASS_PAUSE", "ownSettings: { SESSION"],
    says: /ownSettings: expected a name in capitals that is not taken, got \\?"SESSION/,
  },
  "a limit on a metric that is not recorded": {
    change: ['class_heard_ms: ["min>=0"]', 'class_herd_ms: ["min>=0"]'],
    says: /floor: expected a metric that is recorded \(ws_connect_latency_ms, .*\), got class_herd_ms/,
  },
  "limits without one that asks for traffic": {
    change: ['ws_replies: ["count>0"],', ""],
    says: /floor: expected a Counter above nothing among them/,
  },
  "a duration that is none": {
    change: ['session: "60s"', 'session: "60 s"'],
    says: /session: expected a duration such as 60s, got \\?"60 s/,
  },
  "a metric of its own by a name that is taken": {
    change: ["metrics: { class_heard_ms", "metrics: { ws_probes"],
    says: /metrics: expected a name of at most 128 .* that is not taken, got \\?"ws_probes/,
  },
};
for (const [what, { change: [from, to] = ["", ""], env: given = {}, says }] of Object.entries(refusals)) {
  test(`refused before anything connects: ${what}`, async (t) => {
    const { file, source, env } = await pageOf("own-scenarios");
    assert.ok(source.includes(from));
    const run = runScript(t, file, source.replace(from, to), { env: { ...env, ...given } });
    await assert.rejects(run, ({ message }) => says.test(message));
  });
}

test("a script that forgets handleSummary is told so", async (t) => {
  const server = await startServer();
  t.after(() => server.close());
  const env = { WS_URL: `${server.url}/ws/chat`, WS_TOKEN: "test-token" };
  for (const name of ["own-scenarios", "scripts"]) {
    const page = await pageOf(name);
    for (const isExported of [true, false]) {
      const directory = await temporaryDirectory(t);
      const path = join(directory, page.file);
      const source = isExported ? page.source : page.source.replace("export { handleSummary, ", "export { ");
      await writeFile(path, source);
      const scenario = await bundleScript(path, join(directory, "dist/bundle.js"));
      const { stderr } = await runK6(t, { scenario, env: { ...page.env, ...env } });
      assert.equal(/exports no handleSummary/.test(stderr), !isExported, stderr);
    }
  }
});

test("a scenario runs beside executors of the script's own, and leaves its teardown to it", async (t) => {
  const { file, source, env } = await pageOf("own-scenarios");
  const more = source
    .replace("export { handleSummary, options, setup };", "export { handleSummary, setup };")
    .concat(`
      const other = { executor: "per-vu-iterations", vus: 1, iterations: 1, exec: "beside" };
      const all = { ...options, scenarios: { ...options.scenarios, other } };
      export { all as options };
      export const beside = () => console.log("beside the class");`);
  const { summary, stderr } = await runScript(t, file, more, { env });
  assert.equal(summary.verdict, "pass", summary.reason);
  assert.match(stderr, /beside the class/);
  assert.match(stderr, /class is over/);
});

describe("two loads in one script", { concurrency: 2 }, () => {
  const env = {
    ...{ CONNECTIONS: 4, RAMP: "0s", DURATION: "5s", RAMP_DOWN: "0s", SESSION: "5s", REPLY_TIMEOUT: "4s" },
    ...{ PROBE_INTERVAL: "200ms", API_DURATION: "1s" },
  };
  const exampleOf = async (...changes: readonly (readonly [from: string, to: string])[]) => {
    let source = await readFile(packageFile("examples/scripts/chat-and-api.ts"), "utf8");
    // The counts, whatever this machine's times.
    const counts = ['profile: "chat",', ""] as const;
    for (const [from, to] of [counts, ["p(95)<300", "max>0"] as const, ...changes]) {
      assert.ok(source.includes(from), from);
      source = source.replace(from, to);
    }
    return source;
  };

  test("the example chat-and-api.ts judges both, and leaves the teardown to the script", async (t) => {
    const source = await exampleOf();
    const { summary, stats, stdout, stderr } = await runScript(t, "chat-and-api.ts", source, { env });
    assert.equal(summary.verdict, "pass", stdout);
    assert.match(summary.tested!.load, /^4 connections for 5s; beside them api$/);
    assert.equal(count(summary, "ws_sessions_opened"), stats.connectionsOpened - 1, "but for the check");
    const requests = count(summary, "api_requests");
    assert.ok(requests >= 5, `${requests}`);
    assert.equal(rate(summary, "api_success_rate").passes, requests);
    assert.equal(trend(summary, "api_ms").count, requests);
    assert.equal(count(summary, "ws_shards_completed"), count(summary, "ws_shards_started"));
    assert.match(stderr, /both loads are over/);
  });

  test("a run whose second load broke a limit fails by that one alone", async (t) => {
    const wrong = ["http.get(API_URL", "http.get(`${API_URL}/nowhere`"] as const;
    const { summary } = await runScript(t, "chat-and-api.ts", await exampleOf(wrong), { env });
    assert.equal(summary.verdict, "fail");
    const broken = summary.thresholds.filter(({ ok }) => !ok).map(({ metric }) => metric);
    assert.deepEqual(broken.sort(), ["api_ms", "api_success_rate"]);
  });

  test("an iteration of the second load that throws leaves the run incomplete", async (t) => {
    const throws = [
      'record("api_requests", 1);',
      'record("api_requests", 1); throw new Error("no");',
    ] as const;
    const { summary } = await runScript(t, "chat-and-api.ts", await exampleOf(throws), { env });
    assert.equal(summary.verdict, "incomplete");
    assert.match(summary.reason, /parts of the load ended before their planned end/);
  });

  test("what both loads record is told apart by executor", async (t) => {
    const source = await exampleOf(
      ['import http from "k6/http";', 'import { MeasuredSocket, SOCKET_METRICS } from "k6-realtime/k6";'],
      ["floor: {", 'records: SOCKET_METRICS, floor: { "ws_sessions_opened{scenario:api}": ["count>=5"],'],
      ["iteration(() => {", "iteration(async () => {"],
      [
        'const { status, timings } = http.get(API_URL, { timeout: "10s" });',
        `const socket = new MeasuredSocket(__ENV.WS_URL, { record, headers: { Authorization: "Bearer test-token" } });
         const status = (await socket.opened) ? 200 : 0, timings = { duration: 1 };
         await socket.close();`,
      ],
    );
    const { summary, stats, stdout } = await runScript(t, "chat-and-api.ts", source, { env });
    assert.equal(summary.verdict, "pass", stdout);
    const [chat, api] = ["chat-and-api", "api"].map((name) =>
      count(summary, `ws_sessions_opened{scenario:${name}}`),
    );
    assert.equal(api, count(summary, "api_requests"));
    assert.equal(chat! + api!, count(summary, "ws_sessions_opened"));
    assert.equal(chat! + api!, stats.connectionsOpened - 1, "but for the check");
  });

  test("beside a swarm, the second load records nothing that the swarm does", async (t) => {
    const source = `
      import { SOCKET_METRICS } from "k6-realtime/k6";
      import { swarm } from "k6-realtime/scenarios";
      const load = { connections: 1, pace: { rate: 1 }, retries: 0, retryDelay: "1s", reachWithin: "1s", hold: "1s" };
      const { run, ...rest } = swarm({
        ...{ name: "held", settings: [], load: () => load, variables: () => ({}), records: SOCKET_METRICS },
        floor: { ws_sessions_opened: ["count>0"] },
      });
      export const { options, setup, handleSummary } = rest;
      export default run;`;
    await assert.rejects(runScript(t, "held.ts", source, { engine: true }), ({ message }) =>
      /records: expected metrics that the swarm does not record, .*, got ws_connect_latency_ms, /.test(
        message,
      ),
    );
  });

  for (const [what, from, to, says] of [
    [
      "the load's name",
      "    api: {",
      '    "chat-and-api": {',
      /executors: expected a name that is not taken, got \\?"chat-and-api/,
    ],
    [
      "no function of its own",
      'exec: "api"',
      'exec: "default"',
      /executors: api: exec: expected the name of a function .*got \\?"default/,
    ],
  ] as const)
    test(`an executor with ${what} is refused`, async (t) => {
      const run = runScript(t, "chat-and-api.ts", await exampleOf([from, to]), { env });
      await assert.rejects(run, ({ message }) => says.test(message));
    });
});
