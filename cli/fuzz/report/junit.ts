/** A fuzzing run as JUnit XML: a suite for each route, in it a test for each finding and one for the run. Pure. */
import type { Finding } from "../../../lib/fuzz/finding.ts";
import type { FuzzResult, RouteResult } from "../../../lib/fuzz/result.ts";
import { inert } from "../../../lib/summary/junit.ts";

export function fuzzJunit({ findings, routes }: FuzzResult): string {
  const of = (route: RouteResult) => findings.filter((finding) => finding.route === route.route);
  const errors = routes.filter(({ ended }) => ended !== undefined).length;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites tests="${routes.length + findings.length}" failures="${findings.length}" errors="${errors}" skipped="0">`,
    ...routes.flatMap((route) => suite(route, of(route))),
    "</testsuites>",
    "",
  ].join("\n");
}

function suite({ url, runs, ended, durationMs }: RouteResult, findings: readonly Finding[]): string[] {
  const name = inert(`fuzz ${url}`);
  const error = ended === undefined ? "" : `<error message="${inert(ended)}"/>`;
  return [
    `  <testsuite name="${name}" tests="${findings.length + 1}" failures="${findings.length}" errors="${ended === undefined ? 0 : 1}" skipped="0" time="${durationMs / 1_000}">`,
    `    <testcase classname="${name}" name="${runs} sequences">${error}</testcase>`,
    ...findings.map(
      (finding) =>
        `    <testcase classname="${name}" name="${inert(finding.title)}"><failure message="${inert(messageOf(finding))}"/></testcase>`,
    ),
    "  </testsuite>",
  ];
}

const messageOf = ({ sent, expected, received, again }: Finding): string =>
  `sent ${sent.join("; ")}. Expected ${expected}. Received ${received}. Seen again ${again.seen} of ${again.of}.`;
