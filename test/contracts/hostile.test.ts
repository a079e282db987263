/** Contracts and messages that mean harm are refused, or bounded, by name. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { checkerFor, readContractFile } from "../../cli/contract-file.ts";
import { Checker, ContractSession, LEFT_OUT } from "../../lib/contract/checker.ts";
import { ContractError } from "../../lib/contract/contract.ts";
import { loadContract } from "../../lib/contract/load.ts";
import type { Json } from "../../lib/contract/refs.ts";

const nested = (depth: number): Json => {
  let schema: Json = {};
  for (let i = 0; i < depth; i++) schema = { items: schema };
  return schema;
};

const REFUSED: readonly (readonly [what: string, schema: Json, message: RegExp])[] = [
  [
    "a reference out of the folder",
    { $ref: "../secret.json" },
    /in the contract's folder or below, got "\.\.\/secret/,
  ],
  ["one deeper that leads out", { $ref: "a/../../secret.json" }, /in the contract's folder or below/],
  ["one that is encoded", { $ref: "%2e%2e/secret.json" }, /in the contract's folder or below/],
  ["an absolute path", { $ref: "/etc/passwd" }, /a path relative to the document, got "\/etc\/passwd"/],
  ["a file URL", { $ref: "file:///etc/passwd" }, /a path relative to the document/],
  ["a web address", { $ref: "https://example.com/a.json" }, /nothing is fetched/],
  ["a host without a scheme", { $ref: "//example.com/a.json" }, /a path relative to the document/],
  [
    "a relative path after an $id of the web",
    { $id: "https://example.com/a/b.json", $ref: "../../c.json" },
    /folder or below/,
  ],
  ["a schema that is its own condition", { allOf: [{ $ref: "#" }] }, /applies itself to the same value/],
  [
    "two that are each other's",
    {
      $ref: "#/$defs/a",
      $defs: { a: { anyOf: [{ $ref: "#/$defs/b" }] }, b: { not: { $ref: "#/$defs/a" } } },
    },
    /applies itself to the same value/,
  ],
  ["a reference to nothing", { $ref: "#/$defs/none" }, /where there is nothing/],
  ["a long pattern", { pattern: "a".repeat(1_001) }, /a pattern of at most 1000 characters/],
  ["lookahead", { pattern: "^(?=(a+))+$" }, /without lookahead and lookbehind/],
  [
    "lookbehind in a name's pattern",
    { patternProperties: { "(?<!a)b": {} } },
    /without lookahead and lookbehind/,
  ],
  ["a backreference", { properties: { a: { items: { pattern: "(a)\\1" } } } }, /without backreferences/],
  ["a large repetition", { not: { pattern: "a{1001}" } }, /repeats at most 1000 times/],
  ["no pattern at all", { pattern: "(" }, /that is a regular expression/],
  ["deep nesting", nested(300), /nest at most 200 deep/],
  [
    "many parts",
    { enum: [], allOf: Array.from({ length: 200_001 }, () => ({})) },
    /at most 200000 objects and lists/,
  ],
  [
    "an unknown draft",
    { $schema: "http://json-schema.org/draft-04/schema#" },
    /JSON Schema draft 7, 2019-09, 2020-12/,
  ],
  [
    "a reference that leads to several schemas",
    {
      $ref: "#/$defs/b",
      $defs: {
        a: { $id: "a", $dynamicAnchor: "n" },
        b: { $id: "b", $dynamicAnchor: "n", items: { $dynamicRef: "#n" } },
      },
    },
    /\$dynamicRef to lead to one schema/,
  ],
  ["a kind with a strange name", { messages: { "a b\u001b[2J": {} } }, /names of up to 64 letters/],
  ["a kind called unknown", { messages: { unknown: {} } }, /other than "unknown"/],
  ["no kinds", { messages: {} }, /1 to 200 kinds/],
  ["a list", [], /expected an object, got a list/],
];

for (const [what, schema, message] of REFUSED) {
  test(`a contract is refused for ${what}`, () => {
    const read = (path: string): Json => {
      assert.equal(path, "contract.json", "nothing else is read");
      return schema;
    };
    assert.throws(
      () => loadContract("contract.json", read),
      (error) => error instanceof ContractError && message.test(error.message),
    );
  });
}

test("a schema that is none is refused, naming what is wrong", () => {
  const contract = loadContract("contract.json", () => ({ properties: { a: { type: "strin" } } }));
  assert.throws(
    () => new Checker(contract),
    /^Error: contract\.json#\/properties\/a\/type: expected a JSON Schema of draft 2020-12, got an invalid one \(/,
  );
});

test("a symbolic link out of the folder is not followed", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "contract-"));
  mkdirSync(join(folder, "in"));
  writeFileSync(join(folder, "secret.json"), `{"const": "secret"}`);
  symlinkSync(join(folder, "secret.json"), join(folder, "in/link.json"));
  writeFileSync(join(folder, "in/contract.json"), `{"$ref": "link.json"}`);
  t.diagnostic(folder);
  assert.throws(
    () => readContractFile("in/contract.json", folder, "--contract"),
    /--contract: .*a link that leads out/,
  );
});

test("references in a circle end, and so do messages that nest", () => {
  const tree = { $ref: "#/$defs/tree", $defs: { tree: { type: "array", items: { $ref: "#/$defs/tree" } } } };
  const contract = loadContract("tree.json", () => tree);
  assert.equal(contract.isRecursive, true);
  const checker = new Checker(contract);
  const check = (depth: number) =>
    checker.check(new ContractSession(), "[".repeat(depth) + "]".repeat(depth));
  assert.deepEqual(check(1_000), { kind: "message", breaches: [] });
  for (const depth of [1_001, 1_000_000]) {
    const checked = check(depth);
    assert.ok(checked && checked !== LEFT_OUT);
    assert.deepEqual(
      checked.breaches.map(({ rule }) => rule),
      ["too_deep"],
    );
  }
});

test("brackets in a text are no nesting", () => {
  const checker = new Checker(loadContract("any.json", () => ({})));
  const checked = checker.check(new ContractSession(), JSON.stringify(`${"[{".repeat(2_000)}"\\`));
  assert.deepEqual(checked, { kind: "message", breaches: [] });
});

test("a pattern that backtracks without end in other engines comes to an end", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "contract-"));
  t.diagnostic(folder);
  writeFileSync(join(folder, "contract.json"), JSON.stringify({ type: "string", pattern: "^(a+)+$" }));
  const checker = checkerFor(readContractFile("contract.json", folder, "--contract"));
  // 2^60 steps of one that backtracks: this test would not end.
  const checked = checker.check(new ContractSession(), JSON.stringify(`${"a".repeat(60)}!`));
  assert.ok(checked && checked !== LEFT_OUT);
  assert.deepEqual(
    checked.breaches.map(({ rule }) => rule),
    ["pattern"],
  );
});

test("what is more than may be checked is left out, and says so", () => {
  let now = 0;
  const contract = loadContract("any.json", () => ({ type: ["object", "string"] }));
  const checker = new Checker(contract, { budget: { now: () => now, perSecond: 10, burst: 5 } });
  const session = new ContractSession();
  const isLeftOut = (message = "{}") => checker.check(session, message) === LEFT_OUT;
  assert.deepEqual(
    Array.from({ length: 7 }, () => isLeftOut()),
    [false, false, false, false, false, true, true],
  );
  now += 100;
  assert.deepEqual([isLeftOut(), isLeftOut()], [false, true], "a tenth of a second is one more");
  now += 60_000;
  assert.deepEqual(
    [isLeftOut(JSON.stringify("x".repeat(4_096))), isLeftOut()],
    [false, true],
    "4 KiB cost five",
  );
});
