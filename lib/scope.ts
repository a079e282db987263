/** What a run does not check, so that nobody takes silence for an answer. Pure. */
import { METRICS, type MetricName } from "./metrics.ts";
import type { Profile } from "./profile.ts";
import type { Thresholds } from "./summary/summarize.ts";

/** Metrics that are recorded only if each delivery is accounted for. */
const ACCOUNTS: readonly MetricName[] = ["ws_delivery_success_rate", "ws_publications", "ws_gap_messages"];

/** Metrics of scenarios that test the connections themselves. */
const TRIALS: readonly MetricName[] = ["ws_outcomes", "ws_handshake_status"];

/** Metrics of requests that streams answer: there are no deliveries. */
const STREAMS: readonly MetricName[] = ["token_requests"];

/**
 * Lists the questions that a scenario leaves open: whether deliveries arrive, and the limits of its profile for which
 * it records no metric.
 *
 * @param metrics the metrics that the scenario records
 * @param limits the limits that judge it
 * @param profile the profile and its name, if there is one
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
