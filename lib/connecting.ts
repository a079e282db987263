/** How many connections there were, where percentiles do not tell. Pure. */
import { counted } from "./counted.ts";
import { countOf } from "./summary/counts.ts";
import type { Summary } from "./summary/summary.ts";

type Metrics = Summary["metrics"];

/** The metrics of scenarios that test the connections themselves, whose ends are therefore expected. */
const TESTS_OF_CONNECTIONS = ["ws_outcomes", "ws_gap_messages"];

/**
 * Why a run whose limits all held is not a plain pass: more connections failed or dropped than not. Undefined if most
 * were there.
 *
 * @param wanted how many connections the load consists of, if that is known
 */
export function whyMostlyUnconnected(metrics: Metrics, wanted?: number): string | undefined {
  if (TESTS_OF_CONNECTIONS.some((name) => Object.hasOwn(metrics, name))) return undefined;
  const opened = countOf(metrics.ws_sessions_opened);
  const failed = countOf(metrics.ws_connect_failures);
  const dropped = countOf(metrics.ws_connection_drops);
  // All of a swarm's connections may be open in the end, however often they were tried.
  const isComplete =
    metrics.ws_time_to_reach_ms !== undefined && countOf(metrics.ws_connections_given_up) === 0;
  if (failed > opened && !isComplete) return onlyOf(opened, failed, wanted);
  return opened > 0 && dropped * 2 > opened ? `${dropped} of ${opened} connections dropped` : undefined;
}

/** Connections that come back are not known one by one, so the sentence counts their attempts. */
const onlyOf = (opened: number, failed: number, wanted: number | undefined): string =>
  wanted !== undefined && opened < wanted
    ? `only ${opened} of ${wanted} connected`
    : `only ${opened} of ${opened + failed} attempts to connect succeeded`;

/** Why a soak may have had no reply at all, although it connected. */
export function notesOnSilence(metrics: Metrics): string[] {
  if (!metrics.ws_replies || countOf(metrics.ws_replies) > 0 || countOf(metrics.ws_sessions_opened) === 0)
    return [];
  if (countOf(metrics.ws_probes) > 0)
    return [
      "no probe got a reply: k6-realtime try shows the probe, the server's messages, and how the descriptor reads them",
    ];
  return countOf(metrics.ws_message_errors?.by?.reason?.session) > 0
    ? [
        "no session got ready, so no probe was sent: k6-realtime try shows the step that failed, and the server's messages",
      ]
    : [];
}

/** Attempts that failed have no time to connect: percentiles leave them out. */
export function notesOnConnecting(metrics: Metrics, wanted?: number): string[] {
  const opened = countOf(metrics.ws_sessions_opened);
  const failed = countOf(metrics.ws_connect_failures);
  if (failed === 0 || opened === 0) return [];
  const attempts = counted(failed, "attempt that failed", "attempts that failed");
  return [`${onlyOf(opened, failed, wanted)}: ws_connect_latency_ms leaves out ${attempts}`];
}

/**
 * Who may have ended connections that went by a proxy: of an end without a Close frame nothing tells whether the proxy
 * or the server behind it made it.
 *
 * @param proxies the proxies, in words
 */
export function notesOnProxies(metrics: Metrics, proxies: readonly string[] = []): string[] {
  const failures = metrics.ws_connect_failures?.by?.reason;
  const ended =
    countOf(metrics.ws_connection_drops?.by?.by?.network) +
    countOf(failures?.reset) +
    countOf(failures?.closed);
  if (proxies.length === 0 || ended === 0) return [];
  return [
    `connections went through the proxy ${proxies.join(", ")}; ${ended} ended without a Close frame: the proxy or the server ended ${ended === 1 ? "it" : "them"}`,
  ];
}
