/** What a finished k6 process and the summary that it left, or did not, amount to. Pure. */
import type { Summary } from "../lib/summary/summary.ts";
import { EXIT } from "./command.ts";
import type { Ending } from "./supervise.ts";

/**
 * The verdict that stands. A run that was ended from outside, or whose k6 failed, is incomplete whatever its
 * summary says, for the summary cannot know; so is one that left none.
 */
export function decide(ending: Ending, summary: Summary | undefined): Pick<Summary, "verdict" | "reason"> {
  if (ending.endedBecause !== undefined) return incomplete(ending.endedBecause);
  if (!summary) return incomplete(`k6 ended (${said(ending)}) without a summary: its messages above say why`);
  if (summary.verdict === "pass" && ending.exitCode !== 0) {
    return incomplete(`every limit held, but k6 did not end well (${said(ending)})`);
  }
  return { verdict: summary.verdict, reason: summary.reason };
}

/** The exit code for a verdict: k6's own where the run was decided, 3 where it was not. */
export function exitCodeFor(verdict: Summary["verdict"], ending: Ending): number {
  if (verdict === "pass") return EXIT.pass;
  if (verdict === "fail") return ending.exitCode || EXIT.fail;
  return EXIT.undecided;
}

const incomplete = (reason: string) => ({ verdict: "incomplete", reason }) as const;

const said = ({ exitCode }: Ending) => (exitCode === undefined ? "killed" : `exit code ${exitCode}`);
