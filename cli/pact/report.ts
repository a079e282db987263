import type { Pact } from "../../lib/pact/read.ts";
import type { Verified } from "../../lib/pact/verify.ts";
import { printable } from "../try/safe-text.ts";

/** The result for people: each interaction, and its mismatches. */
export function reportOf(pact: Pact, results: readonly Verified[], received: number): string {
  const { consumer, provider, interactions, others } = pact;
  const kept = results.filter(({ isKept }) => isKept).length;
  const lines = [
    `${consumer} and ${provider}, pact of version ${pact.version}`,
    ...results.flatMap(linesOf),
    ...others.map(({ description, type }) => `not judged: ${description} (${type})`),
    received === 0
      ? "undecided: the server sent no message"
      : `${kept} of ${interactions.length} interactions kept, by ${received} messages of the server`,
  ];
  return lines.map((line) => `${printable(line)}\n`).join("");
}

function linesOf({ interaction, isKept, right, mismatches, why }: Verified): string[] {
  const { description, states, isPending } = interaction;
  const given = states.length > 0 ? `, given ${states.join(" and ")}` : "";
  if (isKept) return [`  kept    ${description}${given} (${right})`];
  return [
    `  ${isPending ? "pending" : "broken "} ${description}${given}: ${why}`,
    ...mismatches
      .slice(0, MOST_SHOWN)
      .map(
        ({ path, rule, expected, found }) =>
          `            ${path}: expected ${expected}, got ${found} (${rule})`,
      ),
  ];
}

const MOST_SHOWN = 10;

interface Provided {
  readonly version: string;
  readonly buildUrl?: string;
  /** This program's version. */
  readonly tool: string;
}

/**
 * The body of a POST to `pb:publish-verification-results` of the Pact Broker
 * (https://docs.pact.io/pact_broker/advanced_topics/api_docs/publish_verification_result). It keeps `testResults` as
 * they are.
 */
export function brokerResult(
  pact: Pact,
  results: readonly Verified[],
  { version, buildUrl, tool }: Provided,
) {
  return {
    success: results.every(({ isKept, interaction }) => isKept || interaction.isPending),
    providerApplicationVersion: version,
    ...(buildUrl !== undefined && { buildUrl }),
    testResults: {
      tests: results.map(({ interaction, isKept, why, mismatches }) => ({
        testDescription: `${pact.consumer} and ${pact.provider}: ${interaction.description}`,
        status: isKept ? "passed" : interaction.isPending ? "pending" : "failed",
        ...(why !== undefined && { message: why }),
        mismatches,
      })),
    },
    verifiedBy: { implementation: "k6-realtime", version: tool },
  };
}
