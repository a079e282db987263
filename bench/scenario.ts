import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Summary } from "../lib/summary/summary.ts";
import { OUR_K6 } from "../test/k6/run.ts";
import { type Settings, type Usage, variables, type Watched, watch } from "./processes.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** A scenario that has run to its end on `bin/k6`. */
export interface Ran extends Watched {
  readonly summary: Summary;
  /** Of the whole process, from its start. */
  readonly cpuSeconds: number;
}

/** Runs a scenario on `bin/k6`; `args` are further flags of k6. Throws when no summary comes of it. */
export async function runScenario(
  name: string,
  settings: Settings,
  { args = [], onSample }: { args?: readonly string[]; onSample?: (usage: Usage) => void } = {},
): Promise<Ran> {
  const directory = await mkdtemp(join(tmpdir(), "k6-realtime-"));
  try {
    const watched = await watch(
      OUR_K6,
      [
        ...["run", "--quiet", "--no-usage-report", ...args],
        ...variables({ RESULTS_DIR: directory, ...settings }),
        join(root, `dist/${name}.js`),
      ],
      onSample,
    );
    const file = join(directory, `${name}.summary.json`);
    const summary: Summary = await readFile(file, "utf8").then(JSON.parse, () => {
      throw new Error(`k6 left no summary:\n${watched.output}`);
    });
    return { ...watched, summary, cpuSeconds: watched.usage.at(-1)!.cpuSeconds };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
