/** `k6-realtime init`: its questions, what it refuses, and that what it writes runs as it stands. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { main } from "../../cli/main.ts";
import { packageFile } from "../../cli/package-file.ts";
import { PROFILES, parseProfile } from "../../lib/profile.ts";
import { useAllCodecs } from "../../lib/protocols/codecs/all.ts";
import { withTypes } from "../../lib/protocols/codecs/schema-file.ts";
import { PROTOCOLS, parseDescriptor } from "../../lib/protocols/index.ts";
import { startServer } from "../../server/server.ts";
import { goTool } from "../action/go-tool.ts";
import { socketIoServer } from "../real-servers/socket-io.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

useAllCodecs();

/** Runs `init` with flags; answers come as from a terminal, which ends behind the last. */
async function init(cwd: string, args: readonly string[], answers?: readonly string[]) {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const input = answers && new PassThrough();
  input?.end(answers?.map((answer) => `${answer}\n`).join(""));
  const signal = new AbortController().signal;
  const code = await main(["init", ...args], { out, err, cwd, env: {}, signal, ...(input && { input }) });
  return { code, out: await text(out.end()), err: await text(err.end()) };
}

const read = (...path: string[]) => readFile(join(...path), "utf8");

/** The commands of a README that run k6-realtime, with the program of this repository. */
async function commandsOf(directory: string, readme: string) {
  const blocks = [...(await read(directory, readme)).matchAll(/^```sh\n(.*?)^```$/gms)].map(
    ([, sh = ""]) => sh,
  );
  const lines = blocks.flatMap((block) => block.trim().split("\n"));
  return (word: string) => {
    const line = lines.find((one) => one.startsWith(`npx k6-realtime ${word} `));
    assert.ok(line, `no "${word}" in ${lines.join("\n")}`);
    const script = line.replace("npx k6-realtime", '"$NODE" "$CLI"');
    const env = { ...process.env, NODE: process.execPath, CLI: packageFile("dist/cli.js") };
    return promisify(execFile)("bash", ["-euc", script], {
      cwd: directory,
      env: { ...env, WS_TOKEN: "test-token" },
    });
  };
}

/** A shorter run, by the setting that a user would edit. */
async function shorten(profile: string): Promise<void> {
  const json = JSON.parse(await readFile(profile, "utf8"));
  Object.assign(json.settings, {
    CONNECTIONS: "5",
    RAMP: "1s",
    DURATION: "4s",
    RAMP_DOWN: "1s",
    REPLY_TIMEOUT: "2s",
  });
  await writeFile(profile, JSON.stringify(json));
}

describe("a project runs as it is written", { concurrency: 2 }, () => {
  const run = async (t: TestContext, ...flags: string[]) => {
    const cwd = await temporaryDirectory(t);
    const made = await init(cwd, flags);
    assert.deepEqual([made.code, made.err], [0, ""]);
    await shorten(join(cwd, "load-test/profile.json"));
    const command = await commandsOf(cwd, "load-test/README.md");
    assert.match((await command("try")).stdout, /^ok: /m);
    // A machine with other work to do is told as such, by exit code 3.
    const { stdout } = await command("run chat-soak").catch((error) =>
      error.code === 3 ? error : assert.fail(error),
    );
    assert.match(stdout, /^Verdict: (pass|generator-bound), /m);
    return join(cwd, "results/chat-soak.summary.json");
  };

  test("against the reference server", async (t) => {
    const server = await startServer();
    t.after(() => server.close());
    const summary = JSON.parse(await readFile(await run(t, "--url", `${server.url}/ws/chat`), "utf8"));
    assert.ok(summary.metrics.ws_replies.count > 0);
  });

  test("against a Socket.IO server, from the descriptor of the examples", async (t) => {
    const { url, seen } = await socketIoServer(t);
    await run(t, "--url", url, "--protocol", "socket.io");
    assert.ok(seen.joins > 5 && seen.acks > seen.joins, JSON.stringify(seen));
  });
});

test("answers are asked for in a terminal, again where they are wrong, and flags are not asked for", async (t) => {
  const cwd = await temporaryDirectory(t);
  const answers = ["wss//oops", "wss://chat.example.com/ws", "sockt.io", "socket.io", "", "trading"];
  const { code, out } = await init(cwd, ["--dir", "perf"], answers);
  assert.equal(code, 0, out);
  assert.doesNotMatch(out, /Which folder/);
  assert.match(out, /expected a ws:\/\/ or wss:\/\/ URL.*, got /);
  assert.match(out.replace(/\s+/g, " "), /got "sockt.io", did you mean socket.io\?/);
  assert.equal(JSON.parse(await read(cwd, "perf/protocol.json")).name, "socket.io");
  assert.deepEqual(JSON.parse(await read(cwd, "perf/profile.json")).thresholds, PROFILES.trading.thresholds);
  assert.match(await read(cwd, "perf/README.md"), /--url 'wss:\/\/chat\.example\.com\/ws'/);
});

test("an input that ends before the last answer leaves nothing behind", async (t) => {
  const cwd = await temporaryDirectory(t);
  const { code, err } = await init(cwd, [], ["perf", "wss://chat.example.com/ws"]);
  assert.deepEqual([code, err], [1, "init: stopped before the last answer: nothing was written\n"]);
  assert.deepEqual(await readdir(cwd), []);
});

test("nothing is asked with --yes, nor without a terminal", async (t) => {
  for (const [args, answers] of [[["--yes"], ["perf"]], [[]]] as const) {
    const cwd = await temporaryDirectory(t);
    assert.equal((await init(cwd, args, answers)).code, 0);
    assert.deepEqual((await readdir(join(cwd, "load-test"))).sort(), [
      "README.md",
      "profile.json",
      "protocol.json",
    ]);
  }
});

