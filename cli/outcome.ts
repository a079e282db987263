/** What finished k6 processes and the summary that they left, or did not, amount to. Pure. */
import type { Summary } from "../lib/summary/summary.ts";
import { NO_LIMITS, NOTHING_BEGAN } from "../lib/summary/verdict.ts";
import { EXIT } from "./command.ts";
import type { Ending } from "./supervise.ts";

type Decision = Pick<Summary, "verdict" | "reason">;
type Judged = Decision & Pick<Summary, "thresholds">;

/**
 * The verdict that stands. A run that was ended from outside, or whose k6 failed, is incomplete whatever its summary
 * says, for the summary cannot know. A run without a summary is incomplete, too.
 */
export function decide(ending: Ending, summary: Judged | undefined): Decision {
  if (ending.endedBecause !== undefined) return incomplete(ending.endedBecause);
  if (!summary)
    return incomplete(`k6 ended (${howEnded(ending)}) without a summary: its messages above say why`);
  if (summary.reason === NOTHING_BEGAN && ending.lastError !== undefined) {
    return incomplete(`the load did not begin: ${ending.lastError}`);
  }
  if (summary.verdict === "pass" && ending.exitCode !== 0) {
    return incomplete(`every limit held, but k6 did not end well (${howEnded(ending)})`);
  }
  return judged(summary);
}

/** A run that nothing was asked of has not passed. */
function judged({ verdict, reason, thresholds }: Judged): Decision {
  if (verdict === "pass" && thresholds.length === 0)
    return incomplete(`${NO_LIMITS}: give the script thresholds`);
  return { verdict, reason };
}

/**
 * The same of instances that shared one load and judged nothing themselves: each must have ended well.
 *
 * @param summary of all their recordings
 */
export function decideTogether(endings: readonly Ending[], summary: Judged | undefined): Decision {
  const failure = endings.findIndex(failed);
  if (failure >= 0) {
    const what = `instance ${nth(failure, endings.length)} failed (${howEnded(endings[failure]!)})`;
    return incomplete(summary?.verdict === "incomplete" ? `${what}: ${summary.reason}` : what);
  }
  const stopped = endings.find(({ endedBecause }) => endedBecause !== undefined);
  if (stopped) return incomplete(stopped.endedBecause!);
  if (!summary) return incomplete("no instance left a recording");
  return judged(summary);
}

/** Whether k6 ended by itself, and not well. */
export const failed = ({ exitCode, endedBecause }: Ending): boolean =>
  endedBecause === undefined && exitCode !== 0;

/** The exit code for a verdict: k6's own where the run was decided, 3 where it was not. */
export function exitCodeFor(verdict: Summary["verdict"], exitCode: number | undefined): number {
  if (verdict === "pass") return EXIT.pass;
  if (verdict === "fail") return exitCode || EXIT.fail;
  return EXIT.undecided;
}

/** `2 of 4`, for the one with index 1. */
export const nth = (index: number, count: number): string => `${index + 1} of ${count}`;

export const howEnded = ({ exitCode, notStarted }: Ending): string => {
  if (notStarted !== undefined) return `it could not be started: ${notStarted}`;
  return exitCode === undefined ? "killed" : `exit code ${exitCode}`;
};

const incomplete = (reason: string): Decision => ({ verdict: "incomplete", reason });
