/** What `npm run check:prose` finds, and what it lets pass. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { main } from "../../cli/main.ts";
import { packageFile } from "../../cli/package-file.ts";
import { commentsOf } from "../../tools/prose/comments.ts";
import { commentedFiles, findingsIn } from "../../tools/prose/files.ts";
import { findings } from "../../tools/prose/findings.ts";
import { habitsIn } from "../../tools/prose/rules.ts";
import { stringsOf } from "../../tools/prose/strings.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const words = (count: number) => `${Array.from({ length: count }, (_, index) => `W${index}`).join(" ")}.`;

/** Sentences that made readers start over, and the same in plain words. */
const PAIRS: readonly (readonly [habit: string, before: string, after: string])[] = [
  [
    "what a … is",
    "What a message is that matches nothing here.",
    "How to treat a message that matches no rule.",
  ],
  ["those …ed", "Everything has a variable; those used most follow.", "The most common settings follow."],
  ["those that", "Those that are wrong end the run.", "An invalid value stops the run."],
  ["what is …ed", "The server closes what is held.", "The server closes its connections."],
  ["what was sought", "A later step that breaks is what was sought.", "Later steps are expected to fail."],
  ["not a", "A later step that breaks is no failure.", "A later step that breaks is not a failure."],
  [", no …", "It breaks as planned, no failure.", "It breaks as planned. That is not a failure."],
  ["says so", "A verdict that says so when it was slow.", "A verdict that flags slow runs."],
  ["one of these", "A name that is nearly one of these ends it.", "Misspelled names stop it."],
  ["makes of it", "Handshakes, whatever the server makes of it.", "Handshakes, however the server copes."],
  ["the question is", "So the question is whether it is more.", "The gate asks whether it is more."],
  ["is none", "An empty one is none.", "Empty segments are ignored."],
  ["nothing of", "Nothing of this is needed.", "The command line is optional."],
  ["at the most", "It takes 10 s at the most.", "It takes at most 10 s."],
  ["Where …,", "Where it breaks, the run ends.", "If it breaks, the run ends."],
  ["so does", "A wrong value stops it; so does a wrong name.", "Wrong values and wrong names stop it."],
  ["told of", "The page tells of each field.", "The page describes each field."],
  ["one's own", "A script of one's own works.", "Your own script works."],
  ["timeout", "It waits for its time-out.", "It waits for its timeout."],
  ["setup", "The set-up failed.", "The setup failed."],
  ["misspelled", "A misspelt name stops it.", "A misspelled name stops it."],
];

describe("habits", () => {
  for (const [habit, before, after] of PAIRS) {
    test(habit, async () => {
      assert.notDeepEqual(await findings(before), []);
      assert.deepEqual(await findings(after), []);
    });
  }
});

