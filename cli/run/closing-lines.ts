import { relative } from "node:path";
import { fold } from "../../lib/summary/fold.ts";
import { terminal } from "../../lib/summary/terminal.ts";
import type { K6Result } from "../run-k6.ts";

/** The lines that a run ends with: its figures unless k6 showed them, its verdict, where it is written down, and what to open. */
export function closingLines(
  { summary, files, shown: figuresShown }: Pick<K6Result, "summary" | "files" | "shown">,
  cwd: string,
): string[] {
  const shown = files.map((file) => relative(cwd, file));
  return [
    ...(figuresShown ? [] : [terminal(summary).trimEnd(), ""]),
    ...fold(`Verdict: ${summary.verdict}, ${summary.reason}`, "         "),
    ...fold(`Results: ${shown.join(", ")}`, "         "),
    ...shown.filter((file) => file.endsWith(".html")).map((page) => `Open ${page} in a browser`),
  ];
}
