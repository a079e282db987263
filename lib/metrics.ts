import { RULES } from "./contract/contract.ts";
import {
  CONNECT_REASONS,
  DIRECTIONS,
  DROP_CAUSES,
  DROP_CODES,
  EVENT_READS,
  GAP_FATES,
  LOGIN_REASONS,
  MESSAGE_REASONS,
  OUTCOMES,
  PAGE_LEGS,
  PHASES,
  ROLES,
  SIDES,
  TOKEN_BASES,
  TOKEN_REASONS,
  UNMEASURED,
} from "./reasons.ts";

/**
 * Every metric of the project, once: the k6 declarations, the registration in the Go extension, the
 * dashboards' panels and the documentation all derive from this table.
 */

/** How k6 aggregates a metric's samples. */
export type MetricKind = "trend" | "counter" | "rate" | "gauge";

/** What one metric is. */
export interface MetricSpec {
  readonly kind: MetricKind;
  /** `ms` for times, `1` for counts, `ratio` for rates between 0 and 1. */
  readonly unit: "ms" | "1" | "ratio";
  /** One sentence: what one sample stands for. */
  readonly help: string;
  /** The tags this metric is broken down by in the summary, each with its closed list of values. */
  readonly by?: Readonly<Record<string, readonly string[]>>;
}

/** What a metric of a script's own is: `metrics: { my_time_ms: trend("…") }`. The same for {@link counter} and the others. */
export const trend = (help: string, by?: MetricSpec["by"]) => spec("trend", "ms", help, by);
export const counter = (help: string, by?: MetricSpec["by"]) => spec("counter", "1", help, by);
export const rate = (help: string) => spec("rate", "ratio", help);
export const gauge = (help: string) => spec("gauge", "1", help);

