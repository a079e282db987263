/**
 * Defaults, limits and counts in the documents are those of the code. A section vouches for its own in a comment that
 * readers do not see, `<!-- values: 64 MiB = MESSAGE_BYTES; 24 = extension/conform/run.go:defaultParallel -->`: what the
 * prose says, and what the code calls it. That is a setting, a constant of a file, or a count of {@link COUNTS}. Tables of
 * settings with a column "default" need no comment.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { DEFAULTS, RATES } from "../../cli/fuzz/options.ts";
import { LAST } from "../../cli/influxdb/baselines.ts";
import { packageFile } from "../../cli/package-file.ts";
import { METRICS } from "../../lib/metrics.ts";
import { SETTINGS } from "../../lib/settings.ts";
import { parseDuration } from "../../lib/units.ts";
import { FAULTS } from "../fuzz/faulty-server.ts";
import { writtenPages } from "./pages.ts";

const fromK6 = (...args: string[]): string[] =>
  execFileSync(packageFile("bin/k6"), ["x", "conform", ...args], { encoding: "utf8" })
    .trim()
    .split("\n");
const isKnown = (line: string): boolean => Number(line.split(".")[0]) <= 13;

/** What is counted rather than read. */
const COUNTS: Readonly<Record<string, () => number>> = {
  "conformance cases": () => fromK6("cases").length,
  "known conformance cases": () => fromK6("cases").filter(isKnown).length,
  "own conformance cases": () => fromK6("cases").filter((line) => !isKnown(line)).length,
  "faults of the faulty testee": () => fromK6("testee", "--faults").length,
  "faults of the fuzzed server": () => Object.keys(FAULTS).length,
  "metrics of the toolkit": () => Object.keys(METRICS).length,
  "settings of the toolkit": () => Object.keys(SETTINGS).length,
  "baselines fetched": () => LAST,
  "fuzzing rate on loopback": () => RATES.loopback,
  "fuzzing rate elsewhere": () => RATES.elsewhere,
};

const WORDS = "zero one two three four five six seven eight nine ten eleven twelve".split(" ");
const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  second: 1_000,
  minute: 60_000,
  m: 60_000,
  hour: 3_600_000,
  "%": 0.01,
  bytes: 1,
  KiB: 1_024,
  MiB: 1_024 ** 2,
  GiB: 1_024 ** 3,
};

/** A quoted value as a number: of ms, of bytes, a share, or as it is. A text that is not a number stays one. */
function meaningOf(quote: string): number | string {
  const [, amount = "", unit] = /^([\d.,]+|\w+)(?: ?(%|[a-zA-Z]+))?$/.exec(quote) ?? [];
  const digits = WORDS.includes(amount) ? WORDS.indexOf(amount) : Number(amount.replaceAll(",", ""));
  const factor = unit === undefined ? 1 : (UNITS[unit] ?? UNITS[unit.replace(/s$/, "")]);
  if (amount !== "" && !Number.isNaN(digits) && factor !== undefined) return digits * factor;
  return parseDuration(quote) ?? quote;
}

const GO_UNITS = { Millisecond: 1, Second: 1_000, Minute: 60_000, Hour: 3_600_000 } as const;

/** A product or a shift of numbers, as constants are written. */
function evaluated(expression: string): number | string {
  const text = expression.replace(/^\w+\((.*)\)$/, "$1").replace(/(?<=\d)_(?=\d)/g, "");
  const quoted = /^"(.*)"$/.exec(text)?.[1];
  if (quoted !== undefined) return meaningOf(quoted);
  const [product = "", shift = "0"] = text.split("<<");
  return product
    .split("*")
    .map((factor) => GO_UNITS[factor.trim().replace("time.", "") as keyof typeof GO_UNITS] ?? Number(factor))
    .reduce((all, factor) => all * factor, 2 ** Number(shift));
}

/** The value of a name in the code. */
function codeValue(name: string): number | string {
  const setting = (SETTINGS as Record<string, { default: string }>)[name];
  if (setting) return meaningOf(setting.default);
  const flag = (DEFAULTS as Record<string, string>)[name.replace("fuzz --", "")];
  if (name.startsWith("fuzz --") && flag !== undefined) return meaningOf(flag);
  const counted = COUNTS[name];
  if (counted) return counted();
  const [file = "", constant = ""] = name.split(":");
  const source = readFileSync(packageFile(file), "utf8");
  // Not in a comment, and up to what ends it: `const a = 64 << 20`, `a: "10",`, `a = ms(10_000);`.
  const assigned = new RegExp(
    `^(?!\\s*(?://|/?\\*)).*\\b${constant}\\b[\\w\\s]*(?:=|:) *(.+?) *(?:[;,}]|//| as const|$)`,
    "m",
  );
  const expression = assigned.exec(source)?.[1];
  assert.ok(expression, `no constant ${name}`);
  return evaluated(expression);
}

