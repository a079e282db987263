import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { FLAGS } from "../../server/command-line.ts";
import { TimingSchema } from "../../server/completion-timing.ts";
import { ENDPOINTS } from "../../server/endpoints.ts";
import { FaultsSchema } from "../../server/faults.ts";
import { OptionsSchema } from "../../server/options.ts";
import { startServer } from "../../server/server.ts";
import { SLOW_READER_POLICIES } from "../../server/slow-reader.ts";
import { STREAM_ENDPOINTS } from "../../server/streams.ts";
import { Client } from "./client.ts";

const text = readFileSync(new URL("../../docs/reference/server.md", import.meta.url), "utf8");
const server = await startServer();
after(() => server.close());

/** The names in code style in the first column of the table under `heading`. */
function named(heading: string): string[] {
  const rows = text.match(new RegExp(`\\| ${heading} \\|.*\\n\\| ---.*\\n((?:\\|.*\\n)+)`))?.[1];
  assert.ok(rows, `no table "${heading}"`);
  return [...rows.matchAll(/^\| ([^|]*) \|/gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!),
  );
}

const tables: [heading: string, names: string[]][] = [
  ["fault", Object.keys(FaultsSchema.entries)],
  ["option", Object.keys(OptionsSchema.entries)],
  ["count", Object.keys(server.stats())],
  ["timing", Object.keys(TimingSchema.entries)],
  ["policy", [...SLOW_READER_POLICIES]],
];
for (const [heading, names] of tables) {
  test(`the table "${heading}" has what the code has, and no more`, () => {
    assert.deepEqual(named(heading).sort(), names.sort());
  });
}

test("every switch in the table is one of the chat page, and no other", () => {
  const page = readFileSync(new URL("../../server/page/chat.js", import.meta.url), "utf8");
  const switches = [...page.matchAll(/^ {2}(\w+): \{ label: /gm)].map(([, name]) => name!);
  const parts = readFileSync(new URL("../../server/page/chat.html", import.meta.url), "utf8");
  assert.deepEqual(
    named("switch").map((example) => example.split("=")[0]!),
    switches,
  );
  for (const [, id] of parts.matchAll(/data-testid="([^"]+)"/g)) assert.ok(text.includes(`\`${id}\``), id);
});

test("every path in the table is an endpoint", () => {
  const paths = named("path").filter((name) => name.startsWith("/"));
  const patterns = [...ENDPOINTS, ...STREAM_ENDPOINTS].map(({ path }) => path);
  assert.equal(paths.length, new Set(patterns).size);
  for (const path of paths)
    assert.ok(
      patterns.some((pattern) => pattern.test(path)),
      path,
    );
});

test("every request in the table is answered", async () => {
  for (const request of named("request")) {
    const [method, path] = request.split(" ") as [string, string];
    const { status } = await fetch(server.httpUrl + path, { method });
    assert.equal(status, method === "POST" ? 400 : 200, request); // without a body
  }
});

test("every flag in the text exists", () => {
  for (const [, flag] of text.matchAll(/--([a-z][a-z-]+)/g)) {
    // --asyncapi makes another server of it.
    assert.ok(
      ["help", "asyncapi"].includes(flag!) || FLAGS.some((known) => known.flag === flag),
      `--${flag}`,
    );
  }
});

test("every example of a fault is one", () => {
  const examples = [
    ...text.matchAll(/'(\{.*\})' http|`(\{"(?:\w+(?:Replies|Upgrades|Deliveries|Connections))":.*?\}\})`/g),
  ];
  assert.equal(examples.length, 6);
  for (const [, curl, inline] of examples) {
    server.faults.set(JSON.parse((curl ?? inline)!));
    server.faults.clear();
  }
});

test("every example of a delay is one", () => {
  const examples = [...text.matchAll(/`(\{"kind":[^`]*\})`/g)];
  assert.equal(examples.length, 4);
  for (const [, example] of examples) server.faults.set({ delay: JSON.parse(example!) });
  server.faults.clear();
});

/** Fields whose values are different each time. */
const VOLATILE = new Set(["timestamp", "memberId", "publisher", "msgId"]);

for (const [protocol, path] of [
  ["chat", "/ws/chat"],
  ["im", "/pinter/imserver/admin"],
] as const) {
  test(`the ${protocol} protocol is what the conversation shows`, async () => {
    const lines = text
      .match(new RegExp(`\`\`\`${protocol}\\n([^]*?)\`\`\``))![1]!
      .trim()
      .split("\n");
    const client = await Client.connect(server.url + path);
    let teacher: string | undefined; // stands for the one in the text
    const inText = "cf2137234f3943e3898df8fcd14f099a__mtx";
    for (const line of lines) {
      const message = line.slice(2).replaceAll(inText, (id) => teacher ?? id);
      if (line.startsWith("→")) {
        client.ws.send(message);
        continue;
      }
      const came = await client.json();
      const expected = JSON.parse(message);
      if (came.type === "match") teacher = expected.msg = came.msg;
      for (const field of VOLATILE) {
        assert.equal(typeof came[field], typeof expected[field], field);
        if (field in expected) expected[field] = came[field];
      }
      assert.deepEqual(came, expected);
    }
  });
}
