/** A run of conformance tests for a pull request. Pure. */
import { inert } from "../markdown.ts";
import { byAgent, type CaseResult, type ConformResults, fails, reasonOf, tally, wordOf } from "./results.ts";

const MOST_ROWS = 50;

export function conformMarkdown(results: ConformResults): string {
  const agents = [...byAgent(results)];
  const failed = results.results.filter(fails);
  const news = failed.filter(({ known }) => !known);
  const passes = results.results.filter(({ unexpectedPass }) => unexpectedPass);
  return [
    `## ${results.subject} conformance of ${results.testee}s: ${news.length === 0 ? "pass" : "fail"}`,
    "",
    "| testee | cases | verdicts |",
    "| --- | ---: | --- |",
    ...agents.map(([agent, own]) => `| ${inert(agent)} | ${own.length} | ${tally(own)} |`),
    "",
    ...table("Failed", news),
    ...table(
      "Known from the baseline",
      failed.filter(({ known }) => known),
    ),
    ...table("Pass, though the baseline says that they fail", passes),
  ].join("\n");
}

function table(title: string, rows: readonly CaseResult[]): string[] {
  if (rows.length === 0) return [];
  return [
    `### ${title}: ${rows.length}`,
    "",
    "| testee | case | verdict | why | paragraph |",
    "| --- | --- | --- | --- | --- |",
    ...rows
      .slice(0, MOST_ROWS)
      .map(
        (one) =>
          `| ${[one.agent, `${one.id} ${one.title}`, wordOf(one), reasonOf(one), one.rfc].map(inert).join(" | ")} |`,
      ),
    ...(rows.length > MOST_ROWS ? ["", `and ${rows.length - MOST_ROWS} more`] : []),
    "",
  ];
}
