import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryDirectory } from "./temporary-directory.ts";

/** Writes JSON to a file that goes when the test is over, and gives its path. */
export async function jsonFile(t: Parameters<typeof temporaryDirectory>[0], json: unknown): Promise<string> {
  const path = join(await temporaryDirectory(t), "file.json");
  await writeFile(path, JSON.stringify(json));
  return path;
}
