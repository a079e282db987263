/** Messages of ours against a contract: what breaks it is our doing, never the server's. */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { WebSocketServer } from "ws";
import type { Summary } from "../../lib/summary/summary.ts";
import { lastLine, tryOut } from "../cli/try-out.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { counter, countsBy } from "./figures.ts";
import { OUR_K6, runK6, STOCK_K6 } from "./run.ts";

const PROTOCOL = {
  name: "desk",
  session: [
    {
      send: `{"type":"join","room":\${room}}`,
      await: { where: { "/type": "joined" } },
      capture: { ticket: "/ticket" },
    },
  ],
  probe: { send: `{"type":"ask","id":\${id},"ticket":\${ticket}}` },
  reply: [{ name: "answer", match: "id", where: { "/type": "answer" }, id: "/id" }],
};

const kind = (type: string, fields: Record<string, object> = {}) => ({
  type: "object",
  required: ["type", ...Object.keys(fields)],
  additionalProperties: false,
  properties: { type: { const: type }, ...fields },
});

/** The desk asks for small tickets, of which the client alone can send another. */
const contractWith = (room: object) => ({
  messages: {
    join: { from: "client", first: true, schema: kind("join", { room }) },
    ask: {
      from: "client",
      after: "joined",
      schema: kind("ask", { id: { type: "string" }, ticket: { type: "integer", maximum: 5 } }),
    },
    joined: { after: "join", schema: kind("joined", { ticket: { type: "integer" } }) },
    answer: { after: "ask", schema: kind("answer", { id: { type: "string" } }) },
  },
});

/** So many, and the run may end. */
const ASKS = 6;

/** Answers whatever it is asked, and counts. */
async function desk(t: TestContext, ticket: number) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  await once(server, "listening");
  const got: Record<string, number> = {};
  let enough = () => {};
  const asked = new Promise<void>((resolve) => {
    enough = resolve;
  });
  server.on("connection", (socket) => {
    got.connection = (got.connection ?? 0) + 1;
    socket.on("message", (data) => {
      const { type, id } = JSON.parse(String(data)) as { type: string; id?: string };
      got[type] = (got[type] ?? 0) + 1;
      if ((got.ask ?? 0) >= ASKS) enough();
      socket.send(JSON.stringify(type === "join" ? { type: "joined", ticket } : { type: "answer", id }));
    });
  });
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, got, asked };
}

async function files(t: TestContext, room: object) {
  const folder = await temporaryDirectory(t);
  const [PROTOCOL_FILE, CONTRACT] = [join(folder, "desk.json"), join(folder, "desk.contract.json")];
  await writeFile(PROTOCOL_FILE, JSON.stringify(PROTOCOL));
  await writeFile(CONTRACT, JSON.stringify(contractWith(room)));
  return { PROTOCOL_FILE, CONTRACT };
}

/** Of the values that occurred. */
const by = (summary: Summary, metric: string, tag: string): Record<string, number> =>
  Object.fromEntries(Object.entries(countsBy(summary, metric, tag)).filter(([, count]) => count > 0));

const often = { CONNECTIONS: 3, DURATION: "10m", PROBE_INTERVAL: "500ms" };
const soak = { ...often, RAMP: "100ms", RAMP_DOWN: "100ms", SESSION: "10m" };
const mass = { ...often, RATE: 100 };
const KINDS = [
  ["stock k6", "chat-soak", STOCK_K6, soak],
  ["the engine's sockets", "x/chat-soak", OUR_K6, soak],
  ["a swarm", "mass-soak", OUR_K6, mass],
] as const;

describe("messages of ours", { concurrency: true }, () => {
  for (const [name, scenario, k6, load] of KINDS) {
    test(`${name}: those that break the contract are counted, and leave the run incomplete`, async (t) => {
      const { url, got } = await desk(t, 9);
      // It ends by itself: an interrupted script may have counted a probe that it did not check yet.
      const env = {
        ...load,
        DURATION: "4s",
        REPLY_TIMEOUT: "2s",
        WS_URL: url,
        ...(await files(t, { type: "string" })),
      };
      const { summary, stderr } = await runK6(t, { scenario, k6, env });
      assert.ok(summary, stderr);
      const ask = counter(summary, "ws_probes");
      assert.ok(ask > 0, stderr);
      assert.deepEqual(by(summary, "ws_contract_sent_messages", "kind"), { join: got.join, ask });
      assert.deepEqual(by(summary, "ws_contract_sent_violations", "kind"), { ask });
      assert.deepEqual(by(summary, "ws_contract_sent_violations", "rule"), { maximum: ask });
      assert.equal(counter(summary, "ws_contract_sent_unchecked"), 0);
      // Our messages are known when the server's come that must come after them.
      assert.equal(counter(summary, "ws_contract_violations"), 0);
      assert.equal(summary.verdict, "incomplete");
      assert.match(summary.reason ?? "", /of ours broke the contract/);
      const said = "contract, our own message: ask /ticket: expected maximum 5, got 9 (maximum)";
      assert.ok(stderr.includes(said), stderr);
      const note = k6 === OUR_K6 ? said : "contract, our own message: maximum was broken";
      assert.ok(
        summary.notes?.some((one) => one.startsWith(note)),
        summary.notes?.join("\n"),
      );
    });

    test(`${name}: those known beforehand to break it are refused before anything connects`, async (t) => {
      const { url, got, asked } = await desk(t, 1);
      const env = { ...load, WS_URL: url, ...(await files(t, { type: "integer" })) };
      const refused = await runK6(t, { scenario, k6, env });
      assert.match(
        refused.stderr,
        /CONTRACT: expected messages of ours to keep to it, got session\[0\] of the protocol.*our own message: join \/room: expected integer, got a text \(type\)/,
      );
      assert.deepEqual(got, {});
      assert.notEqual(refused.code, 0);
      const onStart = (process: ChildProcess) => void asked.then(() => process.kill("SIGINT"));
      const unchecked = { ...env, CONTRACT_SENT: "none" };
      const { summary, stderr } = await runK6(t, { scenario, k6, env: unchecked, onStart });
      assert.ok(summary && got.ask, stderr);
      assert.doesNotMatch(summary.reason ?? "", /of ours/);
      assert.equal(summary.metrics.ws_contract_sent_messages, undefined);
    });
  }
});

test("try shows them, and does not hold them against the server", async (t) => {
  const { url } = await desk(t, 9);
  const { PROTOCOL_FILE, CONTRACT } = await files(t, { type: "string" });
  const flags = ["--url", url, "--protocol-file", PROTOCOL_FILE, "--contract", CONTRACT, "--for", "3s"];
  const tried = await tryOut(flags);
  assert.match(tried.out, /= session\n +(\d.*\n.*)?= contract: join\n/);
  assert.match(tried.out, /! contract, our own message: ask \/ticket: expected maximum 5, got 9/);
  assert.match(lastLine(tried), /contract, our own message: ask \/ticket/);
  assert.equal(tried.code, 3, tried.out);
  const unchecked = await tryOut([...flags, "--contract-sent", "none"]);
  assert.doesNotMatch(unchecked.out, /our own message/);
});
