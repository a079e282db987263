/** Which of k6's options a configuration file may hold. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { readK6Config } from "../../cli/run/k6-config.ts";
import { configPath, parseK6Config } from "../../cli/run/k6-options.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

test("what changes neither load nor limits nor set-up is k6's to read", () => {
  const given = { hosts: { "a.test": "127.0.0.1" }, insecureSkipTlsVerify: true, tags: null };
  assert.deepEqual(parseK6Config("-- -c k6.json", `\ufeff${JSON.stringify(given)}`), {
    hosts: { "a.test": "127.0.0.1" },
    insecureSkipTLSVerify: true, // as k6 does, whatever the case of its letters
  });
});

const refused: [sentence: string, json: string, message: RegExp][] = [
  ["a load", '{"scenarios":{}}', /^-- -c k6\.json: scenarios: expected -e, with which/],
  ["a load in other letters", '{"VUs":5}', /: VUs: expected -e, with which/],
  ["limits", '{"thresholds":{}}', /: thresholds: expected --profile/],
  ["another set-up", '{"noSetup":true}', /: noSetup: expected nothing/],
  ["an option that k6 has not", '{"insecure":true}', /: insecure: k6 has no such option$/],
  ["what is no object", "[]", /: expected a JSON object of k6's options/],
  ["what is no JSON", "secret", /: expected JSON, got something else$/],
];
for (const [sentence, json, message] of refused) {
  test(`a configuration file with ${sentence} is refused by name`, () =>
    assert.throws(() => parseK6Config("-- -c k6.json", json), { name: "UserError", message }));
}

test("the file is the one that k6 would read", () => {
  assert.equal(configPath(["--quiet"]), undefined);
  for (const flags of [["-c", "a"], ["-ca"], ["-c=a"], ["--config", "a"], ["--config=a"]])
    assert.equal(configPath(["-c", "b", ...flags, "--quiet"]), "a");
  assert.equal(configPath(["--config"]), "");
});

test("without such a flag it is the one that K6_CONFIG names, else the one that k6 looks for", async (t) => {
  const directory = await temporaryDirectory(t);
  const usual = join(
    directory,
    process.platform === "darwin" ? "Library/Application Support" : ".config",
    "k6",
  );
  await mkdir(usual, { recursive: true });
  const write = (path: string, of: object) => writeFile(path, JSON.stringify(of));
  const env = { HOME: directory, XDG_CONFIG_HOME: "" };
  assert.deepEqual(await readK6Config([], directory, env), {});
  await write(join(usual, "config.json"), { tags: { from: "usual" } });
  await write(join(directory, "named.json"), { tags: { from: "named" } });
  await write(join(directory, "flag.json"), { tags: { from: "flag" } });
  const from = async (flags: string[], more: object) =>
    (await readK6Config(flags, directory, { ...env, ...more })).tags;
  assert.deepEqual(await from([], {}), { from: "usual" });
  assert.deepEqual(await from([], { K6_CONFIG: "named.json" }), { from: "named" });
  assert.deepEqual(await from(["-c", "flag.json"], { K6_CONFIG: "named.json" }), { from: "flag" });
  await write(join(directory, "named.json"), { thresholds: {} });
  await assert.rejects(
    from([], { K6_CONFIG: "named.json" }),
    /^UserError: K6_CONFIG named\.json: thresholds: expected/,
  );
});