test("a sentence has at most 30 words", async () => {
  assert.deepEqual(await findings(`${words(30)} ${words(30)}`), []);
  const [found = ""] = await findings(`${words(30)} ${words(31)}`);
  assert.match(found, /^1:\d+ 31 words, at most 30: "W0 W1/);
});

test("a finding names the line and column of the sentence", async () => {
  const page = "# A title\n\nFine. Very\nfine.\nIt takes\n10 s `at the least` and **at the most**.\n";
  assert.deepEqual(await findings(page), ['6:27 "at the most": write "at most", "at least"']);
});

test("list items and table cells are read, code and headings are not", async () => {
  const page = [
    "# At the most",
    "- It takes 1 s at the most.",
    "",
    "| head |",
    "| --- |",
    "| 2 s at the most |",
    "",
    "```sh",
    "at the most",
    "```",
    `\`at the most\` ${"and `a.b`, `c. D` or `e` ".repeat(9)}.`,
  ].join("\n");
  assert.deepEqual(
    (await findings(page)).map((finding) => finding.split(":")[0]),
    ["2", "6"],
  );
});

test("comments are read: tags as items, links as code, no directives and no examples", () => {
  const source = [
    "const a = 1; // behind code",
    "/**",
    " * It takes {@link Ms},",
    " * or more.",
    " *",
    " * @param most the limit",
    " *   in ms",
    " * @throws RangeError",
    " */",
    "  /** One line. */",
    "//go:build linux",
    "// Package p is fine.",
    "//",
    "//\tcode at the most",
  ].join("\n");
  assert.deepEqual(commentsOf(source), [
    { line: 2, markdown: "\nIt takes `Ms`,\nor more.\n\n- the limit\n  in ms\n- RangeError\n" },
    { line: 10, markdown: "One line." },
    { line: 11, markdown: "\nPackage p is fine.\n\n" },
  ]);
});

test("the comments of all code but tests are checked, and a finding names the file's line", async () => {
  const files = commentedFiles();
  for (const file of [
    "lib/index.ts",
    "cli/main.ts",
    "scenarios/idle.ts",
    "extension/index.d.ts",
    "extension/register.go",
  ])
    assert.ok(files.includes(file), file);
  assert.ok(files.length > 700, String(files.length));
  assert.deepEqual(
    files.filter((file) => /_test\.go$/.test(file)),
    [],
  );
  // Here is one: 2 s at the most.
  const [found = ""] = await findingsIn("test/unit/prose.test.ts");
  assert.match(found, /^test\/unit\/prose\.test\.ts:\d+:18 "at the most": write/);
});

const textsOf = (source: string, language: "go" | "js"): string[] =>
  stringsOf(source, language).map(({ line, text }) => `${line}: ${text}`);

test("strings of TypeScript are read: placeholders and code as one word, joined ones as one", () => {
  const source = [
    "// it's a comment with `backquotes` and words enough",
    'const pattern = /it\'s "one" of these/;',
    'throw new Error(`${name}: expected ${list(`one ${a} of`)} to be there, got "${b}"`);',
    "const note = 'the server\\'s log says why' +",
    "  ' and `try` shows it ' + count + ' times.';",
    "const label = 'Three words only';",
    "const css = 'td { text-align left and other words }';",
    "const help = `First words of a help text\n  flag   what the flag is for, at most\n`;",
  ].join("\n");
  assert.deepEqual(textsOf(source, "js"), [
    '3: CODE: expected CODE to be there, got "CODE"',
    "4: the server's log says why and CODE shows it CODE times.",
    "8: First words of a help text",
    "8: what the flag is for, at most",
  ]);
});

test("strings of Go are read: verbs as one word, joined ones as one", () => {
  const source = [
    '// a comment with "quotes" and enough words in them',
    "const quote = '\"'",
    'return fmt.Errorf("%s: expected one of %q at most, "+',
    '\t"got %.1f in 100 %% of cases", name)',
    'log.Print("the server of " + h.name() + " did not answer in time")',
    "raw := `a raw string of two lines\nand a break`",
  ].join("\n");
  assert.deepEqual(textsOf(source, "go"), [
    "3: CODE: expected one of CODE at most, got CODE in 100 % of cases",
    "5: the server of CODE did not answer in time",
    "6: a raw string of two lines and a break",
  ]);
});

test("a bad sentence in a message is found, in TypeScript and in Go", async (t) => {
  const directory = await temporaryDirectory(t);
  const planted = {
    "planted.ts": "\nthrow new SettingsError(`${name}: expected a URL, got one that is none (${why})`);\n",
    "planted.go": `\nreturn fmt.Errorf("%s takes %d values at the most", name, n)\n`,
    "long.go": `var long = "${words(31)}"\n`,
  };
  const found = await Promise.all(
    Object.entries(planted).map(async ([name, source]) => {
      await writeFile(join(directory, name), source);
      return findingsIn(relative(packageFile("."), join(directory, name)));
    }),
  );
  assert.deepEqual(
    found.flat().map((finding) => finding.replace(/^.*\//, "").replace(/: write.*|: ".*/, "")),
    ['planted.ts:2 "is none"', 'planted.go:2 "at the most"', "long.go:1 31 words, at most 30"],
  );
});

test("the strings of all code but tests are checked", () => {
  const count = commentedFiles()
    .map(
      (file) => stringsOf(readFileSync(packageFile(file), "utf8"), file.endsWith(".go") ? "go" : "js").length,
    )
    .reduce((sum, of) => sum + of);
  assert.ok(count > 3_000, String(count));
});

test("help has no such habits", async () => {
  const commands = [...(await help()).matchAll(/^ {2,}([a-z]+) {2,}\S/gm)].map(([, name = ""]) => name);
  assert.ok(commands.length > 12, commands.join());
  for (const command of ["", ...commands]) {
    for (const block of (await help(command)).split("\n\n")) {
      const found = [...habitsIn(block.replace(/\s+/g, " ").trim())].map(({ message }) => message);
      assert.deepEqual(found, [], `${command}: ${block}`);
    }
  }
});

async function help(...command: string[]): Promise<string> {
  const out = new PassThrough();
  const signal = new AbortController().signal;
  const words = command.filter((word) => word !== "");
  await main([...words, "--help"], { out, err: out, cwd: "/", env: {}, signal });
  return text(out.end());
}
