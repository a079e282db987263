/** The notes of a summary that is made from recordings. Pure. */
import { SLOW_READER_MEANINGS } from "../../lib/backpressure.ts";
import { notesOnHttp } from "../../lib/http-version.ts";
import { IDLE_MEANINGS } from "../../lib/idle.ts";
import { notesOnTimes } from "../../lib/notes.ts";
import { outcomeNotes } from "../../lib/outcomes.ts";
import { RECONNECT_MEANINGS } from "../../lib/reconnect.ts";
import { STEPS_NOTE } from "../../lib/summary/summarize.ts";
import type { Summary } from "../../lib/summary/summary.ts";
import { TOKEN_MEANINGS } from "../../lib/token-expiry.ts";

const MEANINGS: Readonly<Record<string, Parameters<typeof outcomeNotes>[1]>> = {
  backpressure: SLOW_READER_MEANINGS,
  idle: IDLE_MEANINGS,
  reconnect: RECONNECT_MEANINGS,
  "token-expiry": TOKEN_MEANINGS,
};

/**
 * As the scenario itself would say it of these figures. What takes more than figures is left out, and where there were
 * several instances, of which none can have said it, that is said.
 */
export function notesOf(
  { scenario, metrics, steps }: Pick<Summary, "scenario" | "metrics" | "steps">,
  instances: number,
): string[] {
  return [
    ...(steps ? [STEPS_NOTE] : []),
    ...(Object.hasOwn(MEANINGS, scenario) ? outcomeNotes(metrics, MEANINGS[scenario]!) : []),
    ...notesOnTimes(metrics),
    ...notesOnHttp(metrics),
    ...(instances > 1 ? leftOut(metrics, instances) : []),
  ];
}

function leftOut(metrics: Summary["metrics"], instances: number): string[] {
  return [
    ...("ws_time_to_reach_ms" in metrics
      ? [
          `left out: how many connections were opened in a second, for each of the ${instances} instances counts ws_time_to_reach_ms from its own start`,
        ]
      : []),
    ...("ws_handshake_status" in metrics
      ? ["left out: what each case expected and got, which only a run in one process tells"]
      : []),
  ];
}
