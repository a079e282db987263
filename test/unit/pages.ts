/** The documents, for tests of all of them. Paths are relative to the repository's root. */
import { documents } from "../../docs/generate.ts";
import { filesUnder } from "../../tools/files.mjs";

export const pages: readonly string[] = [
  "README.md",
  "CONTRIBUTING.md",
  ...filesUnder("docs").filter((file) => file.endsWith(".md")),
];

const derived = Object.keys(documents()).map((path) => `docs/${path}`);

/** Without those that derive from the code. */
export const writtenPages: readonly string[] = pages.filter((page) => !derived.includes(page));
