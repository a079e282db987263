import type { MetricName } from "./metrics.ts";

/**
 * What people call each metric, for titles of charts and panels. Its exact meaning is its `help` in metrics.ts; times
 * are in milliseconds.
 */
export const TITLES = {
  ws_connect_latency_ms: "Time to connect",
  ws_connect_failures: "Failed attempts to connect",
  ws_connect_phase_ms: "Time to connect, by phase",
  ws_login_ms: "Time to log in",
  ws_logins: "Logins",
  ws_login_failures: "Failed logins",
  ws_connections_given_up: "Connections given up",
  ws_time_to_reach_ms: "Time until all were connected",
  ws_msg_rtt_ms: "Response time",
  ws_msg_service_ms: "Service time",
  ws_generator_delay_ms: "Generator delay",
  ws_arrivals_uncertain: "Arrivals without an exact time",
  ws_unmeasured: "Values left out",
  ws_fanout_lag_ms: "Fan-out lag",
  ws_fanout_server_lag_ms: "Fan-out lag since the server's stamp",
  ws_fanout_spread_ms: "Fan-out lag to the last subscriber",
  ws_connection_drops: "Dropped connections",
  ws_connection_drop_rate: "Share of connections that dropped",
  ws_sessions_opened: "Connections opened",
  ws_sessions_closed: "Connections ended",
  ws_active_sessions: "Open connections",
  ws_probes: "Probes due",
  ws_replies: "Replies",
  ws_publications: "Publications",
  ws_deliveries: "Deliveries",
  ws_message_bytes: "Bytes of messages",
  ws_wire_bytes: "Bytes on the wire",
  ws_sessions_compressed: "Connections with compression",
  ws_message_errors: "Errors in messages",
  ws_messages_lost: "Lost messages",
  ws_messages_duplicated: "Repeated messages",
  ws_messages_reordered: "Messages out of order",
  ws_messages_crossed: "Messages in another order than elsewhere",
  ws_messages_late: "Late messages",
  ws_messages_foreign: "Messages of others",
  ws_reply_success_rate: "Share of replies in time",
  ws_delivery_success_rate: "Share delivered in time",
  ws_shards_started: "Parts of the load that began",
  ws_shards_completed: "Parts of the load that ended as planned",
  ws_reconnects: "Reconnections",
  ws_reconnect_time_ms: "Time to be whole again",
  ws_handshake_status: "Answers to handshakes",
  ws_gap_messages: "Messages sent while away",
  ws_outcomes: "Outcomes",
  ws_slow_reader_held_ms: "Slow readers: how long they were held",
  ws_slow_reader_held_bytes: "Slow readers: bytes held",
  ws_slow_reader_unread_bytes: "Slow readers: bytes unread",
  ws_slow_reader_catch_up_ms: "Slow readers: time to catch up",
  ws_readers_harmed: "Readers harmed",
} as const satisfies Record<MetricName, string>;

/** What people call a metric; the name itself for one of a script's own. */
export const titleOf = (metric: string): string =>
  Object.hasOwn(TITLES, metric) ? TITLES[metric as MetricName] : metric;
