import { relative } from "node:path";
import type { K6Result } from "../run-k6.ts";

/** The lines that a run ends with: what it came to, where it is written down, and what to open. */
export function conclusion({ summary, files }: Pick<K6Result, "summary" | "files">, cwd: string): string[] {
  const shown = files.map((file) => relative(cwd, file));
  return [
    `Verdict: ${summary.verdict}, ${summary.reason}`,
    `Results: ${shown.join(", ")}`,
    ...shown.filter((file) => file.endsWith(".html")).map((page) => `Open ${page} in a browser`),
  ];
}
