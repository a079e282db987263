/** What the figures of a run are worth, in sentences. Pure: of one process, and of several put together, alike. */
import { notesOnCompression } from "./compression.ts";
import type { Summary } from "./summary/summary.ts";
import { number } from "./summary/verdict.ts";
import { notesOnGaps } from "./unmeasured.ts";

/** How certain the latencies are that the engine measured. */
export const notesOnTimes = (metrics: Summary["metrics"]): string[] => [
  ...uncertainty(metrics),
  ...otherClock(metrics),
  ...notesOnGaps(metrics),
  ...notesOnCompression(metrics),
];

/** The share of uncertain arrivals from which they are worth a word: a tenth of what is above a p99. */
const UNCERTAIN_SHARE = 0.001;

/** What reading late did to the latencies. */
function uncertainty(metrics: Summary["metrics"]): string[] {
  const { ws_arrivals_uncertain: uncertain, ws_generator_delay_ms: delay } = metrics;
  const received = delay?.by?.side?.receive;
  if (uncertain?.kind !== "counter" || received?.kind !== "trend" || received.count === 0) return [];
  const share = uncertain.count / received.count;
  if (share <= UNCERTAIN_SHARE) return [];
  const percent = share * 100;
  return [
    `${number(percent)} % of the messages were read late and together with later ones. The true p99 of a latency may be as low as the p${number(Math.max(99 - percent, 0))}, less 1 ms. Give the generator more processors or fewer connections`,
  ];
}

/** What the server's time stamps are worth. */
function otherClock({ ws_message_errors: errors }: Summary["metrics"]): string[] {
  const differs = errors?.by?.reason?.clock_differs;
  if (differs?.kind !== "counter" || differs.count === 0) return [];
  return [
    `the clocks of the server and this machine differ: ${differs.count} time stamps lie after their arrival or before their publication. ws_fanout_server_lag_ms leaves them out and says nothing`,
  ];
}
