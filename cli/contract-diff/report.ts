import type { Level } from "../../lib/contract-diff/compare.ts";
import type { Weighed } from "../../lib/contract-diff/seen.ts";
import { inert } from "../markdown.ts";
import { printable } from "../try/safe-text.ts";

interface Names {
  readonly before: string;
  readonly after: string;
}

export type Format = keyof typeof FORMATS;

/** How the changes are told: to people, in a pull request, to programs. */
export const FORMATS = { text: asText, markdown: asMarkdown, json: asJson } as const;

const LEVELS: readonly Level[] = ["breaking", "risky", "compatible"];
/** Rows of a level that a comment shows. */
const MOST_ROWS = 50;

const at = (changes: readonly Weighed[], level: Level): readonly Weighed[] =>
  changes.filter((change) => change.level === level);

const counted = (changes: readonly Weighed[]): string =>
  LEVELS.map((level) => `${at(changes, level).length} ${level}`).join(", ");

const placeOf = ({ kind, at }: Weighed): string => (at === "" ? kind : `${kind} ${at}`);

function asText(changes: readonly Weighed[], { before, after }: Names): string {
  const lines = [
    `from ${before} to ${after}: ${counted(changes)}`,
    ...LEVELS.flatMap((level) => {
      const own = at(changes, level);
      if (own.length === 0) return [];
      return [
        "",
        level,
        ...own.map(
          (one) => `  ${placeOf(one)}: ${one.what}${one.seen === undefined ? "" : ` (${one.seen})`}`,
        ),
      ];
    }),
  ];
  return lines.map((line) => `${printable(line)}\n`).join("");
}

function asMarkdown(changes: readonly Weighed[], { before, after }: Names): string {
  const breaks = at(changes, "breaking").length > 0;
  const hasSeen = changes.some(({ seen }) => seen !== undefined);
  const head = ["message", "field", "sent by", "change", ...(hasSeen ? ["seen"] : [])];
  const rows = (own: readonly Weighed[]) => [
    `| ${head.join(" | ")} |`,
    `|${" --- |".repeat(head.length)}`,
    ...own.slice(0, MOST_ROWS).map((one) => {
      const cells = [one.kind, one.at, one.from, one.what, ...(hasSeen ? [one.seen ?? ""] : [])];
      return `| ${cells.map(inert).join(" | ")} |`;
    }),
    ...(own.length > MOST_ROWS ? ["", `and ${own.length - MOST_ROWS} more`] : []),
    "",
  ];
  return [
    `## Contract: ${breaks ? "breaks existing clients" : "keeps existing clients"}`,
    "",
    `From ${inert(before)} to ${inert(after)}: ${counted(changes)}.`,
    "",
    ...LEVELS.flatMap((level) => {
      const own = at(changes, level);
      if (own.length === 0) return [];
      const title = `${level[0]!.toUpperCase()}${level.slice(1)}: ${own.length}`;
      if (level !== "compatible") return [`### ${title}`, "", ...rows(own)];
      return [`<details><summary>${title}</summary>`, "", ...rows(own), "</details>", ""];
    }),
  ].join("\n");
}

function asJson(changes: readonly Weighed[], { before, after }: Names): string {
  const breaks = at(changes, "breaking").length > 0;
  return `${JSON.stringify({ before, after, breaks, changes }, null, 2)}\n`;
}
