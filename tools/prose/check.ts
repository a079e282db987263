/** `npm run check:prose [-- FILE…]`: checks the prose of the documents, or of the files named. */
import { readFileSync } from "node:fs";
import { filesUnder } from "../files.mjs";
import { findings } from "./findings.ts";

const all = ["README.md", "CONTRIBUTING.md", ...filesUnder("docs").filter((file) => file.endsWith(".md"))];

const named = process.argv.slice(2);
for (const file of named.length > 0 ? named : all) {
  for (const finding of await findings(readFileSync(file, "utf8"))) {
    console.error(`${file}:${finding}`);
    process.exitCode = 1;
  }
}
