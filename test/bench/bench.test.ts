import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { WebSocketServer } from "ws";
import { runMain } from "../cli/run-main.ts";
import { OUR_K6 } from "../k6/run.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

async function run(args: readonly string[], cwd: string, signal?: AbortSignal) {
  const env = { ...process.env, K6_PATH: OUR_K6, K6_AUTO_EXTENSION_RESOLUTION: "false" };
  const { code, out, err } = await runMain(["bench", ...args], { cwd, env, ...(signal && { signal }) });
  return { exitCode: code, out, err };
}

/** A server that sends back what `answer` makes of each message. */
async function echoes(t: TestContext, answer = (data: Buffer): Buffer => data): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  server.on("connection", (socket) =>
    socket.on("message", (data: Buffer, binary) => socket.send(answer(data), { binary })),
  );
  await new Promise((resolve) => server.once("listening", resolve));
  t.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  return `ws://127.0.0.1:${(server.address() as { port: number }).port}`;
}

/** A spec file as the older suite writes it, for these servers. */
const spec = (...servers: readonly string[]) => ({
  options: { debug: false },
  servers: servers.map((uri, i) => ({ name: `server ${i}`, uri, desc: "a server" })),
  testsets: [
    {
      mode: "echo",
      options: {
        outfile: "report_echo.txt",
        digits: 0,
        sep: "\t",
        rtts: false,
        quantile_count: 10,
        count: 50,
        timeout: 100_000,
        binary: true,
        sync: true,
        verify: false,
      },
      cases: [{ size: 0 }, { size: 64 }, { size: 1024 }],
    },
  ],
});

async function specFile(t: TestContext, content: unknown): Promise<{ cwd: string; file: string }> {
  const cwd = await temporaryDirectory(t);
  const file = join(cwd, "spec.json");
  await writeFile(file, JSON.stringify(content));
  return { cwd, file };
}

