import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import type { ArgsDef } from "citty";
import { refuseUnknown } from "../../cli/command.ts";
import { main } from "../../cli/main.ts";
import { runMain } from "./run-main.ts";

const run = (...argv: string[]) => runMain(argv, { cwd: "/" });

const COMMANDS =
  "baseline, bench, conform, contract-diff, demo, doctor, fuzz, gate, import, init, list, massconnect, pact, report, run, server, setup, try";

const refusals: [sentence: string, argv: string[], message: string][] = [
  ["an unknown command", ["dmeo"], "unknown command dmeo, did you mean demo?"],
  ["an unknown flag before any command", ["--demo"], "unknown flag --demo, did you mean demo?"],
  ["an unknown flag", ["demo", "--fast"], "demo: unknown flag --fast, expected one of --help"],
  ["an unknown short flag", ["demo", "-x"], "demo: unknown flag -x, expected one of --help"],
  [
    "an unknown negated flag",
    ["demo", "--no-color"],
    "demo: unknown flag --no-color, expected one of --help",
  ],
  ["an argument too many", ["demo", "chat-soak"], 'demo: unexpected argument "chat-soak"'],
  ["an argument behind --", ["demo", "--", "--fast"], 'demo: unexpected argument "--fast"'],
  [
    "a name that every object has",
    ["constructor"],
    `unknown command constructor, expected one of ${COMMANDS}`,
  ],
];
for (const [sentence, argv, message] of refusals) {
  test(`${sentence} is refused in one line, with exit code 2`, async () => {
    assert.deepEqual(await run(...argv), { code: 2, out: "", err: `${message}\n` });
  });
}

const args: ArgsDef = {
  url: { type: "string" },
  json: { type: "boolean" },
  verdict: { type: "enum", options: ["pass", "fail"] },
  scenario: { type: "positional" },
};

const lines: [sentence: string, argv: string[], refusal: RegExp | undefined][] = [
  ["a value behind its flag is taken", ["--url", "ws://a"], undefined],
  ["a value behind an equals sign is taken", ["--url=ws://a"], undefined],
  ["a word that the command knows is taken", ["soak", "--json"], undefined],
  ["a value that looks like a word is none", ["--url", "soak", "soak"], undefined],
  ["a flag without its value is refused", ["--url"], /^run: --url expects a value$/],
  [
    "a value for a flag that takes none is refused",
    ["--json=yes"],
    /^run: --json takes no value, got "yes"$/,
  ],
  ["a second word is refused", ["soak", "more"], /^run: unexpected argument "more"$/],
  [
    "an unknown flag names the known ones",
    ["--ulr=a"],
    /^run: unknown flag --ulr, .* --help, --url, --json, --verdict$/,
  ],
];
for (const [sentence, argv, refusal] of lines) {
  test(sentence, () => {
    const check = () => refuseUnknown("run", argv, args);
    if (refusal) assert.throws(check, { name: "UserError", message: refusal });
    else check();
  });
}

test("without a command the usage is shown, with exit code 2", async () => {
  const { code, out } = await run();
  assert.equal(code, 2);
  assert.match(
    out,
    /USAGE k6-realtime\s+baseline.*\n\nWHERE TO BEGIN\n\n {2}k6-realtime setup .*\n {2}k6-realtime demo /s,
  );
});

for (const command of ["", ...COMMANDS.split(", ")]) {
  test(`k6-realtime ${command} --help fits 80 columns`, async () => {
    const { code, out } = await run(...(command ? [command] : []), "--help");
    assert.equal(code, 0);
    for (const line of out.split("\n")) assert.ok(line.length <= 80, line);
  });
}

test("a flag that is missing is told in one line, with exit code 2", async () => {
  const err = "baseline: Missing required argument: --from. k6-realtime help baseline has an example\n";
  assert.deepEqual(await run("baseline"), { code: 2, out: "", err });
});

for (const argv of [
  ["help", "demo"],
  ["demo", "--help"],
]) {
  test(`${argv.join(" ")} shows what the command does and starts nothing`, async () => {
    const { code, out } = await run(...argv);
    assert.equal(code, 0);
    assert.match(out, /^Run the chat soak, in its short form, against the reference server/);
  });
}

test("server starts the reference server, says where, and ends when it is asked to", async () => {
  const stop = new AbortController();
  const out = new PassThrough();
  const around = { out, err: new PassThrough(), cwd: "/", env: {}, signal: stop.signal };
  const ended = main(["server", "--port", "0"], around);
  const [line] = await once(out, "data");
  const [, url = ""] = /^listening on ws:(\/\/127\.0\.0\.1:\d+)\n$/.exec(String(line)) ?? [];
  assert.equal((await fetch(`http:${url}/health`)).status, 200);
  stop.abort("SIGINT");
  assert.equal(await ended, 0);
  await assert.rejects(fetch(`http:${url}/health`));
  const wrong = await run("server", "--port", "many");
  assert.deepEqual(wrong, { code: 2, out: "", err: 'server: port: expected a whole number, got "many"\n' });
});

test("list names every scenario, and the settings of one with their flags' values", async () => {
  const all = await run("list");
  const soak = await run("list", "chat-soak");
  const wrong = await run("list", "chatsoak");
  assert.deepEqual([all.code, soak.code, wrong.code], [0, 0, 2]);
  assert.match(
    all.out,
    /^backpressure +What does the server .* Needs k6 with the extension\.\nbrowser-chat +Pages .*\nchat-soak +A chat/s,
  );
  assert.match(soak.out, / CONNECTIONS +100 +Connections held at the same time\. Expects a whole number/);
  assert.match(soak.out, /Settings of every scenario:\n.* WS_URL +ws:\S+ The WebSocket endpoint/s);
  assert.match(wrong.err, /got "chatsoak", did you mean chat-soak\?/);
});