/** What a section says and the code does not, each in a line. */
function wrongIn(section: string): string[] {
  const prose = section.replace(/<!--.*?-->/gs, "").replace(/\s+/g, " ");
  const claims = [...section.replace(/`[^`\n]*`/g, "").matchAll(/<!-- values: (.*?) -->/gs)].flatMap(
    ([, list = ""]) => list.split(/;\s+/),
  );
  return claims.flatMap((claim) => {
    const [quote = "", name = ""] = claim.split(" = ").map((part) => part.trim());
    if (!new RegExp(`(?<![\\w.,])${quote.replace(/[.*+?^$()|[\]{}]/g, "\\$&")}(?![\\w])`).test(prose))
      return [`"${quote}" (${name}) is not in the section`];
    const is = codeValue(name);
    return is === meaningOf(quote) ? [] : [`${quote} is said, ${name} is ${is}`];
  });
}

/** The rows of tables of settings whose default is another one. A cell in words describes its default. */
function wrongDefaults(page: string): string[] {
  return page.split(/\n{2,}/).flatMap((block) => {
    const [head, , ...rows] = block.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
    const at = head?.indexOf("default") ?? -1;
    if (head?.[1] !== "setting" || at < 0) return [];
    return rows.flatMap((row) => {
      const name = row[1]?.replaceAll("`", "") ?? "";
      const setting = (SETTINGS as Record<string, { default: string }>)[name];
      const said = row[at]?.replaceAll("`", "") ?? "";
      if (!setting || meaningOf(said) === meaningOf(setting.default)) return [];
      return [`${said} is said, ${name} is ${setting.default}`];
    });
  });
}

const pages = writtenPages.map((file) => ({ file, text: readFileSync(packageFile(file), "utf8") }));

test("the values of the documents are those of the code", () => {
  const claims = pages.flatMap(({ text }) => [...text.matchAll(/<!-- values: .*? -->/gs)]);
  assert.ok(claims.length > 10, String(claims.length));
  const wrong = pages.flatMap(({ file, text }) =>
    text.split(/^(?=#+ )/m).flatMap((section) => wrongIn(section).map((fault) => `${file}: ${fault}`)),
  );
  assert.deepEqual(wrong, []);
});

test("tables of settings have the defaults of the code", () => {
  assert.ok(pages.some(({ text }) => /^\| setting \|.*\bdefault\b/m.test(text)));
  assert.deepEqual(
    pages.flatMap(({ file, text }) => wrongDefaults(text).map((fault) => `${file}: ${fault}`)),
    [],
  );
});

test("a planted wrong value is found: in the prose, in the comment, in the code's name, in a table", () => {
  const claim = "<!-- values: 64 MiB = MESSAGE_BYTES; five minutes = REACH_TIMEOUT -->";
  assert.deepEqual(wrongIn(`It takes 64 MiB, for five minutes.\n${claim}`), []);
  assert.deepEqual(wrongIn(`It takes 32 MiB, for five minutes.\n${claim}`), [
    '"64 MiB" (MESSAGE_BYTES) is not in the section',
  ]);
  assert.deepEqual(wrongIn("It takes 32 MiB.\n<!-- values: 32 MiB = MESSAGE_BYTES -->"), [
    "32 MiB is said, MESSAGE_BYTES is 67108864",
  ]);
  assert.deepEqual(wrongIn("Of 9 s.\n<!-- values: 9 s = cli/supervise.ts:GRACE -->"), [
    "9 s is said, cli/supervise.ts:GRACE is 10000",
  ]);
  assert.throws(() => wrongIn("9 s\n<!-- values: 9 s = cli/supervise.ts:GRAY -->"), /no constant/);
  const table = "| setting | default | |\n| --- | --- | --- |\n| `STREAMS_PER_CONNECTION` | 99 | x |\n";
  assert.deepEqual(wrongDefaults(table), ["99 is said, STREAMS_PER_CONNECTION is 100"]);
});
