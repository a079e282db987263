/** The files whose prose is checked. Paths are relative to the repository's root. */
import { readFileSync } from "node:fs";
import { filesUnder, root } from "../files.mjs";
import { commentsOf } from "./comments.ts";
import { findings } from "./findings.ts";
import { faultsOf } from "./rules.ts";
import { sentencesIn } from "./sentences.ts";
import { stringsOf } from "./strings.ts";

const COMMENTED = ["lib", "cli", "scenarios", "playwright", "server", "dashboards", "tools", "extension"];
const read = (file: string): string => readFileSync(`${root}/${file}`, "utf8");

/** The pages that people read. */
export const documents = (): string[] => [
  "README.md",
  "CONTRIBUTING.md",
  ...filesUnder("docs").filter((file) => file.endsWith(".md")),
];

/** The files whose comments are checked: everything but tests and their material. */
export const commentedFiles = (): string[] =>
  COMMENTED.flatMap(filesUnder).filter(
    (file) => /\.(ts|mjs|go)$/.test(file) && !/_test\.go$|(^|\/)(testdata|node_modules)\//.test(file),
  );

/** Files whose strings are words to recognise or to write instead, not sentences to a reader. */
const VOCABULARIES = ["tools/prose/rules.ts", "lib/fuzz/vocabulary.ts", "lib/import/words.ts"];

/** The findings in one file, as `file:line:column message`: in all of a document, or in the comments and strings of code. */
export async function findingsIn(file: string): Promise<string[]> {
  const text = read(file);
  const isPage = file.endsWith(".md");
  const parts = isPage ? [{ line: 1, markdown: text }] : commentsOf(text);
  const found = parts.map(async ({ line, markdown }) =>
    (await findings(markdown)).map((finding) =>
      finding.replace(/^\d+/, (inPart) => `${file}:${line - 1 + Number(inPart)}`),
    ),
  );
  return [...(await Promise.all(found)).flat(), ...(isPage ? [] : inStrings(file, text))];
}

/** The findings in the strings of a file, as `file:line message`: a string is broken over lines as its author likes. */
function inStrings(file: string, source: string): string[] {
  if (VOCABULARIES.includes(file)) return [];
  return stringsOf(source, file.endsWith(".go") ? "go" : "js").flatMap(({ line, text }) =>
    sentencesIn(text).flatMap((sentence) =>
      [...faultsOf(sentence)].map(({ message }) => `${file}:${line} ${message}`),
    ),
  );
}
