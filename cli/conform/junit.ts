/** A run of conformance tests as JUnit XML: a suite for each testee, a test for each case. Pure. */
import { inert } from "../../lib/summary/junit.ts";
import { byAgent, type CaseResult, type ConformResults, fails, reasonOf, wordOf } from "./results.ts";

export function conformJunit(results: ConformResults): string {
  const agents = [...byAgent(results)];
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts(results.results)}>`,
    ...agents.flatMap(([agent, own]) => [
      `  <testsuite name="${inert(agent)}" ${counts(own)} time="${seconds(own)}">`,
      ...own.map(testcase),
      "  </testsuite>",
    ]),
    "</testsuites>",
    "",
  ].join("\n");
}

const isNew = (one: CaseResult) => fails(one) && !one.known;
const isSkipped = (one: CaseResult) => (fails(one) && one.known) || one.behavior === "UNIMPLEMENTED";

const counts = (all: readonly CaseResult[]): string =>
  `tests="${all.length}" failures="${all.filter(isNew).length}" errors="0" skipped="${all.filter(isSkipped).length}"`;

const seconds = (all: readonly CaseResult[]): string =>
  (all.reduce((sum, { durationMs }) => sum + durationMs, 0) / 1_000).toFixed(3);

function testcase(one: CaseResult): string {
  const message = `${wordOf(one)}: ${reasonOf(one)} (${one.rfc})`;
  const outcome = isNew(one)
    ? `<failure message="${inert(message)}"/>`
    : isSkipped(one)
      ? `<skipped message="${inert(one.known ? `known from the baseline: ${message}` : one.why)}"/>`
      : "";
  return `    <testcase classname="${inert(one.agent)}" name="${inert(`${one.id} ${one.title}`)}" time="${one.durationMs / 1_000}">${outcome}</testcase>`;
}
