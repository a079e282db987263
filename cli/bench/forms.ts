/** A comparison of servers for a terminal and for a pull request. Pure. */
import { inert } from "../markdown.ts";
import type { Compared, Line, Ratio } from "./compare.ts";

const HEAD = ["server", "µs", "echoes/s", "against the first", ""] as const;

/** For a terminal: a table for each case, and below it why rows cannot be relied on. */
export function comparisonText(compared: readonly Compared[]): string {
  return compared.map(tableOf).join("\n");
}

function tableOf({ title, measure, lines }: Compared): string {
  const rows = [HEAD, ...lines.map(cells)];
  const widths = HEAD.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const table = rows.map((row) =>
    row
      .map((cell, i) => (i === 1 || i === 2 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join("  ")
      .trimEnd(),
  );
  return [`${title}: ${measure}`, ...table.map((line) => `  ${line}`), ...reasons(lines), ""].join("\n");
}

/** For a pull request. */
export function comparisonMarkdown(compared: readonly Compared[]): string {
  return compared
    .map(({ title, measure, lines }) =>
      [
        `### ${title}: ${measure}`,
        "",
        `| ${HEAD.join(" | ")} |`,
        "| --- | ---: | ---: | --- | --- |",
        ...lines.map((line) => `| ${cells(line).map(inert).join(" | ")} |`),
        "",
        ...reasons(lines).map((reason) => `- ${inert(reason.trim())}`),
        "",
      ].join("\n"),
    )
    .join("\n");
}

function cells(line: Line): string[] {
  const { server, us, echoesPerSecond, against, state } = line;
  return [
    server,
    Number.isNaN(us) ? "-" : us.toFixed(1),
    Number.isNaN(echoesPerSecond) ? "-" : echoesPerSecond.toFixed(0),
    against ? ratioText(against) : "",
    state === "ok" ? (against?.word ?? "") : state,
  ];
}

/** Such as "+23 % (+21 to +26)". */
export const ratioText = ({ ratio, low, high }: Ratio): string =>
  `${percent(ratio)} % (${percent(low)} to ${percent(high)})`;

const percent = (ratio: number): string => {
  const share = ((ratio - 1) * 100).toFixed(1);
  return ratio < 1 ? share : `+${share}`;
};

const reasons = (lines: readonly Line[]): string[] =>
  lines.flatMap(({ server, why }) => (why === undefined ? [] : [`  ${server}: ${why}`]));
