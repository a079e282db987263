/** The files of a fuzzing run: the result in each form, and of each finding what shows it again. */
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { FuzzResult } from "../../../lib/fuzz/result.ts";
import type { Protocol } from "../../../lib/protocols/index.ts";
import { UserError } from "../../command.ts";
import { makeDirectory } from "../../directory.ts";
import { fuzzJunit } from "./junit.ts";
import { k6Script, unscriptable } from "./k6-script.ts";
import { fuzzPage } from "./page.ts";
import { type GivenProtocol, testFile } from "./test-file.ts";

/** Files of ours, which an earlier run may have left. */
const OURS = /^(results\.json|report\.html|junit\.xml|finding-\d+\.(json|k6\.js|test\.mjs))$/;

/**
 * Makes the directory, sees that it can be written to, and takes away what an earlier run left.
 *
 * @throws {@link UserError}
 */
export async function clearResults(directory: string): Promise<void> {
  try {
    await makeDirectory(directory);
    for (const name of await readdir(directory)) if (OURS.test(name)) await rm(join(directory, name));
    await writeFile(join(directory, "results.json"), "");
    await rm(join(directory, "results.json"));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UserError(`--results: expected a directory to write to, got ${directory} (${code})`);
  }
}

/** @returns the paths of what was written */
export async function writeResults(
  directory: string,
  result: FuzzResult,
  protocol: Protocol,
  given: GivenProtocol,
  mask: (text: string) => string,
): Promise<string[]> {
  const files: [name: string, text: string][] = result.findings.flatMap((finding, i) => {
    const name = `finding-${i + 1}`;
    return [
      [`${name}.json`, `${JSON.stringify(finding, null, 2)}\n`],
      [`${name}.test.mjs`, testFile(finding, `${name}.json`, given)],
      ...(unscriptable(finding, protocol) === undefined
        ? [[`${name}.k6.js`, k6Script(finding, protocol)] as [string, string]]
        : []),
    ] as [string, string][];
  });
  files.push(["results.json", `${JSON.stringify(result, null, 2)}\n`], ["junit.xml", fuzzJunit(result)]);
  const write = (name: string, text: string) => writeFile(join(directory, name), mask(text));
  for (const [name, text] of files) await write(name, text);
  // Last: whatever becomes of the page, the findings are kept.
  await write("report.html", await fuzzPage(result));
  return [...files.map(([name]) => join(directory, name)), join(directory, "report.html")];
}
