/** Which version of HTTP connections use: one TCP connection each, or many as streams of one (RFC 8441). Pure. */
import type { Settings } from "./settings.ts";
import { countOf } from "./summary/counts.ts";
import type { Summary } from "./summary/summary.ts";
import { number } from "./summary/verdict.ts";

/** The settings that say which. */
export const HTTP_SETTINGS = ["HTTP_VERSION", "STREAMS_PER_CONNECTION"] as const;
export type HttpSettings = Settings<(typeof HTTP_SETTINGS)[number]>;

/** What the engine's connections use. */
export interface HttpVersion {
  readonly httpVersion: "1.1" | "2";
  /** With HTTP/2, at most this many connections share a TCP connection. */
  readonly streamsPerConnection: number;
}

/** The tag of samples that names the HTTP version. */
export const HTTP_VERSION_TAG = "http_version";

export const HTTP_1_1: HttpVersion = { httpVersion: "1.1", streamsPerConnection: 100 };

export const httpVersionOf = (settings: HttpSettings): HttpVersion => ({
  httpVersion: settings.HTTP_VERSION,
  streamsPerConnection: settings.STREAMS_PER_CONNECTION,
});

/** On how many TCP connections the connections were, in sentences; none where each had its own. */
export function notesOnHttp(metrics: Summary["metrics"]): string[] {
  const opened = countOf(metrics.ws_sessions_opened);
  const tcp = countOf(metrics.ws_tcp_connections);
  if (tcp === 0 || tcp >= opened) return [];
  return [
    `HTTP/2: ${opened} connections were streams on ${tcp} TCP ${tcp === 1 ? "connection" : "connections"}, ${number(opened / tcp)} on each`,
  ];
}
