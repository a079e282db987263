import { relative } from "node:path";
import type { K6Result } from "../run-k6.ts";

/** The lines that a run ends with: what it came to, and where it is written down. */
export const conclusion = (
  { summary, files }: Pick<K6Result, "summary" | "files">,
  cwd: string,
): string[] => [
  `Verdict: ${summary.verdict}, ${summary.reason}`,
  `Results: ${files.map((file) => relative(cwd, file)).join(", ")}`,
];
