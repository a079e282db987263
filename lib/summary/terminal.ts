import { fold } from "./fold.ts";
import { COMPARISON_HEADER, COUNT_HEADER, LATENCY_HEADER, LIMIT_HEADER, layout } from "./layout.ts";
import type { Summary } from "./summary.ts";

/** The summary for a terminal of 100 columns, without colour: it ends up in logs as well. */
export function terminal(summary: Summary): string {
  const { headline, facts, tested, steps, stepHeader, latencies, counts, limits, comparisons, notes } =
    layout(summary);
  const blocks = [
    [...fold(headline, "  "), facts, ...tested.flatMap((line) => fold(line, "  "))],
    steps.length > 0 ? table(stepHeader, steps, 2) : [],
    latencies.length > 0 ? table(LATENCY_HEADER, latencies) : [],
    counts.length > 0 ? table(COUNT_HEADER, counts) : [],
    limits.length > 0
      ? table(
          ["", ...LIMIT_HEADER],
          limits.map(({ ok, cells }) => [ok ? "✓" : "✗", ...cells]),
          2,
        )
      : [],
    comparisons.length > 0
      ? table(
          ["", ...COMPARISON_HEADER],
          comparisons.map(({ ok, cells }) => [ok ? "✓" : "✗", ...cells]),
          2,
        )
      : [],
    notes.flatMap((note) => fold(note, "  ")),
  ];
  return `\n${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.map((line) => `  ${line}`.trimEnd()).join("\n"))
    .join("\n\n")}\n\n`;
}

/** Columns aligned: the first `leftColumns` and the last one of words to the left, figures to the right. */
function table(header: readonly string[], rows: readonly (readonly string[])[], leftColumns = 1): string[] {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  const isWords = (column: number) => column < leftColumns || ["by", "because", ""].includes(header[column]!);
  return all.map((row) =>
    row
      .map((cell, column) =>
        isWords(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join("  "),
  );
}
