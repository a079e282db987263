/** What `k6-realtime run` makes of its arguments, before it starts anything. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { test } from "node:test";
import { packageFile } from "../../cli/package-file.ts";
import { flagOf, SETTING_ARGS } from "../../cli/run/flags.ts";
import { bundledScenarios, bundleFor, findScript, requireK6For } from "../../cli/run/script.ts";
import { asksOf, checkK6Flags, settingsOf } from "../../cli/run/settings.ts";
import { FORMER_NAMES } from "../../lib/former-names.ts";

const stock = { command: "k6", version: "v2.2.0", extension: false };

test("the scenarios that can be run are those of the repository", async () => {
  const sources = (await readdir(packageFile("scenarios"))).filter((name) => name.endsWith(".ts"));
  assert.deepEqual((await bundledScenarios()).sort(), sources.map((name) => basename(name, ".ts")).sort());
});

test("a scenario is found by its name, a script by its path", async () => {
  assert.deepEqual(await findScript("connect", "/home/me"), {
    path: packageFile("dist/connect.js"),
    scenario: "connect",
  });
  for (const path of ["mine.js", "./mine.ts", "sub/connect"]) {
    const { path: found, scenario } = await findScript(path, "/home/me");
    assert.deepEqual([found, scenario], [join("/home/me", path), undefined]);
  }
});

test("k6 with the extension runs a scenario on the engine's sockets, where it has that form", async () => {
  const withEngine = { ...stock, extension: true };
  const bundles = async (scenario: string) => {
    const script = await findScript(scenario, "/home/me");
    return [bundleFor(script, stock), bundleFor(script, withEngine)];
  };
  assert.deepEqual(await bundles("connect"), [
    packageFile("dist/connect.js"),
    packageFile("dist/x/connect.js"),
  ]);
  assert.deepEqual(await bundles("massconnect"), Array(2).fill(packageFile("dist/massconnect.js")));
  assert.deepEqual(await bundles("./mine.js"), Array(2).fill("/home/me/mine.js"));
});

test("a scenario on the engine says which k6 it needs, and how to build it", async () => {
  await assert.rejects(requireK6For(await findScript("massconnect", "/"), stock), {
    name: "UserError",
    message:
      /^massconnect needs k6 with the extension, which k6 \(v2\.2\.0\) lacks\. .*npx k6-realtime setup/,
  });
  await requireK6For(await findScript("massconnect", "/"), { ...stock, extension: true });
  await requireK6For(await findScript("chat-soak", "/"), stock);
});

test("a script that is not there is named by its absolute path", async () => {
  await assert.rejects(requireK6For(await findScript("./none.js", "/home/me"), stock), {
    message: "SCENARIO: expected a readable file, got /home/me/none.js (ENOENT)",
  });
});

test("a flag of a setting's former name gives it by that name, and each has one that has a flag now", () => {
  assert.deepEqual(settingsOf([["mode", "trickle"]], []), { MODE: "trickle" });
  for (const [former, name] of Object.entries(FORMER_NAMES)) {
    assert.ok(SETTING_ARGS[flagOf(name)], name);
    assert.equal(SETTING_ARGS[former.toLowerCase()] !== undefined, former !== "BASELINE", former);
  }
});

test("flags and -e together are the settings", () => {
  assert.deepEqual(
    settingsOf(
      [
        ["url", "ws://a/?b=c"],
        ["profile", "trading"],
      ],
      ["CONNECTIONS=5", "NOTE=a=b\nc", "EMPTY="],
    ),
    {
      WS_URL: "ws://a/?b=c",
      PROFILE: "trading",
      CONNECTIONS: "5",
      NOTE: "a=b\nc",
      EMPTY: "",
    },
  );
});

test("a URL of the web is an event stream where the scenario goes to one, and a slip elsewhere", () => {
  const flags = [["url", "https://a/v1"]] as const;
  assert.deepEqual(settingsOf(flags, [], true), { SSE_URL: "https://a/v1" });
  assert.deepEqual(settingsOf(flags, []), { WS_URL: "https://a/v1" });
  assert.deepEqual(settingsOf([["url", "wss://a"]], [], true), { WS_URL: "wss://a" });
});

const settings: [sentence: string, flags: [string, string][], pairs: string[], message: RegExp][] = [
  ["-e without a value", [], ["CONNECTIONS"], /^-e: expected NAME=value, got "CONNECTIONS"$/],
  ["-e with a name that is none", [], ["1=secret"], /^-e: expected NAME=value, got "1=…"$/],
  ["a name given twice", [], ["ROOMS=1", "ROOMS=2"], /^-e ROOMS: expected it once/],
  ["a flag and -e for the same", [["url", "ws://a"]], ["WS_URL=ws://b"], /^-e WS_URL: expected it once/],
  [
    "a token on the command line",
    [],
    ["WS_TOKEN=secret"],
    /^-e WS_TOKEN: expected it in the environment[^s]*/,
  ],
  [
    "a proxy's password on the command line",
    [],
    ["HTTPS_PROXY=http://user:secret@proxy"],
    /^-e HTTPS_PROXY: expected it in the environment/,
  ],
  [
    "headers on the command line",
    [],
    ['HEADERS={"A":"secret"}'],
    /^-e HEADERS: expected it in the environment/,
  ],
];
for (const [sentence, flags, pairs, message] of settings) {
  test(`${sentence} is refused, without its value`, () => {
    assert.throws(
      () => settingsOf(flags, pairs),
      (error: Error) => {
        assert.equal(error.name, "UserError");
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /secret/);
        return true;
      },
    );
  });
}

