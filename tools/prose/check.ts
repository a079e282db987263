/** `npm run check:prose [-- FILE…]`: checks the prose of documents and comments, or of the files named. */
import { commentedFiles, documents, findingsIn, pending } from "./files.ts";

const named = process.argv.slice(2);
const waits = new Set(pending());
const all = [...documents(), ...commentedFiles()].filter((file) => !waits.has(file));

for (const file of named.length > 0 ? named : all) {
  for (const finding of await findingsIn(file)) {
    console.error(finding);
    process.exitCode = 1;
  }
}
