/** What the figures of event streams say of what is on the way. Pure. */
import type { Summary } from "./summary/summary.ts";
import { countOf, number } from "./summary/verdict.ts";

/** From this share on, events that came together are worth a word. */
const MANY = 0.5;

/**
 * Events that come several at once although their server writes them one by one speak of a buffer on the way: a proxy's,
 * the server's own, or a generator that reads late.
 */
export function notesOnEvents(metrics: Summary["metrics"]): string[] {
  const { sse_events: events, sse_reads: reads } = metrics;
  const together = countOf(events?.by?.read?.together);
  const all = countOf(events);
  if (all === 0 || together / all < MANY) return [];
  const each = number(all / countOf(reads));
  return [
    `${number((100 * together) / all)} % of events came several in one read, ${each} on average: the server writes them together, a proxy on the way buffers them, or this side reads late (ws_generator_delay_ms)`,
  ];
}
