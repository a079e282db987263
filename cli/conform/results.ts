/** What `k6 x conform` found, as its results.json says it. */
import * as v from "valibot";
import { UserError } from "../command.ts";

const FORMAT = "k6-realtime conform 1";

const Entry = v.object({
  atMs: v.number(),
  from: v.optional(v.string(), ""),
  what: v.string(),
  hex: v.optional(v.string(), ""),
  bytes: v.optional(v.number(), 0),
});

const Case = v.object({
  agent: v.string(),
  id: v.string(),
  title: v.string(),
  rfc: v.string(),
  behavior: v.string(),
  why: v.string(),
  behaviorClose: v.string(),
  whyClose: v.string(),
  started: v.string(),
  durationMs: v.number(),
  remoteCloseCode: v.nullable(v.number()),
  expected: v.nullish(v.array(v.string()), []),
  nonStrict: v.nullish(v.array(v.string())),
  received: v.nullish(v.array(v.string()), []),
  known: v.optional(v.boolean(), false),
  unexpectedPass: v.optional(v.boolean(), false),
  wire: v.nullish(v.array(Entry), []),
});

const Results = v.object({
  format: v.literal(FORMAT),
  subject: v.optional(v.string(), "WebSocket"),
  testee: v.picklist(["server", "client"]),
  results: v.nullish(v.array(Case), []),
});

/** A line of a case's wire log. */
export type WireEntry = v.InferOutput<typeof Entry>;
/** A case's result with one testee. */
export type CaseResult = v.InferOutput<typeof Case>;
/** All results of a run. */
export type ConformResults = v.InferOutput<typeof Results>;

/** @throws {@link UserError} where the text is something else. */
export function parseConformResults(text: string, source: string): ConformResults {
  try {
    return v.parse(Results, JSON.parse(text));
  } catch (error) {
    throw new UserError(`${source}: expected results of k6 x conform: ${(error as Error).message}`);
  }
}

const FAILING = ["FAILED", "WRONG CODE", "UNCLEAN"];

/** Whether the verdict makes a run fail. */
export const fails = ({ behavior, behaviorClose }: CaseResult): boolean =>
  FAILING.includes(behavior) || FAILING.includes(behaviorClose);

/** The verdict in one word: of the events, or of the connection's end where that alone fails. */
export const wordOf = ({ behavior, behaviorClose }: CaseResult): string =>
  FAILING.includes(behaviorClose) && !FAILING.includes(behavior) ? behaviorClose : behavior;

/** Why a case failed: the part that failed. */
export const reasonOf = (result: CaseResult): string =>
  FAILING.includes(result.behavior) ? result.why : result.whyClose;

/** Verdicts in the order in which reports list them. */
const WORDS = ["OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED", ...FAILING];

/** How many cases came to each verdict, as a clause. */
export function tally(results: readonly CaseResult[]): string {
  const counts = WORDS.map((word) => [word, results.filter((one) => wordOf(one) === word).length] as const);
  return counts.flatMap(([word, count]) => (count > 0 ? [`${count} ${word}`] : [])).join(", ");
}

/** Results by agent, in the order in which the agents came. */
export function byAgent({ results }: ConformResults): Map<string, CaseResult[]> {
  const agents = new Map<string, CaseResult[]>();
  for (const result of results) {
    const own = agents.get(result.agent);
    if (own) own.push(result);
    else agents.set(result.agent, [result]);
  }
  return agents;
}
