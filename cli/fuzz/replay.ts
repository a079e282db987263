/** A finding is run again. */
import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { type Finding, FindingSchema, KIND_TITLES } from "../../lib/fuzz/finding.ts";
import { isAgain, judge } from "../../lib/fuzz/oracle.ts";
import { UserError } from "../command.ts";
import type { Options } from "./options.ts";
import { type Beside, runningOf } from "./route.ts";
import { executeAlone } from "./run.ts";
import { NoStage } from "./stage.ts";
import type { Aim } from "./target.ts";

/** What came of it. */
export interface Replayed {
  /** How often the same was wrong. */
  readonly seen: number;
  readonly of: number;
  /** What the server did, of the last run that showed it. */
  readonly received: string;
  /** Other things that were wrong. */
  readonly others: readonly string[];
  /** Why the last run did not reach the server, where the proxy or this machine stopped it. */
  readonly unreached?: string;
}

/** @throws {@link UserError} if the file is not a finding */
export async function readFinding(path: string): Promise<Finding> {
  const wrong = (got: string) =>
    new UserError(`--replay: expected the file of a finding, got ${path} (${got})`);
  const text = await readFile(path, "utf8").catch((error) => {
    throw wrong(error.message);
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw wrong((error as Error).message);
  }
  const result = v.safeParse(FindingSchema, json);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw wrong(`${v.getDotPath(issue) ?? "the document"}: ${issue.message}`);
}

/** Runs its sequence so often, each time among neighbours of its own. */
export async function replay(
  finding: Finding,
  aim: Aim,
  options: Options,
  beside: Beside,
  signal: AbortSignal,
): Promise<Replayed> {
  const { running, rules } = await runningOf(
    finding.route === "" ? undefined : finding.route,
    aim,
    options,
    beside,
  );
  let received = "";
  let unreached: string | undefined;
  let seen = 0;
  let of = 0;
  const others = new Set<string>();
  for (let i = 0; i < options.again && !signal.aborted; i++) {
    const waitMs = i === 0 ? running.target.messageTimeoutMs : running.waitMs;
    const observation = await executeAlone(finding.sequence, { ...running, waitMs });
    of++;
    if (observation instanceof NoStage) {
      if (observation.isOurs) unreached = observation.message;
      else others.add("the server no longer serves new connections");
      break;
    }
    const symptoms = judge(finding.sequence, observation, rules);
    const same = symptoms.find((one) => isAgain(one, finding));
    if (same) {
      seen++;
      received = same.received;
    }
    for (const one of symptoms) if (one !== same) others.add(`${KIND_TITLES[one.kind]}: ${one.received}`);
  }
  return { seen, of, received, others: [...others], ...(unreached !== undefined && { unreached }) };
}
