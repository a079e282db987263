/** Shards: which virtual user drives what, and what is refused because connections would be missing. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { accept, rawServer } from "../raw-server.ts";
import { runScript, runSwarm } from "./run.ts";

const numbersOf = (requests: readonly string[]): number[] =>
  requests.map((request) => Number(/n=(\d+)/.exec(request)?.[1])).sort((a, b) => a - b);

async function listener(t: TestContext) {
  const requests: string[] = [];
  const url = await rawServer(t, (socket, request) => {
    requests.push(request);
    socket.write(accept(request));
  });
  return { server: `${url}?n=\${connection}`, requests };
}

test("three shards open every connection once", async (t) => {
  const { server, requests } = await listener(t);
  const run = await runSwarm(t, { servers: [server], connections: 20, shards: 3, holdMs: 300 });
  assert.equal(run.code, 0, run.stderr);
  assert.deepEqual(
    numbersOf(requests),
    Array.from({ length: 20 }, (_, i) => i),
  );
  assert.deepEqual(run.outcomes.map(({ wanted }) => wanted).sort(), [6, 7, 7]);
  assert.equal(run.values.ws_active_sessions?.max, 20, "the gauge is of the whole process");
  assert.equal(run.values.ws_active_sessions?.value, 0);
  assert.equal(run.distributions.find(({ metric }) => metric === "ws_connect_latency_ms")?.count, 20);
});

test("two execution segments open every connection once between them", async (t) => {
  const { server, requests } = await listener(t);
  const runs = await Promise.all(
    ["0:1/2", "1/2:1"].map((segment) =>
      runSwarm(
        t,
        { servers: [server], connections: 9, shards: 4, holdMs: 300 },
        { args: ["--execution-segment", segment, "--execution-segment-sequence", "0,1/2,1"] },
      ),
    ),
  );
  assert.deepEqual(numbersOf(requests), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assert.equal(
    runs.reduce((sum, { counts }) => sum + (counts.get("ws_sessions_opened") ?? 0), 0),
    9,
  );
});

test("a swarm shares its test with another scenario, on whichever virtual users k6 gives it", async (t) => {
  const { server, requests } = await listener(t);
  const scenarioOf = (exec: string, vus: number) => ({
    ...{ executor: "per-vu-iterations", vus, iterations: 1, maxDuration: "60s", gracefulStop: "1s", exec },
  });
  // The other has k6's first virtual users when the swarm begins.
  const options = {
    scenarios: { other: scenarioOf("other", 3), swarm: { ...scenarioOf("drive", 3), startTime: "500ms" } },
  };
  for (const segment of [[], ["0:1/2", "1/2:1"]]) {
    const runs = await Promise.all(
      (segment.length > 0 ? segment : ["0:1"]).map((part) =>
        runScript(
          t,
          `
import { sleep } from "k6";
import { Swarm } from "k6/x/realtime";
const swarm = new Swarm(${JSON.stringify({ servers: [server], connections: 20, shards: 3, rate: 10_000, holdMs: 300 })});
export const options = ${JSON.stringify(options)};
export function other() { sleep(2); }
export async function drive() { console.log("outcome " + JSON.stringify(await swarm.run())); }`,
          {
            args: [
              "--execution-segment",
              part,
              ...(segment.length > 0 ? ["--execution-segment-sequence", "0,1/2,1"] : []),
            ],
          },
        ),
      ),
    );
    for (const { code, stderr } of runs) assert.equal(code, 0, stderr);
    assert.deepEqual(
      numbersOf(requests.splice(0)),
      Array.from({ length: 20 }, (_, i) => i),
    );
    assert.equal(runs.flatMap(({ outcomes }) => outcomes).length, 3);
  }
});

test("fewer virtual users than shards are refused: connections would be missing", async (t) => {
  const { server, requests } = await listener(t);
  const run = await runSwarm(t, { servers: [server], connections: 9, shards: 4 }, { vus: 3 });
  assert.match(run.stderr, /Swarm\.shards: expected the number of the scenario's virtual users, 3, got 4/);
  assert.deepEqual(requests, []);
});

test("more virtual users than shards are refused", async (t) => {
  const { server, requests } = await listener(t);
  const run = await runSwarm(t, { servers: [server], connections: 9, shards: 2 }, { vus: 3 });
  assert.match(run.stderr, /virtual user 3 has no shard: shards is 2/);
  assert.deepEqual(requests, []);
});

test("a wrong option ends the test before any virtual user starts", async (t) => {
  const run = await runSwarm(t, { servers: ["ws://127.0.0.1:9"], connections: 0 });
  assert.equal(run.code, 107);
  assert.match(run.stderr, /Swarm\.connections: expected a whole number from 1 to 1000000, got 0/);
});

test("^C closes the connections and ends the run in a moment", async (t) => {
  const { server } = await listener(t);
  const run = await runSwarm(
    t,
    { servers: [server], connections: 5, holdMs: 50_000, timeouts: { closeMs: 100 } },
    {
      args: ["--quiet=false"],
      onOutput: (text, interrupt) => {
        if (/0 complete/.test(text)) interrupt();
      },
    },
  );
  assert.equal(run.code, 105, run.stderr);
  assert.equal(run.counts.get("ws_sessions_opened"), 5);
  assert.equal(run.counts.get("ws_sessions_closed"), 5);
  assert.equal(
    run.counts.get("ws_message_errors{reason:close_unanswered}"),
    5,
    "this server answers no Close",
  );
  assert.equal(run.counts.get("ws_connection_drops"), undefined, "what this side ended is no drop");
  assert.deepEqual(run.outcomes, []);
});

test("maxDuration ends a swarm that holds for longer", async (t) => {
  const { server } = await listener(t);
  const run = await runSwarm(
    t,
    { servers: [server], connections: 5, holdMs: 50_000, timeouts: { closeMs: 100 } },
    {
      options: {
        scenarios: {
          swarm: { executor: "per-vu-iterations", vus: 1, maxDuration: "1s", gracefulStop: "0s" },
        },
      },
    },
  );
  assert.equal(run.counts.get("ws_sessions_closed"), 5, run.stderr);
});

test("connections that are not open in time end the run, and are counted", async (t) => {
  const run = await runSwarm(t, {
    servers: ["ws://127.0.0.1:1"],
    connections: 3,
    retries: -1,
    retryDelayMs: 50,
    reachWithinMs: 500,
  });
  assert.match(run.stderr, /not all connections were open after 500ms \(reachWithinMs\)/);
  assert.equal(run.counts.get("ws_connections_given_up"), 3);
  assert.ok((run.counts.get("ws_connect_failures{reason:refused}") ?? 0) >= 6, "they were tried again");
});
