import { isContractFinding } from "../contract/findings.ts";
import type { ComparisonSummary, Summary, ThresholdSummary } from "./summary.ts";
import { describeLimit } from "./words.ts";

/**
 * The summary as JUnit XML, which CI systems show. Each limit, each comparison with earlier runs and the run itself
 * are test cases. The run is an error if it neither passes nor fails.
 */
export function junit(summary: Summary): string {
  const {
    scenario,
    verdict,
    reason,
    startedAt,
    durationMs,
    thresholds,
    comparisons = [],
    notes = [],
  } = summary;
  const broken = notes.filter(isContractFinding);
  const failures = [...thresholds, ...comparisons].filter(({ ok }) => !ok).length;
  const errors = verdict === "pass" || verdict === "fail" ? 0 : 1;
  const counts = `tests="${thresholds.length + comparisons.length + 1}" failures="${failures}" errors="${errors}" skipped="0"`;
  const suite = `name="${inert(scenario)}" ${counts} time="${durationMs / 1_000}" timestamp="${startedAt.slice(0, 19)}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite ${suite}>`,
    testcase(scenario, "the run", errors > 0 ? `<error message="${inert(`${verdict}: ${reason}`)}"/>` : ""),
    ...thresholds.map((limit) =>
      limitCase(scenario, limit, limit.metric.startsWith("ws_contract_violations") ? broken : []),
    ),
    ...comparisons.map((comparison) => comparisonCase(scenario, comparison)),
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

/** @param details facts about a failure, beside the figure */
function limitCase(scenario: string, limit: ThresholdSummary, details: readonly string[]): string {
  const text = details.map(inert).join("\n");
  const failure = limit.ok
    ? ""
    : `<failure message="${inert(describeLimit(limit))}"${text === "" ? "/>" : `>${text}</failure>`}`;
  return testcase(scenario, `${limit.metric} ${limit.expression}`, failure);
}

function comparisonCase(scenario: string, { what, ok, reason }: ComparisonSummary): string {
  const failure = ok ? "" : `<failure message="${inert(reason)}"/>`;
  return testcase(scenario, `${what} against earlier runs`, failure);
}

const testcase = (scenario: string, name: string, outcome: string): string =>
  `    <testcase classname="${inert(scenario)}" name="${inert(name)}">${outcome}</testcase>`;

/** XML 1.0 section 2.2 and 2.4: markup escaped, what no document may hold left out. */
export const inert = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is left out
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Cs}/gu, "")
    .replace(/[&<>"'\t\n\r]/g, (char) => `&#${char.charCodeAt(0)};`);