export const METRICS = {
  ws_connect_latency_ms: trend("Intended start of the connection to the 101 response."),
  ws_connect_failures: counter("Connections that did not reach the 101 response, by reason.", {
    reason: CONNECT_REASONS,
  }),
  ws_connect_phase_ms: trend("One phase of a connection's way to the 101 response.", { phase: PHASES }),
  ws_connections_given_up: counter("Connections of the load that never opened: every try failed."),
  ws_time_to_reach_ms: trend(
    "Start of the load until all connections were open, one value for each shard that came so far.",
  ),
  ws_login_ms: trend("Due time of a login to its last answer, all of its requests together."),
  ws_logins: counter("Logins before a connection that gave every required value."),
  ws_login_failures: counter("Logins before a connection that failed, by reason.", {
    reason: LOGIN_REASONS,
  }),
  ws_msg_rtt_ms: trend("Due time of a probe to its matching reply: a server's stall counts in full.", {
    role: ROLES,
  }),
  ws_msg_service_ms: trend("Actual write of a probe to its matching reply."),
  ws_generator_delay_ms: trend("Delay that the load generator itself added, by side: send or receive.", {
    side: SIDES,
  }),
  ws_arrivals_uncertain: counter(
    "Messages whose latency may be overstated by more than 1 ms: they were read late, together with later ones.",
  ),
  ws_unmeasured: counter("Values that could not be measured exactly, by reason.", { reason: UNMEASURED }),
  ws_fanout_lag_ms: trend(
    "Due time of a publication to its arrival at one subscriber, one value for each delivery.",
    { role: ROLES },
  ),
  ws_fanout_server_lag_ms: trend(
    "The server's own time stamp of a publication to its arrival at one subscriber.",
  ),
  ws_fanout_spread_ms: trend(
    "Due time of a publication to its arrival at the last subscriber, one value for each publication.",
  ),
  ws_connection_drops: counter("Connections that ended unasked, by close code and by whom.", {
    code: DROP_CODES,
    by: DROP_CAUSES,
  }),
  ws_connection_drop_rate: rate("Share of opened connections that dropped."),
  ws_sessions_opened: counter("Connections that reached the 101 response."),
  ws_sessions_closed: counter("Connections that ended, dropped ones included."),
  ws_active_sessions: gauge("Connections open now in this process."),
  ws_probes: counter("Probes that fell due."),
  ws_replies: counter("Replies matched to a probe."),
  ws_publications: counter("Messages published into rooms."),
  ws_deliveries: counter("Published messages received by a subscriber."),
  ws_tcp_connections: counter("TCP connections made. Streams of HTTP/2 share them."),
  ws_message_bytes: counter("Bytes of messages before compression, by direction.", {
    direction: DIRECTIONS,
  }),
  ws_wire_bytes: counter(
    "Bytes of the same messages on the wire, compressed and framed, without handshakes and TLS, by direction.",
    { direction: DIRECTIONS },
  ),
  ws_sessions_compressed: counter("Connections that agreed on compression."),
  ws_message_errors: counter("Error replies and messages that break the protocol, by reason.", {
    reason: MESSAGE_REASONS,
  }),
  ws_messages_lost: counter("Replies and deliveries that were due and never came."),
  ws_messages_duplicated: counter("Replies and deliveries that came again."),
  ws_messages_reordered: counter("Deliveries that came after a later one of the same publisher."),
  ws_messages_crossed: counter(
    "Deliveries that reached a subscriber in another order than the first subscriber of its room.",
  ),
  ws_messages_late: counter("Replies and deliveries that came after their timeout, or after the drain."),
  ws_messages_foreign: counter("Deliveries of publications by other processes, or by unknown senders."),
  ws_reply_success_rate: rate("Share of expected replies that came in time."),
  ws_delivery_success_rate: rate(
    "Share of expected deliveries that came in time (ordering: before the end). A repeated delivery counts once.",
  ),
  ws_shards_started: counter("Shares of the load that began. See ws_shards_completed."),
  ws_shards_completed: counter(
    "Shares of the load that reached their planned end. If fewer ended than began, the run is incomplete.",
  ),
  ws_reconnects: counter("Connections made again after a drop or a failed attempt."),
  ws_reconnect_time_ms: trend("From a drop until the session is ready again."),
  ws_caught_up_ms: trend(
    "A drop to the last of the messages that were published until the client was whole again.",
  ),
  ws_handshake_status: gauge(
    "The HTTP status that answered a handshake case, by case. -1: no answer, -2: k6 took HTTP/2 and could not ask, -3: a proxy ended the request, 0: not tried.",
  ),
  ws_gap_messages: counter("Messages published while a subscriber was cut off, by their fate.", {
    fate: GAP_FATES,
  }),
  ws_contract_messages: counter("Messages checked against the contract, by kind."),
  ws_contract_violations: counter(
    "Contract rules that messages broke, each rule once for each message, by kind and rule.",
    { rule: RULES },
  ),
  ws_contract_unchecked: counter("Messages left unchecked because the checks reached their bound."),
  ws_contract_sent_messages: counter("Messages of ours checked against the contract, by kind."),
  ws_contract_sent_violations: counter(
    "Contract rules that messages of ours broke, each rule once for each message, by kind and rule. Not the server's doing: any leaves the run incomplete.",
    { rule: RULES },
  ),
  ws_contract_sent_unchecked: counter(
    "Messages of ours left unchecked because the checks reached their bound.",
  ),
  ws_contract_seen: counter(
    "First sights of a contract's fields and values by a virtual user, by item number. Stock k6 only: the engine keeps them itself.",
  ),
  ws_outcomes: counter("Connections under test, by their outcome.", { outcome: OUTCOMES }),
  ws_slow_reader_held_ms: trend(
    "Time from a reader becoming slow to the first publication it missed, or to its next read.",
  ),
  ws_slow_reader_held_bytes: gauge(
    "Bytes that reached a slow reader, published before the first publication it missed, or before its next read.",
  ),
  ws_slow_reader_unread_bytes: gauge("Bytes in the kernel's receive queue of a slow reader."),
  ws_slow_reader_catch_up_ms: trend("From a slow reader's next read to the last publication from before it."),
  ws_readers_harmed: counter(
    "Healthy readers that lost messages or their connection, or were slowed down, beside a slow one.",
  ),
  ws_page_lag_ms: trend(
    "Due time of a publication to the frame in which a page shows it; a missed one counts with its timeout.",
  ),
  ws_page_leg_ms: trend(
    "One leg of a publication's way: to the engine (wire), to the page's handler, to the DOM, to the next frame.",
    { leg: PAGE_LEGS },
  ),
  ws_page_shown: counter("Publications that a page showed in time."),
  ws_page_missed: counter("Publications that a page did not show in time."),
  ws_page_clock_error_ms: trend("How wrong the page's clock may be read, at most."),
  ws_page_arrival_error_ms: trend(
    "How far apart a publication came to the connections that joined before and after the page.",
  ),
  sse_first_byte_ms: trend("Intended start of an event stream to the first byte of its answer."),
  sse_first_event_ms: trend("Intended start of an event stream to its first event."),
  sse_event_gap_ms: trend("Time between two events of one stream."),
  sse_longest_stall_ms: trend(
    "Longest time between two events of a stream, or from its last one to a drop: one value for each stream that ended.",
  ),
  sse_events: counter(
    "Events, by whether they came in a read of their own or together with others of their stream.",
    { read: EVENT_READS },
  ),
  sse_reads: counter(
    "Reads that brought events. sse_events divided by it is the number of events in a read.",
  ),
  sse_comments: counter("Comments on event streams, which many servers send to keep them alive."),
  sse_events_invalid_utf8: counter(
    "Events with bytes that are not UTF-8. U+FFFD replaced them, as in browsers.",
  ),
  sse_active_streams: gauge("Event streams open now in this process."),
  token_requests: counter("Requests for a stream of tokens that fell due."),
  token_request_failures: counter("Requests that did not come to their end in time, by reason.", {
    reason: TOKEN_REASONS,
  }),
  token_success_rate: rate("Share of ended requests whose stream came to its end in time."),
  token_good_rate: rate(
    "Goodput: share of ended requests that also kept GOOD_FIRST_CONTENT, GOOD_PER_TOKEN and GOOD_STREAM.",
  ),
  token_connect_ms: trend("Due time of a request to a connection that it can be made on: name, TCP and TLS."),
  token_first_byte_ms: trend("Due time of a request to the first byte of its answer."),
  token_first_event_ms: trend(
    "Due time of a request to the first event of its stream, whatever its content.",
  ),
  token_first_content_ms: trend(
    "Due time of a request to the first event with content; STREAM_TIMEOUT if none came.",
  ),
  token_content_gap_ms: trend("Time between two events with content of one stream."),
  token_per_token_ms: trend(
    "First to last content of a stream, for each token after the first, by whether the server reported how many there were.",
    { basis: TOKEN_BASES },
  ),
  token_stream_ms: trend("Due time of a request to the end of its stream; STREAM_TIMEOUT if it failed."),
  token_events: counter("Events of streams, whatever their content."),
  token_chunks: counter("Events with content, which may have several tokens each, or parts of one."),
  token_output_tokens: counter(
    "Tokens generated, by whether the server reported them or CHARACTERS_PER_TOKEN estimates them.",
    { basis: TOKEN_BASES },
  ),
  token_prompt_tokens: counter("Tokens of prompts, as servers report them."),
  token_stalls: counter("Gaps of STALL or more between two events with content, or before a timeout."),
  token_buffered_streams: counter(
    "Streams of four or more chunks that came in bursts of four or more: something held them back.",
  ),
  token_bursts: counter("Bursts of buffered streams: chunks that came within 0.2 ms of each other."),
  token_burst_chunks: counter("Chunks of buffered streams."),
  token_active_streams: gauge("Requests under way now in this process."),
} as const satisfies Record<`${"ws" | "sse" | "token"}_${string}`, MetricSpec>;

