/** What a fuzzing run found, for a terminal. Pure. */
import { counted } from "../../../lib/counted.ts";
import { describeClose, type Finding, likeWords } from "../../../lib/fuzz/finding.ts";
import type { FuzzResult } from "../../../lib/fuzz/result.ts";
import { formatDuration, ms } from "../../../lib/units.ts";

const LINE = "=".repeat(60);

export function findingText(finding: Finding, number: number): string {
  const { title, route, sent, expected, received, index, connections, sequence, again, also, atMs } = finding;
  const lines = [
    LINE,
    `FINDING ${number}${route === "" ? "" : ` on ${route}`}: ${title}`,
    LINE,
    ...(index === undefined
      ? ["At:         the opening of the connection"]
      : [`At:         message ${index + 1} of ${sequence.steps.length}`]),
    ...sent.map((line, i) => `${i === 0 ? "Sent:       " : "            "}${line}`),
    `Expected:   ${expected}`,
    `Received:   ${received} (${finding.on}${atMs > 0 && Number.isFinite(atMs) ? `, after ${atMs.toFixed(1)} ms` : ""})`,
    ...describeClose(finding).map((line) => `Close:      ${line}`),
    ...connections.map(
      ({ name, state }, i) => `${i === 0 ? "State:      " : "            "}${name}: ${state}`,
    ),
    ...also.map((line, i) => `${i === 0 ? "Besides:    " : "            "}${line}`),
    `Seen again: ${again.seen} of ${again.of}${again.control > 0 ? `, and ${counted(again.control, "time")} without these messages` : ""}; ${likeWords(finding)}`,
  ];
  return lines.join("\n");
}

export function resultText({ findings, routes, verdict, reason, seed, durationMs }: FuzzResult): string {
  const judged = routes.flatMap(({ route, notJudged }) =>
    notJudged.map((line) => `not judged${route === "" ? "" : ` on ${route}`}: ${line}`),
  );
  return [
    ...findings.map((finding, i) => findingText(finding, i + 1)),
    ...(findings.length > 0 ? [LINE] : []),
    ...routes.map(
      ({ url, runs, messages, sweep }) =>
        `${url}: ${counted(runs, "sequence")}, ${counted(messages, "message")}; ${sweep.tried} of ${sweep.of} single messages tried`,
    ),
    ...judged,
    ...routes.flatMap(({ notes }) => notes),
    `Verdict: ${verdict}, ${reason} (seed ${seed}, ${formatDuration(ms(Math.round(durationMs / 1_000) * 1_000))})`,
  ].join("\n");
}
