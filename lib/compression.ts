/** Compression of messages (RFC 7692): the offer, and its effect on the traffic. Pure. */
import type { Settings } from "./settings.ts";
import { countOf } from "./summary/counts.ts";
import type { Summary } from "./summary/summary.ts";
import { number } from "./summary/verdict.ts";

/** The settings that make up the offer. */
export const COMPRESSION_SETTINGS = [
  "COMPRESSION",
  "CONTEXT_TAKEOVER",
  "CLIENT_WINDOW_BITS",
  "SERVER_WINDOW_BITS",
] as const;
export type CompressionSettings = Settings<(typeof COMPRESSION_SETTINGS)[number]>;

/** What the engine's connections offer. */
export interface Compression {
  readonly compression: "off" | "deflate";
  readonly contextTakeover: "none" | "client" | "server" | "both";
  readonly clientWindowBits: number;
  readonly serverWindowBits: number;
}

/** Nothing is offered. */
export const NO_COMPRESSION: Compression = {
  compression: "off",
  contextTakeover: "none",
  clientWindowBits: 15,
  serverWindowBits: 15,
};

export const compressionOf = (settings: CompressionSettings): Compression => ({
  compression: settings.COMPRESSION,
  contextTakeover: settings.CONTEXT_TAKEOVER,
  clientWindowBits: settings.CLIENT_WINDOW_BITS,
  serverWindowBits: settings.SERVER_WINDOW_BITS,
});

/**
 * What stock k6 cannot do of it: its sockets offer no context takeover of either side, and the largest windows.
 * Undefined where it can.
 */
export function beyondStock({ compression, ...more }: Compression): string | undefined {
  if (compression === "off") return;
  if (more.contextTakeover !== "none") return "CONTEXT_TAKEOVER: expected none";
  if (more.clientWindowBits < 15) return "CLIENT_WINDOW_BITS: expected 15";
  if (more.serverWindowBits < 15) return "SERVER_WINDOW_BITS: expected 15";
}

/** How much smaller messages were on the wire, in sentences; none where no connection agreed on compression. */
export function notesOnCompression(metrics: Summary["metrics"]): string[] {
  const agreed = countOf(metrics.ws_sessions_compressed);
  if (agreed === 0) return [];
  const opened = countOf(metrics.ws_sessions_opened);
  const ways = (["sent", "received"] as const).flatMap((direction) => {
    const [messages, wire] = [metrics.ws_message_bytes, metrics.ws_wire_bytes].map((metric) =>
      countOf(metric?.by?.direction?.[direction]),
    ) as [number, number];
    return messages > 0 && wire > 0
      ? [`${number(messages / wire)} bytes of messages ${direction} went into one on the wire`]
      : [];
  });
  const connections = agreed === opened ? `all ${opened} connections` : `${agreed} of ${opened} connections`;
  return [[`compression on ${connections}`, ...ways].join("; ")];
}
