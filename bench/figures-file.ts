import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const results = fileURLToPath(new URL("../results", import.meta.url));

/** Writes a benchmark's figures to results/bench-NAME.json, with the time, and prints the path. */
export async function writeFigures(name: string, figures: object): Promise<void> {
  await mkdir(results, { recursive: true });
  const file = join(results, `bench-${name}.json`);
  await writeFile(file, `${JSON.stringify({ at: new Date().toISOString(), ...figures }, null, 2)}\n`);
  console.log(file);
}
