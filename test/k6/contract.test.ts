/** Messages against a contract: on stock sockets, on the engine's, and in swarms, every count is exact. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Summary } from "../../lib/summary/summary.ts";
import { type BreakingServer, breakingServer, WAYS } from "../contracts/breaking-server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { countsBy } from "./figures.ts";
import { type K6Command, type K6Run, OUR_K6, runK6, STOCK_K6 } from "./run.ts";

const CONTRACT = fileURLToPath(new URL("../contracts/orders.json", import.meta.url));

const CONNECTIONS = 20;
const PER_CONNECTION = 100;
/** Each another number, so that none can stand for another. */
const TIMES = WAYS.map((_, i) => i + 3);

const ASKING = {
  name: "orders",
  probe: { send: `{"type":"ask","id":"\${id}"}` },
  reply: [{ name: "answer", match: "id", where: { "/type": "answer" }, id: "/id" }],
  delivery: { where: { "/type": "order" } },
  heartbeat: [{ when: { where: { "/type": "sync" } }, answer: `{"type":"synced"}` }],
};

/** Runs until the server knows that all was read, and then as k6 ends when it is told to. */
async function untilRead(t: TestContext, server: BreakingServer, command: K6Command): Promise<K6Run> {
  t.after(() => server.close());
  const run = await runK6(t, {
    ...command,
    env: { WS_URL: server.url, PREFLIGHT: "none", CONNECTIONS, CONTRACT, ...command.env },
    onStart: (k6) => void server.done.then(() => k6.kill("SIGINT")),
  });
  assert.ok(run.summary, run.stderr);
  return run;
}

function sums(of: "kind" | "rule"): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const [i, way] of WAYS.entries()) sum[way[of]] = (sum[way[of]] ?? 0) + TIMES[i]!;
  return sum;
}

/** @param answers those in time */
function checkCounts(summary: Summary, answers: number): void {
  assert.deepEqual(countsBy(summary, "ws_contract_violations", "rule"), sums("rule"));
  assert.deepEqual(countsBy(summary, "ws_contract_violations", "kind"), sums("kind"));
  const { order, ...others } = countsBy(summary, "ws_contract_messages", "kind");
  const [unknown, again] = [TIMES[9]!, TIMES[10]!];
  assert.equal(order, CONNECTIONS * PER_CONNECTION - unknown - again);
  assert.equal(others.welcome, CONNECTIONS + again);
  assert.equal(others.unknown, unknown);
  assert.ok((others.answer ?? 0) >= answers, "those that came late are checked as well");
  const limit = summary.thresholds.find(({ metric }) => metric === "ws_contract_violations");
  assert.equal(limit?.ok, false, "which fails the run");
}

/** What is said of each way, once, with how often it came. */
function checkFindings({ notes = [] }: Summary): void {
  for (const [i, { said }] of WAYS.entries())
    assert.equal(
      notes.filter((note) => note === `contract: ${said}, ${TIMES[i]} times`).length,
      1,
      `${said}\n${notes.join("\n")}`,
    );
}

const plan = { connections: CONNECTIONS, perConnection: PER_CONNECTION, times: TIMES };
const LONG = { DURATION: "10m", RATE: 200 };

async function asking(t: TestContext): Promise<string> {
  const file = join(await temporaryDirectory(t), "orders-protocol.json");
  await writeFile(file, JSON.stringify(ASKING));
  return file;
}

test("a swarm that only holds its connections", async (t) => {
  const server = await breakingServer(plan);
  const { summary } = await untilRead(t, server, { scenario: "massconnect", k6: OUR_K6, env: LONG });
  checkCounts(summary!, 0);
  checkFindings(summary!);
  assert.ok(
    summary!.notes!.includes("contract: kinds that never came: sync, answer"),
    summary!.notes!.join("\n"),
  );
  assert.ok(
    summary!.notes!.includes("contract: fields and values that never came: order/pad"),
    summary!.notes!.join("\n"),
  );
});

test("a swarm that asks", async (t) => {
  const server = await breakingServer(plan);
  const { summary } = await untilRead(t, server, {
    scenario: "mass-soak",
    k6: OUR_K6,
    env: { ...LONG, PROTOCOL_FILE: await asking(t), PROBE_INTERVAL: "200ms" },
  });
  const { ws_replies } = summary!.metrics;
  assert.ok(ws_replies?.kind === "counter");
  checkCounts(summary!, ws_replies.count);
  checkFindings(summary!);
});

const soak = { DURATION: "10m", RAMP: "500ms", SESSION: "10m", PROBE_INTERVAL: "1s" };

for (const [sockets, scenario, k6] of [
  ["stock k6", "chat-soak", STOCK_K6],
  ["the engine", "x/chat-soak", OUR_K6],
] as const) {
  test(`the sockets of ${sockets}`, async (t) => {
    const server = await breakingServer({ ...plan, handledBy: "message" });
    const run = await untilRead(t, server, {
      scenario,
      k6,
      env: { ...soak, PROTOCOL_FILE: await asking(t) },
    });
    const { ws_replies } = run.summary!.metrics;
    assert.ok(ws_replies?.kind === "counter");
    const { ws_contract_unchecked } = run.summary!.metrics;
    assert.ok(ws_contract_unchecked?.kind === "counter");
    assert.equal(ws_contract_unchecked.count, 0);
    checkCounts(run.summary!, ws_replies.count);
    if (k6 === OUR_K6) checkFindings(run.summary!);
    for (const { said } of WAYS)
      assert.ok(run.stderr.includes(`contract: ${said}`.replaceAll('"', '\\"')), said);
  });
}

test("a profile may loosen the limit", async (t) => {
  const server = await breakingServer(plan);
  const profile = join(await temporaryDirectory(t), "loose.json");
  await writeFile(profile, JSON.stringify({ thresholds: { ws_contract_violations: ["count<1000"] } }));
  const { summary } = await untilRead(t, server, {
    scenario: "massconnect",
    k6: OUR_K6,
    env: { ...LONG, PROFILE: profile },
  });
  const limits = summary!.thresholds.filter(({ metric }) => metric === "ws_contract_violations");
  assert.deepEqual(
    limits.map(({ expression, ok }) => [expression, ok]),
    [["count<1000", true]],
  );
});

test("the script that reads contracts, which the engine needs too, has no validator in it", async () => {
  const script = (name: string) => readFile(new URL(`../../dist/${name}.js`, import.meta.url), "utf8");
  const ajv = /^\/\/ node_modules\/ajv\//m;
  assert.match(await script("contract-checker"), ajv);
  for (const reader of ["contract", "x/contract"]) assert.doesNotMatch(await script(reader), ajv);
});

test("a contract that cannot be used ends the run before the first connection", async (t) => {
  const folder = await temporaryDirectory(t);
  const contract = join(folder, "bad.json");
  await writeFile(contract, `{"$ref": "https://example.com/a.json"}`);
  for (const [scenario, k6] of [
    ["chat-soak", STOCK_K6],
    ["massconnect", OUR_K6],
  ] as const) {
    const run = await runK6(t, { scenario, k6, env: { CONTRACT: contract } });
    assert.notEqual(run.code, 0);
    assert.match(
      run.stderr,
      /CONTRACT: bad\.json#: expected \$ref to a file beside the contract.*nothing is fetched/,
    );
    assert.doesNotMatch(run.stderr, new RegExp(folder), "whose path is nobody's business");
  }
});
