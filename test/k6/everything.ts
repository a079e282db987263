import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { K6Run } from "./run.ts";

/** Everything that a run printed and wrote. */
export async function everything(run: K6Run): Promise<string> {
  const files = await readdir(run.results);
  const texts = await Promise.all(files.map((name) => readFile(join(run.results, name), "utf8")));
  return [run.stdout, run.stderr, ...texts].join("\n");
}
