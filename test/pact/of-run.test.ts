/** A pact from a run: the engine keeps a message of each kind, from which `pact write` makes it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { WebSocketServer } from "ws";
import { exampleLines, redacted } from "../../lib/contract/examples.ts";
import { looseOf } from "../../lib/contract/expected.ts";
import { loadContract } from "../../lib/contract/load.ts";
import { readTraffic } from "../../lib/pact/traffic.ts";
import { runMain } from "../cli/run-main.ts";
import { OUR_K6, runK6, STOCK_K6 } from "../k6/run.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const PROTOCOL = {
  name: "market",
  probe: { send: `{"type":"ask","id":\${id},"pin":\${token}}` },
  reply: ["ack", "answer"].map((name) => ({ name, match: "id", where: { "/type": name }, id: "/id" })),
  delivery: { where: { "/type": "price" } },
};

const kind = (type: string, required: Record<string, object>, more: Record<string, object> = {}) => ({
  type: "object",
  required: ["type", ...Object.keys(required)],
  additionalProperties: false,
  properties: { type: { const: type }, ...required, ...more },
});
const [text, number, integer] = [{ type: "string" }, { type: "number" }, { type: "integer" }];

const CONTRACT = {
  messages: {
    welcome: kind("welcome", { token: text, motd: text }),
    price: kind("price", { symbol: text, value: number, lot: integer }, { note: text }),
    ack: kind("ack", { id: text }),
    answer: kind("answer", { id: text }),
    news: kind("news", { text }),
    ask: { from: "client", schema: kind("ask", { id: text, pin: text }) },
  },
};

const ASKS = 6;
const OPEN_SESAME = "open-sesame";
const SIGNED = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0x";

/** @param value that prices have */
async function market(t: TestContext, value: unknown) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  await once(server, "listening");
  let [asks, enough] = [0, () => {}];
  const asked = new Promise<void>((resolve) => {
    enough = resolve;
  });
  server.on("connection", (socket) => {
    const send = (message: object) => socket.send(JSON.stringify(message));
    send({ type: "welcome", token: "4711", motd: `by ${OPEN_SESAME} and ${SIGNED}` });
    socket.on("message", (data) => {
      const { id } = JSON.parse(String(data));
      // A try has no note: it is not promised. Nor are the decimal places.
      const ofRun = id.startsWith("try-") ? {} : { note: "limit up" };
      send({ type: "price", symbol: "ACME", value, lot: 3, ...ofRun });
      for (const type of ["ack", "answer"]) send({ type, id });
      if (id.startsWith("try-")) socket.close(4000, "all was said");
      if (++asks >= ASKS) enough();
    });
  });
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

async function files(t: TestContext) {
  const folder = await temporaryDirectory(t);
  await writeFile(join(folder, "market.json"), JSON.stringify(PROTOCOL));
  await writeFile(join(folder, "contract.json"), JSON.stringify(CONTRACT));
  return {
    folder,
    PROTOCOL_FILE: join(folder, "market.json"),
    env: { CONTRACT: join(folder, "contract.json"), CONTRACT_EXAMPLES: "true" },
  };
}

const load = { CONNECTIONS: 2, DURATION: "10m", PROBE_INTERVAL: "500ms", WS_TOKEN: OPEN_SESAME };