const flags: [flag: string, passes: boolean][] = [
  ["--out", true],
  ["--tag", true],
  ["--insecure-skip-tls-verify", true],
  ["--summary-trend-stats=p(99.9)", false],
  ["--no-setup", false],
  ["--paused", false],
  ["-l", false],
  ["--system-tags=url", false],
  ["--min-iteration-duration=1h", false],
  ["--new-machine-readable-summary", false],
  ["--type=archive", false],
  ["--duration=5s", false],
  ["-u", false],
  ["--vus", false],
  ["-eWS_TOKEN=x", false],
  ["--env", false],
  ["--execution-segment=0:1/2", false],
  ["--no-thresholds", false],
  ["--address=127.0.0.1:6565", false],
  ["--config=k6.json", true],
];
for (const [flag, passes] of flags) {
  test(`behind --, ${flag} is ${passes ? "k6's" : "refused"}`, () => {
    const check = () => checkK6Flags(["--quiet", flag]);
    if (passes) check();
    else assert.throws(check, { name: "UserError", message: /^-- -/ });
  });
}

const asks: [sentence: string, scenario: string, env: Record<string, string>, connections: number][] = [
  ["a soak holds CONNECTIONS", "chat-soak", { CONNECTIONS: "250", RATE: "9" }, 250],
  ["by default as many as its profile says", "chat-soak", {}, 5],
  ["what is given comes before a profile's settings", "chat-soak", { CONNECTIONS: "7" }, 7],
  ["a load that grows holds its largest step", "massconnect", { STEPS: "10,500", CONNECTIONS: "7" }, 500],
  ["publishers connect beside the subscribers", "fan-out", { ROOMS: "20", PUBLISHERS: "2" }, 45],
  [
    "publications that grow take no more connections",
    "fan-out",
    { STEPS: "10,500", STEPS_OF: "publish-rate", ROOMS: "1" },
    6,
  ],
  ["a page brings three beside the subscribers", "browser-chat", { BROWSERS: "2", ROOMS: "1" }, 12],
  ["publishers elsewhere have connections of their own", "ordering", { PUBLISH_URL: "ws://b" }, 10],
  ["publications by HTTP have none", "ordering", { PUBLISH_URL: "http://b" }, 5],
  ["STEPS changes nothing where nothing grows", "chat-soak", { STEPS: "10,500" }, 5],
  ["arrivals hold as many as come in while one stays", "connect", { RATE: "200", HOLD: "3s" }, 600],
];
for (const [sentence, scenario, env, connections] of asks) {
  test(`of the machine, ${sentence}`, () =>
    assert.equal(asksOf(scenario, env, { CONNECTIONS: "5" }).connections, connections));
}
