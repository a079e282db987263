/** What a run does not check, so that nobody takes silence for an answer. Pure. */
import { METRICS, type MetricName } from "./metrics.ts";
import type { Profile } from "./profile.ts";
import type { Thresholds } from "./summary/summarize.ts";

/** What is recorded only where each delivery is accounted for. */
const ACCOUNTS: readonly MetricName[] = ["ws_delivery_success_rate", "ws_publications", "ws_gap_messages"];

/** What is recorded where connections are put to a test of their own. */
const TRIALS: readonly MetricName[] = ["ws_outcomes", "ws_handshake_status"];

/** What is recorded where requests are answered by streams: there are no deliveries. */
const STREAMS: readonly MetricName[] = ["token_requests"];

/**
 * Says which questions a scenario leaves open: whether deliveries arrive, and the limits of its profile that it records
 * no metric for.
 *
 * @param metrics those that the scenario records
 * @param limits those that it is judged by
 * @param profile the profile and its name, where there is one
 */
export function notesOnScope(
  scenario: string,
  metrics: readonly MetricName[],
  limits: Thresholds,
  profile?: { readonly name: string; readonly thresholds: Profile["thresholds"] },
): string[] {
  const isAboutDeliveries =
    limits.ws_deliveries !== undefined ||
    [...ACCOUNTS, ...TRIALS, ...STREAMS].some((name) => metrics.includes(name));
  const idle = Object.entries(profile?.thresholds ?? {}).filter(
    ([series]) => !metrics.includes(metricOf(series)),
  );
  const shown = idle.map(([series, expressions]) => `${series} ${expressions.join(", ")}`);
  return [
    ...(isAboutDeliveries ? [] : [`${scenario} does not check deliveries: use ordering or fan-out`]),
    ...(shown.length > 0
      ? [`limits of the profile ${profile!.name} that do not apply to ${scenario}: ${shown.join("; ")}`]
      : []),
  ];
}

/** A profile limits metrics of the table alone. */
const metricOf = (series: string): MetricName => {
  const name = series.replace(/\{.*/, "");
  if (!Object.hasOwn(METRICS, name)) throw new Error(`no such metric: ${name}`);
  return name as MetricName;
};
