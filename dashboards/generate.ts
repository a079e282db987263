/** Writes the dashboards: `node --import tsx dashboards/generate.ts`. */
import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { dashboards } from "./index.ts";

export const directory = fileURLToPath(new URL("json/", import.meta.url));

/** The text of each file below json/. */
export function files(): Map<string, string> {
  return new Map(
    Object.entries(dashboards()).map(([name, made]) => [name, `${JSON.stringify(made, null, 2)}\n`]),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await mkdir(directory, { recursive: true });
  for (const [name, text] of files()) await writeFile(directory + name, text);
}