describe("a pact from a run", { concurrency: true }, () => {
  for (const [name, scenario, more] of [
    ["a swarm", "mass-soak", { RATE: 100 }],
    ["a swarm whose own messages are unchecked", "mass-soak", { RATE: 100, CONTRACT_SENT: "none" }],
    ["the engine's sockets", "x/chat-soak", { RAMP: "100ms", SESSION: "10m" }],
    ["those, unchecked", "x/chat-soak", { RAMP: "100ms", SESSION: "10m", CONTRACT_SENT: "none" }],
  ] as const)
    test(`${name}: the server keeps it, and one that breaks the contract does not`, async (t) => {
      const { url, asked } = await market(t, 15);
      const { folder, PROTOCOL_FILE, env } = await files(t);
      const { stderr, results } = await runK6(t, {
        scenario,
        k6: OUR_K6,
        env: { ...load, ...more, ...env, PROTOCOL_FILE, WS_URL: url },
        onStart: (k6) => void asked.then(() => k6.kill("SIGINT")),
      });
      const kept = (await readdir(results)).find((one) => one.endsWith(".messages.jsonl"));
      assert.equal(kept, `${scenario.replace("x/", "")}.messages.jsonl`, stderr);
      const lines = await readFile(join(results, kept), "utf8");
      const traffic = readTraffic(lines, kept);
      assert.deepEqual(
        traffic.map(({ from, kind, probe }) => `${from} ${kind}, ${probe}`),
        [
          "server welcome, undefined",
          "server price, undefined",
          ...["ack", "answer"].flatMap((reply) => [
            `client ${"CONTRACT_SENT" in more ? undefined : "ask"}, ${reply}`,
            `server ${reply}, ${reply}`,
          ]),
        ],
      );
      const ids = traffic.flatMap(({ from, probe, text }) =>
        from === "server" && probe !== undefined ? [JSON.parse(text).id] : [],
      );
      assert.equal(ids[0], ids[1], "of one probe");
      for (const secret of [OPEN_SESAME, SIGNED, "4711"]) assert.ok(!lines.includes(secret), secret);

      const argv = [
        "pact",
        "write",
        "--consumer",
        "Desk",
        "--provider",
        "Market",
        "--messages",
        join(results, kept),
      ];
      const written = await runMain(argv, { cwd: folder });
      assert.equal(
        written.out,
        "wrote Desk-Market.json: 2 messages and 2 exchanges, of 6 messages seen\n",
        written.err,
      );
      const { interactions } = JSON.parse(await readFile(join(folder, "Desk-Market.json"), "utf8"));
      const [, , , exchange] = interactions;
      assert.deepEqual(
        [exchange.type, exchange.description, exchange.request.contents.content],
        [
          "Synchronous/Messages",
          'a message "ask", answered with a message "answer"',
          { type: "ask", id: "***", pin: "***" },
        ],
      );
      assert.deepEqual(exchange.response[0].contents.content, { type: "answer", id: ids[1] });

      const verifyAt = (at: string) =>
        runMain(
          [
            "pact",
            "verify",
            "Desk-Market.json",
            "--",
            "--url",
            at,
            "--protocol-file",
            "market.json",
            "--probes",
            "1",
          ],
          {
            cwd: folder,
          },
        );
      const same = await verifyAt(url);
      assert.match(same.out, /^4 of 4 interactions kept/m);
      assert.equal(same.code, 0, same.out + same.err);
      const other = await verifyAt((await market(t, "1.5")).url);
      assert.match(other.out, /\$\.value: expected a number, got "1\.5" \(number\)/);
      assert.equal(other.code, 99);
    });

  test("where it cannot be, it is refused by name", async (t) => {
    const { env: given, folder } = await files(t);
    const { CONTRACT_EXAMPLES } = given;
    const env = { ...given, CONTRACT_SENT: "none" };
    for (const [scenario, k6, settings, said] of [
      [
        "massconnect",
        OUR_K6,
        { CONTRACT_EXAMPLES },
        /CONTRACT_EXAMPLES: expected CONTRACT with it, .*got none/,
      ],
      ["chat-soak", STOCK_K6, env, /CONTRACT_EXAMPLES: expected bin\/k6 .*got stock k6's sockets/],
      ["massconnect", OUR_K6, { ...env, RESULTS_DIR: "" }, /CONTRACT_EXAMPLES: expected RESULTS_DIR with it/],
    ] as const) {
      const { code, stderr } = await runK6(t, { scenario, k6, env: { CONNECTIONS: 1, ...settings } });
      assert.match(stderr, said);
      assert.notEqual(code, 0);
    }
    const argv = [
      "run",
      "massconnect",
      "--instances",
      "2",
      "--contract",
      env.CONTRACT,
      "--contract-sent",
      "none",
    ];
    const { err, code } = await runMain([...argv, "--contract-examples", "true"], { cwd: folder });
    assert.match(err, /CONTRACT_EXAMPLES: expected one instance/);
    assert.equal(code, 2);
  });
});

test("what a member with a secret's name holds is hidden, with its types; all else stays as it is written", () => {
  const hide = (value: string) => value.replace("hunter2", "***");
  for (const [json, left] of [
    [`{"a" : 1.0, "b":[1e2,"x\\u0041"]}`, `{"a" : 1.0, "b":[1e2,"x\\u0041"]}`],
    [`{"token":"a","b":"token"}`, `{"token":"***","b":"token"}`],
    [
      `{"session_id":{"a":[7,1.5,true,null,"x"]},"b":7}`,
      `{"session_id":{"a":[0,0.0,true,null,"***"]},"b":7}`,
    ],
    [`{"\\u0074oken":"a\\"}","b":"c"}`, `{"\\u0074oken":"***","b":"c"}`],
    [`["hunter2",{"text":"is hunter2","type":"hunter2"}]`, `["***",{"text":"is ***","type":"hunter2"}]`],
    [`"hunter2"`, `"***"`],
  ] as const)
    assert.equal(redacted(json, hide), left);
});

test("of a message that is expected what the contract requires, and of one type", () => {
  const only = {
    allOf: [{ $ref: "#/$defs/base" }],
    type: "object",
    required: ["items", "either", "any", "const", "self"],
    properties: {
      items: { type: "array", items: { $ref: "#/$defs/item" } },
      either: { type: ["string", "null"] },
      any: {},
      const: { const: 5 },
      self: { $ref: "#/messages/only" },
      "a/b": text,
    },
  };
  const $defs = {
    item: { type: "object", required: ["n", "k"], properties: { n: number, k: integer } },
    base: { required: ["id"], properties: { id: text } },
  };
  const contract = loadContract("a.json", () => ({ $defs, messages: { only } }));
  const message = {
    ...{ id: "1", items: [{ n: 1, k: 1, more: 1 }], either: "", any: 1, const: 5, "a/b": "", new: 1 },
    self: { id: "2", either: null },
  };
  assert.deepEqual(looseOf(contract, "only", message), {
    optional: ["/items/0/more", "/either", "/any", "/a~1b", "/new", "/self/either"],
    numbers: ["/items/0/n", "/const"],
  });
});

const LOOSE = loadContract("a.json", () => ({
  messages: {
    login: { from: "client", schema: { required: ["type"], properties: { type: { const: "login" } } } },
    tick: kind("tick", { t: integer, price: number }, { note: text }),
  },
}));

test("of our own messages no text is kept but the kind's", () => {
  const text = `{"type":"login","user":"ann","age":7}`;
  const [line] = readTraffic(
    exampleLines(LOOSE, [{ kind: "login", from: "client", role: "", text, exchange: "" }], []),
    "lines",
  );
  assert.equal(line!.text, `{"type":"login","user":"***","age":7}`);
});

test("several files are read as one: what all messages of a kind have", async (t) => {
  const folder = await temporaryDirectory(t);
  const messages = [`{"t":1,"price":2,"note":"x"}`, `{"t":1,"price":2.5}`];
  for (const [i, text] of messages.entries()) {
    const lines = exampleLines(
      LOOSE,
      [{ kind: "tick", from: "server", role: "delivery", text, exchange: "" }],
      [],
    );
    await writeFile(join(folder, `${i}.jsonl`), lines);
  }
  const given = ["--messages", "0.jsonl", "--messages", "1.jsonl"];
  const { out } = await runMain(["pact", "write", "--consumer", "a", "--provider", "b", ...given], {
    cwd: folder,
  });
  assert.match(out, /^wrote a-b\.json: 1 message and 0 exchanges/);
  const [only] = JSON.parse(await readFile(join(folder, "a-b.json"), "utf8")).interactions;
  assert.equal(only.description, 'a message "tick"');
  assert.deepEqual(only.contents.content, { t: 1, price: 2 });
  assert.deepEqual(only.matchingRules.body["$.price"].matchers, [{ match: "number" }]);
  const { err } = await runMain(["pact", "verify", "a-b.json", ...given], { cwd: folder });
  assert.match(err, /expected one --messages FILE, got 2/);
});

test("exchanges that look alike have descriptions of their own", async (t) => {
  const folder = await temporaryDirectory(t);
  const of = (exchange: string, answer: string) =>
    [
      { kind: "", from: "client", role: "", text: `{"type":"buy"}`, exchange },
      { kind: "", from: "server", role: "reply", text: answer, exchange },
    ] as const;
  const several = [...of("taken", `{"type":"order"}`), ...of("done", `{"type":"order","price":2}`)];
  await writeFile(join(folder, "of.jsonl"), exampleLines(LOOSE, several, []));
  const { out } = await runMain(
    ["pact", "write", "--consumer", "a", "--provider", "b", "--messages", "of.jsonl"],
    { cwd: folder },
  );
  assert.match(out, /0 messages and 2 exchanges/);
  const { interactions } = JSON.parse(await readFile(join(folder, "a-b.json"), "utf8"));
  const described = interactions.map(({ description }: { description: string }) => description);
  const first = 'a message "buy", answered with a message "order"';
  assert.deepEqual(described, [first, `${first}, form 2`]);
});
