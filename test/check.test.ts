/** What `npm run check` checks, so that `npm test` alone says whether a change is good. */
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

for (const script of ["check:types", "check:style", "check:prose", "check:go"]) {
  test(`npm run ${script}`, async () => {
    await promisify(execFile)("npm", ["run", "--silent", script]).catch(({ stdout, stderr }) => {
      throw new Error(`${stdout}${stderr}`);
    });
  });
}
