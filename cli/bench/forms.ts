/** A comparison of servers for a terminal and for a pull request. Pure. */
import { inert } from "../markdown.ts";
import { AGREE, type Compared, type Line, type Ratio, type Yardstick } from "./compare.ts";

const HEAD = ["server", "µs", "echoes/s", "against the first", ""] as const;
/** The columns for an earlier comparison. */
const SINCE = ["since before", ""] as const;

/** Whether a case has the columns for an earlier comparison. */
export const isSince = (lines: readonly Line[]): boolean => lines.some(({ since }) => since);

const headOf = (lines: readonly Line[]): string[] => [...HEAD, ...(isSince(lines) ? SINCE : [])];

/** For a terminal: a table for each case, and below it why rows cannot be relied on. */
export function comparisonText(compared: readonly Compared[]): string {
  return compared.map(tableOf).join("\n");
}

function tableOf({ title, measure, lines, yardstick }: Compared): string {
  const rows = [headOf(lines), ...lines.map((line) => cells(line, lines))];
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const table = rows.map((row) =>
    row
      .map((cell, i) => (i === 1 || i === 2 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join("  ")
      .trimEnd(),
  );
  const below = notesOf(lines, yardstick).map((note) => `  ${note}`);
  return [`${title}: ${measure}`, ...table.map((line) => `  ${line}`), ...below, ""].join("\n");
}

/** For a pull request. */
export function comparisonMarkdown(compared: readonly Compared[]): string {
  return compared
    .map(({ title, measure, lines, yardstick }) =>
      [
        `### ${title}: ${measure}`,
        "",
        `| ${headOf(lines).join(" | ")} |`,
        `| --- | ---: | ---: | --- | --- |${isSince(lines) ? " --- | --- |" : ""}`,
        ...lines.map((line) => `| ${cells(line, lines).map(inert).join(" | ")} |`),
        "",
        ...notesOf(lines, yardstick).map((note) => `- ${inert(note)}`),
        "",
      ].join("\n"),
    )
    .join("\n");
}

function cells(line: Line, all: readonly Line[]): string[] {
  const { server, us, echoesPerSecond, against, since } = line;
  return [
    server,
    Number.isNaN(us) ? "-" : us.toFixed(1),
    Number.isNaN(echoesPerSecond) ? "-" : echoesPerSecond.toFixed(0),
    againstText(against),
    wordOf(line),
    ...(isSince(all) ? [since ? ratioText(since) : "", since?.word ?? ""] : []),
  ];
}

/** What stands in the column of ratios. */
export const againstText = (against: Ratio | undefined): string => {
  if (against === undefined) return "";
  const { to, ratio, low, high } = against;
  if (to === "first") return ratioText(against);
  const [times, from, upTo] = [ratio, low, high].map((value) => value.toFixed(2));
  return `${times} (${from} to ${upTo}) times the bare loop`;
};

/** What is to be said of a row in a word. */
export const wordOf = ({ state, against }: Line): string =>
  state !== "ok" ? state : against?.to === "first" ? against.word : "";

/** Such as "+23 % (+21 to +26)". */
export const ratioText = ({ ratio, low, high }: Omit<Ratio, "to" | "word">): string =>
  `${percent(ratio)} % (${percent(low)} to ${percent(high)})`;

const percent = (ratio: number): string => {
  const share = ((ratio - 1) * 100).toFixed(1);
  return ratio < 1 ? share : `+${share}`;
};

/** Why rows cannot be relied on, and whether the machine's own speed changed: a sentence each. */
export const notesOf = (lines: readonly Line[], yardstick: Yardstick | undefined): string[] => [
  ...lines.flatMap(({ server, why }) => (why === undefined ? [] : [`${server}: ${why}`])),
  ...driftOf(yardstick),
];

function driftOf(yardstick: Yardstick | undefined): string[] {
  if (yardstick === undefined) return [];
  const { us, drift, sinceBefore = 0 } = yardstick;
  const moved = [
    [drift, "in the second half of the rounds than in the first"],
    [sinceBefore, "than in the earlier comparison"],
  ] as const;
  return moved.flatMap(([by, than]) =>
    Math.abs(by) > AGREE
      ? [
          `drift: the bare loop (${us.toFixed(1)} µs) took ${Math.abs(by * 100).toFixed(1)} % ${by > 0 ? "longer" : "less"} ${than}: rely on ratios, not on µs`,
        ]
      : [],
  );
}
