/** What protocols of event streams may be, and what their figures say of what is on the way. Pure. */
import { type Protocol, sentOnConnection } from "./protocols/index.ts";
import { SettingsError } from "./settings.ts";
import { countOf } from "./summary/counts.ts";
import type { Summary } from "./summary/summary.ts";
import { number } from "./summary/verdict.ts";

/** From this share on, events that came together are worth a word. */
const MANY = 0.5;

export const notesOnEvents = (metrics: Summary["metrics"]): string[] => [
  ...notesOnReads(metrics),
  ...notesOnText(metrics),
];

/** Event streams are UTF-8 (WHATWG HTML 9.2.5), so a server that writes other bytes is not understood. */
function notesOnText({ sse_events_invalid_utf8: invalid }: Summary["metrics"]): string[] {
  const count = countOf(invalid);
  return count === 0
    ? []
    : [
        `events with bytes that are not UTF-8: ${count} (sse_events_invalid_utf8); U+FFFD replaced these bytes`,
      ];
}

/**
 * If events arrive several at once although their server writes them one by one, something holds them back: a proxy's
 * buffer, the server's own, or a generator that reads late.
 */
function notesOnReads(metrics: Summary["metrics"]): string[] {
  const { sse_events: events, sse_reads: reads } = metrics;
  const together = countOf(events?.by?.read?.together);
  const all = countOf(events);
  if (all === 0 || together / all < MANY) return [];
  const each = number(all / countOf(reads));
  return [
    `${number((100 * together) / all)} % of events came several in one read, ${each} on average: the server writes them together, a proxy on the way buffers them, or this side reads late (ws_generator_delay_ms)`,
  ];
}

/**
 * Nothing can be sent on an event stream.
 *
 * @param setting names where the protocol comes from
 * @throws {@link SettingsError} naming what the protocol would send on it
 */
export function requireOneWay({ name, descriptor, inCode }: Protocol, setting: string): void {
  if (inCode) {
    throw new SettingsError(
      `PROTOCOL_FILE: expected a descriptor for an event stream, got "${name}", a protocol in code`,
    );
  }
  const sent = sentOnConnection(descriptor);
  if (sent === undefined) return;
  throw new SettingsError(
    `${setting}: expected a protocol that sends nothing on the connection, since SSE_URL is an event stream (publish and probe may have "http"), got "${name}" with ${sent}`,
  );
}
