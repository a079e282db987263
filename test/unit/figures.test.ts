/**
 * Every figure of the documents has a source. A figure is a number with a unit, outside code. Its section names
 *
 * - the command that measures it (`bench/…`, `npm run bench:…`, `go test`);
 * - or, in a comment that readers do not see, where it stands: `<!-- figures: lib/settings.ts, RFC 6455 -->`. Each figure is
 *   looked for in files of code. A test file vouches for the figures that it holds, `example` for a made-up situation.
 *
 * Documents that are written by code have theirs from it.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { packageFile } from "../../cli/package-file.ts";
import { writtenPages } from "./pages.ts";

const UNITS: Readonly<Record<string, readonly number[]>> = {
  ms: [1, 1_000],
  s: [1, 1_000],
  second: [1, 1_000],
  minute: [1, 60, 60_000],
  hour: [1, 3_600],
  µs: [1],
  ns: [1],
  bytes: [1],
  KB: [1, 1_000],
  MB: [1, 1_000_000],
  GB: [1],
  KiB: [1, 1_024],
  MiB: [1, 1_024, 1_024 ** 2],
  GiB: [1, 1_024, 1_024 ** 3],
  "%": [1, 0.01],
};
const FIGURE =
  /(?<![\w.$#-])(\d[\d,]*(?:\.\d+)?)\s?(ms|s|second|minute|hour|µs|ns|bytes|[KMG]i?B|%)s?(?![\w/])/g;
/** A command that measures: of a bench, of Go's tests, or of the command line itself. */
const MEASURES = /\bbench[:/]\w|\bk6-realtime (bench|conform) |\bgo test\b/;
/** Sources in which the figure is not looked for. */
const VOUCHES = /^(RFC \d+|example|.*(_test\.go|\.test\.ts))$/;
const COMMENT = /<!-- figures: (.*?) -->/g;

interface Section {
  readonly page: string;
  readonly title: string;
  readonly text: string;
  /** With code left out. */
  readonly prose: string;
}

function sectionsOf(page: string): Section[] {
  const text = readFileSync(packageFile(page), "utf8").replace(/^```.*?^```$/gms, "");
  return text.split(/^(?=#+ )/m).map((section) => ({
    page,
    title: section.split("\n")[0] ?? "",
    text: section,
    prose: section.replace(/`[^`]*`/g, "`").replace(/<!--.*?-->/gs, ""),
  }));
}

const sourcesOf = ({ text }: Section): string[] =>
  [...text.matchAll(COMMENT)].flatMap(([, sources = ""]) => sources.split(", "));

/** A number's ways of being written in code: 1_000, 1000, 64 << 10, 1024 * 1024. */
function isIn(file: string, number: number, unit: string): boolean {
  const source = readFileSync(packageFile(file), "utf8").replace(/(?<=\d)[_,](?=\d)/g, "");
  if (number === 1 && /\btime\.(Millis|S)econd\b/.test(source)) return true;
  const slower = unit === "%" ? [1 + number / 100] : [];
  return [...(UNITS[unit] ?? [1]).map((factor) => number * factor), ...slower].some((value) => {
    const digits = String(Number(value.toPrecision(12))).replace(".", "\\.");
    return new RegExp(`(?<![\\d.])${digits}(?![\\d])`).test(source);
  });
}

/** The figures of a section that nothing vouches for. */
function orphansOf(section: Section): string[] {
  const figures = [...section.prose.matchAll(FIGURE)];
  const sources = sourcesOf(section);
  if (MEASURES.test(section.text) || sources.some((source) => VOUCHES.test(source))) return [];
  return figures
    .filter(([, number = "", unit = ""]) => {
      const value = Number(number.replaceAll(",", ""));
      return !sources.some((source) => isIn(source, value, unit));
    })
    .map(([figure]) => `${section.page}: ${section.title}: ${figure}`);
}

test("every figure of the documents has a source", () => {
  const sections = writtenPages.flatMap(sectionsOf);
  assert.ok(sections.flatMap(({ prose }) => [...prose.matchAll(FIGURE)]).length > 300);
  assert.deepEqual(sections.flatMap(orphansOf), []);
});

test("every file that is a source exists", () => {
  const sources = writtenPages.flatMap(sectionsOf).flatMap(sourcesOf);
  const files = sources.filter((source) => /^\S+\.\w+$/.test(source));
  assert.ok(files.length > 20);
  assert.deepEqual(
    files.filter((file) => !existsSync(packageFile(file))),
    [],
  );
});

const made = (text: string): Section => ({
  page: "p.md",
  title: "# t",
  text,
  prose: text.replace(/<!--.*?-->/gs, ""),
});

test("a figure without a source is found, and one that is not in its source", () => {
  const orphans = (text: string) => orphansOf(made(text)).map((orphan) => orphan.replace("p.md: # t: ", ""));
  assert.deepEqual(orphans("It waits 5 s."), ["5 s"]);
  assert.deepEqual(orphans("`npm run bench:wss`: it waits 5 s."), []);
  assert.deepEqual(orphans("It holds 1 MiB, or 17 MiB.\n<!-- figures: lib/login/schema.ts -->"), ["17 MiB"]);
  assert.deepEqual(orphans("At most 125 bytes.\n<!-- figures: RFC 6455 -->"), []);
  assert.deepEqual(orphans("It has 30 connections and 2 rooms."), []);
});