/** The name of a metric of the table. */
export type MetricName = keyof typeof METRICS;

/** Metrics of a script's own, by name. */
export type OwnMetrics = { readonly [name: string]: MetricSpec };

/**
 * What the metric of that name is.
 *
 * @throws RangeError where there is none
 */
export function specOf(name: string, own: OwnMetrics = {}): MetricSpec {
  const found = Object.hasOwn(METRICS, name) ? METRICS[name as MetricName] : own[name];
  if (found === undefined) throw new RangeError(`no metric is called ${JSON.stringify(name)}`);
  return found;
}

/** Names that k6 would refuse, or that are taken. Throws RangeError saying so. */
export function requireOwnNames(own: OwnMetrics): void {
  for (const name of Object.keys(own)) {
    const isTaken =
      Object.hasOwn(METRICS, name) || /^ws_(connecting|sessions?|session_duration|msgs_.*|ping)$/.test(name);
    if (/^[a-zA-Z_][a-zA-Z0-9_]{0,127}$/.test(name) && !isTaken) continue;
    throw new RangeError(
      `metrics: expected a name of at most 128 letters, digits and underscores that is not taken, got ${JSON.stringify(name)}`,
    );
  }
}

function spec<K extends MetricKind, U extends MetricSpec["unit"]>(
  kind: K,
  unit: U,
  help: string,
  by?: MetricSpec["by"],
) {
  return { kind, unit, help, ...(by && { by }) };
}