test("a spec file of the older suite gives its table, for each server and case", async (t) => {
  const { cwd } = await specFile(t, spec(await echoes(t), await echoes(t)));
  const { exitCode, out, err } = await run(["spec.json"], cwd);
  assert.equal(exitCode, 0, err);
  const rows = (await readFile(join(cwd, "report_echo.txt"), "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => line.split("\t"));
  const head = "name outcome count size min median max avg stddev q0 q1 q2 q3 q4 q5 q6 q7 q8 q9".split(" ");
  assert.deepEqual(rows[0]!.slice(0, head.length), head);
  assert.deepEqual(
    rows.slice(1).map((row) => row.slice(0, 4).join(" ")),
    ["server 0", "server 1"].flatMap((name) => [0, 64, 1024].map((size) => `${name} PASSED 50 ${size}`)),
  );
  for (const row of rows.slice(1)) {
    const [min, median, max] = row.slice(4, 7).map(Number) as [number, number, number];
    assert.ok(0 < min && min <= median && median <= max, row.join(" "));
    assert.equal(row[18], row[6], "the last quantile is the greatest");
  }
  assert.match(out, /^name +outcome +count/);
});

test("without a spec file it writes a template once, and then uses it", async (t) => {
  const cwd = await temporaryDirectory(t);
  const first = await run([], cwd);
  assert.equal(first.exitCode, 0, first.err);
  assert.match(first.out, /^wrote echo-bench\.json/);
  const file = join(cwd, "echo-bench.json");
  const template = await readFile(file, "utf8");
  await writeFile(file, template.replace("ws://127.0.0.1:9001", await echoes(t)).replace("1000", "20"));
  const second = await run(["--format", "json"], cwd);
  assert.equal(second.exitCode, 0, second.err);
  const rows = JSON.parse(second.out) as { outcome: string; echoes: number }[];
  assert.deepEqual(
    rows.map(({ outcome, echoes }) => [outcome, echoes]),
    [0, 1, 2].map(() => ["PASSED", 20]),
  );
});

test("instances share each case, and every latency of each is in the row", async (t) => {
  let messages = 0;
  const url = await echoes(t, (data) => {
    messages++;
    return data;
  });
  const shared = spec(url);
  Object.assign(shared.testsets[0]!.options, { rtts: true, count: 51 });
  const { cwd } = await specFile(t, shared);
  const { exitCode, out, err } = await run(["spec.json", "--instances", "3", "--format", "json"], cwd);
  assert.equal(exitCode, 0, err);
  const rows = JSON.parse(out) as { size: number; echoes: number; connections: number; rttsUs: number[] }[];
  assert.deepEqual(
    rows.map(({ size, echoes, connections, rttsUs }) => [size, echoes, connections, rttsUs.length]),
    [0, 64, 1024].map((size) => [size, 51, 3, 51]),
  );
  assert.equal(messages, 3 * 51);
});

test("a server that changes messages fails its rows alone", async (t) => {
  const wrong = spec(await echoes(t), await echoes(t, (data) => Buffer.alloc(data.length)));
  Object.assign(wrong.testsets[0]!.options, { verify: true });
  const { cwd } = await specFile(t, wrong);
  const { exitCode, out, err } = await run(["spec.json", "--format", "markdown"], cwd);
  assert.equal(exitCode, 99, err);
  assert.equal(out.match(/^\| server 0 \| PASSED/gm)?.length, 3, out);
  assert.equal(out.match(/^\| server 1 \| FAILED/gm)?.length, 2, "a message without content cannot change");
  assert.match(out, /server 1, 64 bytes, sync: FAILED after 0 of 50 echoes: echo 1: expected the content/);
});

const mistakes: [sentence: string, args: readonly string[], spec: unknown, says: RegExp][] = [
  [
    "a wrong field",
    ["spec.json"],
    { ...spec("ws://127.0.0.1:1"), testset: [] },
    /spec\.json: testset: expected one of/,
  ],
  ["a file that is not there", ["none.json"], {}, /none\.json: no such file/],
  [
    "a format that is none",
    ["spec.json", "--format", "xml"],
    {},
    /--format: expected text, markdown or json/,
  ],
  [
    "more instances than connections",
    ["spec.json", "--instances", "3"],
    {
      ...spec("ws://127.0.0.1:1"),
      testsets: [{ mode: "echo", cases: [{ size: 0, count: 9, connections: 2 }] }],
    },
    /testsets\[0\]\.cases\[0\]\.connections: expected a connection for each of the 3 instances/,
  ],
  [
    "a spec beside --join",
    ["spec.json", "--join", "127.0.0.1:1"],
    {},
    /--join: expected no spec, --instances or --listen beside it/,
  ],
  ["a flag that is none", ["spec.json", "--wrong"], {}, /unknown flag: --wrong/],
];
for (const [sentence, args, content, says] of mistakes) {
  test(`${sentence} is named`, async (t) => {
    const { cwd } = await specFile(t, content);
    const { exitCode, err } = await run(args, cwd);
    assert.equal(exitCode, 2, err);
    assert.match(err, says);
  });
}

test("an interruption shows what there is, and ends with its own exit code", async (t) => {
  const stop = new AbortController();
  let messages = 0;
  const url = await echoes(t, (data) => {
    if (++messages === 60) stop.abort("SIGINT");
    return data;
  });
  const long = spec(url);
  Object.assign(long.testsets[0]!.options, { count: 50, rate: 50 });
  const { cwd } = await specFile(t, long);
  const { exitCode, out, err } = await run(["spec.json"], cwd, stop.signal);
  assert.equal(exitCode, 105, err);
  assert.match(out, /server 0 +PASSED +50 +0 /);
  assert.match(out, /FAILED after \d+ of 50 echoes: interrupted/);
});

test("servers are compared in rounds: a page, Markdown and JSON", async (t) => {
  const uris = [await echoes(t), await echoes(t)];
  const { cwd } = await specFile(t, spec(...uris));
  const { exitCode, out, err } = await run(
    ["spec.json", "--compare", "--rounds=3", "--results", "found"],
    cwd,
  );
  assert.equal(exitCode, 0, err);
  assert.match(
    err,
    /server 1: 50 messages of 64 bytes, sync, round 2 of 3\nserver 0: 50 messages of 64 bytes, sync, round 2 of 3/,
  );
  assert.match(out, /^0 bytes, sync: median latency\n +server +µs +echoes\/s/);
  assert.match(out, /report: found\/report\.html\n$/);
  const compared = JSON.parse(await readFile(join(cwd, "found", "results.json"), "utf8"));
  assert.deepEqual(
    compared.map(({ title, lines }: { title: string; lines: { server: string; rounds: number }[] }) => [
      title,
      lines.map(({ server, rounds }) => `${server}: ${rounds}`),
    ]),
    [0, 64, 1024].map((size) => [`${size} bytes, sync`, ["server 0: 3", "server 1: 3"]]),
  );
  for (const { us, against } of compared[1].lines) {
    assert.ok(us > 0);
    if (against) assert.ok(against.low <= against.ratio && against.ratio <= against.high);
  }
  assert.ok(compared[0].yardstick.us > 0);
  assert.equal(compared[0].lines[0].against.to, "bare loop");
  assert.match(await readFile(join(cwd, "found", "report.md"), "utf8"), /^### 0 bytes, sync: median latency/);
  assert.match(await readFile(join(cwd, "found", "report.html"), "utf8"), /<svg class="interval/);
});

test("a comparison in which an echo is wrong fails, and says which", async (t) => {
  const wrong = await echoes(t, (data) => data.subarray(1));
  const { cwd } = await specFile(t, spec(await echoes(t), wrong));
  const { exitCode, out } = await run(["spec.json", "--compare", "--rounds", "3"], cwd);
  assert.equal(exitCode, 99);
  assert.match(out, /server 1: FAILED in 3 of 3 rounds: echo 1: expected 64 bytes, got 63/);
});

for (const [args, says] of [
  [["spec.json", "--compare", "--rounds", "2"], /--rounds: expected 3 at least to compare, got 2/],
  [["spec.json", "--compare", "--rounds", "x"], /--rounds: expected a whole number from 1, got "x"/],
  [["spec.json", "--compare", "--format", "xml"], /--format: expected text, markdown, json, got "xml"/],
  [["spec.json", "--results", "found"], /--results: expected --compare beside it/],
  [["spec.json", "--before", "found"], /--before: expected --compare beside it/],
  [
    ["spec.json", "--compare", "--before", "spec.json"],
    /--before: expected the results\.json of a comparison: /,
  ],
  [["spec.json", "--compare", "--rounds"], /--rounds: expected a value, got nothing/],
] as const) {
  test(`bench ${args.join(" ")} is refused`, async (t) => {
    const { cwd } = await specFile(t, spec("ws://127.0.0.1:1"));
    const { exitCode, err } = await run(args, cwd);
    assert.equal(exitCode, 2);
    assert.match(err, says);
  });
}