const REFUSED: readonly (readonly [sentence: string, args: string[], says: RegExp])[] = [
  [
    "a URL that is none",
    ["--url", "https://example.com"],
    /^init: --url: expected a ws:\/\/ or wss:\/\/ URL/,
  ],
  [
    "a URL with a token",
    ["--url", "wss://example.com/?access_token=hunter2"],
    /with "access_token": give .* WS_TOKEN/,
  ],
  ["a URL that a shell would read", ["--url", "wss://example.com/'$(id)'"], /without quotes, braces/],
  ["a URL with an expression", ["--url", "wss://example.com/${{secrets.A}}"], /without quotes, braces/],
  ["a protocol that is none", ["--protocol", "grapql-transport-ws"], /did you mean graphql-transport-ws\?$/m],
  [
    "a profile that is none",
    ["--profile", "prod"],
    /^init: --profile: expected one of trading, chat, .*, got "prod"/,
  ],
  [
    "a way that is none",
    ["--auth", "carrier"],
    /^init: --auth: expected one of none, header, .*, got "carrier"/,
  ],
  ["a folder that needs quotes", ["--dir", "a b"], /^init: --dir: expected a path of letters/],
  ["a folder that looks like a flag", ["--dir=-p"], /^init: --dir: expected a path of letters/],
];
for (const [sentence, args, says] of REFUSED) {
  test(`${sentence} is refused, and nothing is written`, async (t) => {
    const cwd = await temporaryDirectory(t);
    const { code, err } = await init(cwd, args);
    assert.equal(code, 2);
    assert.match(err, says);
    assert.doesNotMatch(err, /hunter2/);
    assert.deepEqual(await readdir(cwd), []);
  });
}

test("a file that exists stays, and no other is written", async (t) => {
  const cwd = await temporaryDirectory(t);
  await mkdir(join(cwd, "load-test"));
  await writeFile(join(cwd, "load-test/profile.json"), "mine");
  await symlink("/nowhere", join(cwd, "load-test/README.md"));
  const { code, err } = await init(cwd, []);
  assert.equal(code, 2);
  assert.equal(err, "init: overwrites nothing, and load-test/profile.json, load-test/README.md exist\n");
  assert.equal(await read(cwd, "load-test/profile.json"), "mine");
  assert.deepEqual((await readdir(join(cwd, "load-test"))).sort(), ["README.md", "profile.json"]);
});

test("a file that cannot be written leaves none of the others", async (t) => {
  const cwd = await temporaryDirectory(t);
  await writeFile(join(cwd, ".github"), "a file where a folder should be");
  const { code, err } = await init(cwd, []);
  assert.equal(code, 1);
  assert.match(err, /^init: \.github\/workflows\/load-test\.yml: .*: nothing was written\n$/);
  assert.deepEqual(await readdir(join(cwd, "load-test")), []);
});

test("in a git repository the workflow goes to its root, and names the project from there", async (t) => {
  const root = await temporaryDirectory(t);
  await mkdir(join(root, ".git"));
  await mkdir(join(root, "packages/chat"), { recursive: true });
  const { out } = await init(join(root, "packages/chat"), ["--dir", "perf", "--auth", "query"]);
  assert.match(out, /^Wrote \.\.\/\.\.\/\.github\/workflows\/packages-chat-perf\.yml$/m);
  const workflow = await read(root, ".github/workflows/packages-chat-perf.yml");
  assert.match(workflow, /^name: "packages-chat-perf"$/m);
  assert.match(workflow, /profile: packages\/chat\/perf\/profile\.json$/m);
  assert.match(workflow, /^ {12}PROTOCOL_FILE=packages\/chat\/perf\/protocol\.json\n {12}AUTH=query$/m);
});

test("the workflow is one, whatever the answers", async (t) => {
  const actionlint = await goTool("actionlint");
  for (const flags of [[], ["--auth", "none", "--url", "wss://example.com/a?b=c#".slice(0, -1)]]) {
    const cwd = await temporaryDirectory(t);
    assert.equal((await init(cwd, flags)).code, 0);
    await promisify(execFile)(actionlint, ["-shellcheck=", join(cwd, ".github/workflows/load-test.yml")]);
  }
});

test("every protocol and every profile that can be chosen is accepted where it is written", async (t) => {
  const cwd = await temporaryDirectory(t);
  const examples = (await readdir(packageFile("examples/protocols"))).filter((file) =>
    file.endsWith(".json"),
  );
  const names = [...new Set([...Object.keys(PROTOCOLS), ...examples.map((file) => file.slice(0, -5))])];
  assert.ok(names.length > 20);
  for (const [index, name] of names.entries()) {
    const profile = Object.keys(PROFILES)[index % Object.keys(PROFILES).length]!;
    const folder = join(cwd, name);
    await mkdir(folder);
    const { code, err } = await init(folder, ["--protocol", name, "--profile", profile, "--dir", "."]);
    assert.equal(code, 0, err);
    const texts: Record<string, string> = {};
    for (const file of await readdir(folder))
      if (/\w\.\w+$/.test(file)) texts[join(folder, file)] = await read(folder, file);
    const path = join(folder, "protocol.json");
    const descriptor = withTypes(JSON.parse(texts[path]!), path, (file) => texts[file] ?? assert.fail(file));
    assert.equal(parseDescriptor(descriptor, name).name, name);
    parseProfile(JSON.parse(await read(folder, "profile.json")), profile);
  }
});
