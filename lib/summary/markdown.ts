import { COMPARISON_HEADER, COUNT_HEADER, LATENCY_HEADER, LIMIT_HEADER, layout } from "./layout.ts";
import type { Summary } from "./summary.ts";

/** The summary as Markdown, for a pull request or a job summary. */
export function markdown(summary: Summary): string {
  const { facts, tested, steps, stepHeader, latencies, counts, limits, comparisons, notes } = layout(summary);
  return [
    `## ${inert(summary.scenario)}: ${summary.verdict}`,
    inert(`${summary.reason}.`),
    inert(`${facts}; started ${summary.startedAt}.`),
    ...tested.map((line) => inert(`${line}.`)),
    table(
      ["", ...LIMIT_HEADER],
      limits.map(({ ok, cells }) => [ok ? "✅" : "❌", ...cells]),
    ),
    table(
      ["", ...COMPARISON_HEADER],
      comparisons.map(({ ok, cells }) => [ok ? "✅" : "❌", ...cells]),
    ),
    table(stepHeader, steps),
    table(LATENCY_HEADER, latencies),
    table(COUNT_HEADER, counts),
    ...notes.map(inert),
  ]
    .filter((block) => block !== "")
    .join("\n\n")
    .concat("\n");
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const line = (cells: readonly string[]) => `| ${cells.map(inert).join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Keeps what a server or a user named from becoming markup. */
const inert = (text: string): string => text.replace(/[\\`*_[\]<>|~#]/g, "\\$&").replace(/\n/g, " ");
