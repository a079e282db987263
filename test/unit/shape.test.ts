import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseCases } from "../../lib/handshake.ts";
import type { Setting } from "../../lib/setting.ts";
import { readSettings, SETTINGS, type SettingName, secretsInQuotes } from "../../lib/settings.ts";

const SECRETS = Object.entries(SETTINGS as Record<string, Setting<unknown>>)
  .filter(([, { secret }]) => secret)
  .map(([name]) => name as SettingName);

const said = (name: SettingName, value: string): string | undefined => {
  try {
    readSettings([name], { [name]: value });
  } catch (error) {
    return /^\w+: expected .*?, got (.*)$/s.exec((error as Error).message)?.[1];
  }
  return undefined;
};

describe("of a wrong secret its shape is said", () => {
  const rows: [name: SettingName, value: string, shape: string][] = [
    ["WS_TOKEN", "s3cr3t\n", "one that ends in a line break"],
    ["WS_TOKEN", '"s3cr3t"\r\n', "one that is in quotes and ends in a line break"],
    ["WS_TOKEN", "“s3cr3t”", "one that is in typographic quotes"],
    ["WS_TOKEN", " s3cr3t", "one that begins with a space"],
    ["WS_TOKEN", "s3cr3t ", "one that ends in a space"],
    ["WS_TOKEN", "Bearer s3cr3t", "one that begins with the word Bearer and has a space in it"],
    ["WS_TOKEN", "s3cr3t\u0000", "one that has a control character in it"],
    ["WS_TOKEN", "s3cr3té", "one that has a character in it that is not ASCII"],
    ["WS_TOKEN", "\ufeffs3cr3t", "one that begins with a byte-order mark"],
    ["NEXT_TOKEN", "s3cr3t\nmore", "one that has a line break in it"],
    ["WS_URL", "", "an empty text"],
    ["WS_URL", '"ws://h/?t=s3cr3t"', "one that is in quotes"],
    ["WS_URL", "HTTPS://h/?t=s3cr3t", "one that begins with HTTPS://: write wss://"],
    ["WS_URL", "h/?t=s3cr3t", "one that does not begin with ws:// or wss://"],
    ["WS_URL", "ws:///s3cr3t", "one without a host"],
    ["WS_URL", "ws://me:s3cr3t@h", "one with a user name in it"],
    ["WS_URL", "ws://h/#s3cr3t", "one with a fragment (#)"],
    ["WS_URL", "ws://h/s3cr3t\n", "one that ends in a line break"],
    [
      "SERVERS",
      "ws://h,http://s3cr3t",
      "a list whose element 2 is one that begins with http://: write ws://",
    ],
    ["SERVERS", "ws://h,", "a list whose element 2 is an empty text"],
    ["HEADERS", "", "an empty text"],
    ["HEADERS", "X-Key: s3cr3t", "no JSON"],
    ["HEADERS", '\'{"X-Key":"s3cr3t"}\'', "no JSON: one that is in quotes"],
    ["HEADERS", '["s3cr3t"]', "JSON that is a list"],
    ["HEADERS", '"s3cr3t"', "JSON that is a text"],
    ["HEADERS", '{"X-Key":5}', "a number as the value of X-Key"],
    ["HEADERS", '{"X-Key":null}', "null as the value of X-Key"],
    ["HEADERS", '{"X-Key: s3cr3t":""}', "a name that no header may have: one that has a colon in it"],
    [
      "HEADERS",
      '{"X-Key":"s3cr3t\\n"}',
      "a value of X-Key that cannot be sent: one that ends in a line break",
    ],
    ["HEADERS", '{"Host":"s3cr3t"}', "Host, which the handshake sets itself"],
  ];
  for (const [name, value, shape] of rows) {
    test(`${name}=${JSON.stringify(value)}`, () => assert.equal(said(name, value), shape));
  }
});

describe("of a wrong token or header in a file of cases, too", () => {
  const rows: [one: object, line: string][] = [
    [
      { token: "s3cr3t token" },
      "cases.0.token: expected printable ASCII without spaces, got one that has a space in it",
    ],
    [{ token: 53 }, "cases.0.token: expected a text, got a number"],
    [
      { headers: { "X-Key": "s3cr3t\n" } },
      "cases.0.headers.X-Key: expected printable ASCII in one line, got one that ends in a line break",
    ],
  ];
  for (const [one, line] of rows) {
    test(line, () => {
      const cases = [{ name: "mine", expect: { status: [401] }, ...one }];
      assert.throws(
        () => parseCases({ cases }, "cases.json"),
        ({ message }: Error) => message.split("\n").at(-1)?.trim() === line && !message.includes("s3cr3t"),
      );
    });
  }
});

test("the value of a secret is never said, whatever is around it", () => {
  const around = fc.string({ unit: fc.constantFrom(..."\"'` \n\r\t:{}[],/#@?=wsh\u0000é") });
  fc.assert(
    fc.property(fc.constantFrom(...SECRETS), around, around, (name, before, after) => {
      const shape = said(name, `${before}s3cr3t${after}`);
      // A header's name may be shown.
      if (name !== "HEADERS") assert.doesNotMatch(shape ?? "", /s3c|cr3|r3t/);
    }),
    { numRuns: 2_000 },
  );
});

test("a secret that is right and in quotes is told of by name", () => {
  const env = { WS_TOKEN: '"s3cr3t"', NEXT_TOKEN: "s3cr3t", ORIGIN: '"x"' };
  assert.deepEqual(secretsInQuotes(["WS_TOKEN", "NEXT_TOKEN", "ORIGIN"], env), ["WS_TOKEN"]);
});
