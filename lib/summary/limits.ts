/** Whether the limits that a script states can judge anything. Pure. */
import { type OwnMetrics, specOf } from "../metrics.ts";
import type { Thresholds } from "./summarize.ts";
import { holds, parseLimit } from "./threshold.ts";

/**
 * @param field what to call the limits in an error
 * @param names the metrics that are recorded
 * @param own the kinds of the script's own metrics
 * @throws RangeError if a limit is on no recorded metric, is not a valid limit, or if no limit asks for traffic
 */
export function requireLimits(
  field: string,
  limits: Thresholds,
  names: readonly string[],
  own: OwnMetrics = {},
): void {
  let asksForTraffic = false;
  for (const [series, expressions] of Object.entries(limits)) {
    const name = series.replace(/\{.*/, "");
    if (!names.includes(name)) {
      throw new RangeError(
        `${field}: expected a metric that is recorded (${names.join(", ")}), got ${series}`,
      );
    }
    for (const expression of expressions) {
      const limit = parseLimit(expression);
      if (!limit) {
        throw new RangeError(
          `${field}: ${series}: expected a threshold such as p(95)<500, got ${JSON.stringify(expression)}`,
        );
      }
      asksForTraffic ||= specOf(name, own).kind === "counter" && !holds(0, limit);
    }
  }
  if (asksForTraffic) return;
  throw new RangeError(
    `${field}: expected a Counter above nothing among them, such as ws_replies: ["count>0"], or a run without traffic would pass`,
  );
}
