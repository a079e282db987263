import { formatDuration, type Ms, ms } from "../../lib/units.ts";

/** Often enough to see that it runs, seldom enough for a log. */
const EVERY = ms(10_000);

/** Tells, every ten seconds until it is stopped, how far a run is. */
export function tellProgress(longest: Ms, say: (line: string) => void): { stop(): void } {
  const startedAt = performance.now();
  const timer = setInterval(() => say(progressLine(ms(performance.now() - startedAt), longest)), EVERY);
  return { stop: () => clearInterval(timer) };
}

/** `20s of 35s at the most`. The plan has room for graceful stops, which a run mostly does not need. */
function progressLine(elapsed: Ms, longest: Ms): string {
  const taken = formatDuration(ms(Math.round(elapsed / 1_000) * 1_000));
  const most = formatDuration(longest);
  return elapsed > longest
    ? `${taken}, and ${most} was the most it should take`
    : `${taken} of ${most} at the most`;
}
