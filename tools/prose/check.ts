/**
 * `npm run check:prose [-- FILE…]`: checks the prose of the documents, or of the files named. Pages listed in
 * unclean.txt are still to be mended and pass; a page that is clean must leave the list.
 */
import { readFileSync } from "node:fs";
import { filesUnder } from "../files.mjs";
import { findings } from "./findings.ts";

const isPage = (file: string): boolean => file.endsWith(".md");
const all = ["README.md", "CONTRIBUTING.md", ...filesUnder("docs").filter(isPage)];
const unclean = readFileSync(new URL("unclean.txt", import.meta.url), "utf8")
  .split("\n")
  .filter(isPage);

const named = process.argv.slice(2);
for (const file of named.length > 0 ? named : all) {
  const found = await findings(readFileSync(file, "utf8"));
  const isListed = unclean.includes(file);
  if (isListed && found.length === 0) found.push(`clean: take ${file} off tools/prose/unclean.txt`);
  else if (isListed && named.length === 0) continue;
  for (const finding of found) console.error(`${file}:${finding}`);
  if (found.length > 0) process.exitCode = 1;
}
