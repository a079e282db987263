/** `npm run check:prose [-- FILE…]`: checks the prose of documents and comments, or of the files named. */
import { commentedFiles, documents, findingsIn } from "./files.ts";

const named = process.argv.slice(2);
for (const file of named.length > 0 ? named : [...documents(), ...commentedFiles()]) {
  for (const finding of await findingsIn(file)) {
    console.error(finding);
    process.exitCode = 1;
  }
}
