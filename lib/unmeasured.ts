/** What a run cannot tell, because the server gave nothing to tell it by. Pure. */
import { countOf } from "./summary/counts.ts";
import type { Summary, ThresholdSummary } from "./summary/summary.ts";
import { holds, parseLimit } from "./summary/threshold.ts";

type Metrics = Summary["metrics"];

const unmeasured = (metrics: Metrics, reason: string): number =>
  countOf(metrics.ws_unmeasured?.by?.reason?.[reason]);

/** The finest unit of time stamps that are too coarse for a lag, in words. */
const COARSE: readonly (readonly [reason: string, unit: string])[] = [
  ["stamp_10ms", "hundredths of a second"],
  ["stamp_100ms", "tenths of a second"],
  ["stamp_1s", "whole seconds"],
];

/** How many time stamps were too coarse for a lag, and the finest unit that they told. */
function coarse(metrics: Metrics): { count: number; unit: string } | undefined {
  const [finest] = COARSE.filter(([reason]) => unmeasured(metrics, reason) > 0);
  if (!finest) return undefined;
  return { count: COARSE.reduce((sum, [reason]) => sum + unmeasured(metrics, reason), 0), unit: finest[1] };
}

/**
 * Why a limit that did not hold is not broken: the run could not show it. Either it depends on the server's own stamps
 * and identifiers, and these cannot be used, or this side did less than planned. Undefined if neither is the reason.
 */
export function whyUnjudged(limit: ThresholdSummary, metrics: Metrics): string | undefined {
  const { metric, value } = limit;
  if (metric === "ws_reconnects") return whyFewerCuts(limit, metrics);
  const deliveries = countOf(metrics.ws_deliveries);
  if (deliveries === 0) return undefined;
  const listens = !metrics.ws_probes && countOf(metrics.ws_publications) === 0;
  const name = metric.replace(/\{.*/, "");
  if (value !== null) {
    const isByStamps = name === "ws_fanout_server_lag_ms" || (name === "ws_fanout_lag_ms" && listens);
    return isByStamps && value >= LONGEST_MS ? NO_LAG : undefined;
  }
  switch (name) {
    case "ws_delivery_success_rate":
      return listens
        ? "no delivery came to two subscribers of a room, so missed ones cannot be told"
        : undefined;
    case "ws_fanout_lag_ms":
      return listens ? whyNoLag(deliveries, metrics) : undefined;
    case "ws_fanout_server_lag_ms":
      return whyNoLag(deliveries, metrics);
  }
  return undefined;
}

/** Near the longest time that is kept, `bucket.Highest` of the engine: 78 hours. Rounding and percentiles come close. */
const LONGEST_MS = 2.8e8;

const NO_LAG =
  "the server's time stamps lie 78 hours or more before their arrival, too long for a lag: check `unit` and `since` of delivery.sentAt, and both clocks";

/** A connection that was not cut as often as planned could not come back as often. */
function whyFewerCuts({ expression, value }: ThresholdSummary, metrics: Metrics): string | undefined {
  const left = unmeasured(metrics, "cuts");
  const limit = parseLimit(expression);
  if (!limit || value === null || holds(value, limit) || !holds(value + left, limit)) return undefined;
  return `${left} of the planned cuts were not made, since their connections were not back before the publications ended: raise DURATION, or lower CUTS`;
}

/** Why the server's time stamps told no lag at all. */
function whyNoLag(deliveries: number, metrics: Metrics): string {
  const stamps = coarse(metrics);
  if (stamps) return `the server's time stamps tell ${stamps.unit} at best, which is too coarse for a lag`;
  if (unmeasured(metrics, "joining") === deliveries)
    return "all deliveries came at joining, and may be history";
  return "no delivery had a usable time stamp";
}

/** What was not measured, or not as it was, in sentences. */
export function notesOnGaps(metrics: Metrics): string[] {
  const notes: string[] = [];
  const say = (count: number, what: string) => {
    if (count > 0) notes.push(`${count} ${what}`);
  };
  const stamps = coarse(metrics);
  if (stamps) {
    notes.push(
      `the server's time stamps tell ${stamps.unit} at best: ${stamps.count} of them give no lag, since most of it would be rounding`,
    );
  }
  say(
    unmeasured(metrics, "joining"),
    "deliveries came within 100 ms of joining, or had come to others before: they may be history and give no lag",
  );
  say(
    unmeasured(metrics, "no_stamp"),
    "deliveries had no usable time stamp, so nothing tells when they were published",
  );
  say(
    unmeasured(metrics, "forgotten"),
    "publications were too many at once to be followed to their last subscriber: ws_fanout_spread_ms and ws_messages_lost leave them out",
  );
  say(
    unmeasured(metrics, "undecided"),
    "deliveries came so long after their publication that nobody knows whether they had come before: they count as neither late nor duplicated",
  );
  say(
    unmeasured(metrics, "cuts"),
    "planned cuts were not made, since their connections were not back before the publications ended",
  );
  say(
    unmeasured(metrics, "out_of_range"),
    "times were below zero or beyond 78 hours and count as the nearest that is kept, as after a change of the clock or by stamps in another unit",
  );
  say(
    unmeasured(metrics, "not_taken"),
    "times are missing, since k6 did not take them in time: give the generator more processors",
  );
  return notes;
}
