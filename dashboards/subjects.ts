/** Every metric over time, by subject: closed rows, which a scenario fills as far as it records their metrics. */
import type { MetricName } from "../lib/metrics.ts";
import { panel, usage } from "./charts.ts";
import { NAMES } from "./common.ts";
import type { Source } from "./influxql.ts";
import { collapsed, type Row, row } from "./page.ts";

const SUBJECTS: { readonly [title: string]: readonly MetricName[] } = {
  "Requests and replies": ["ws_msg_rtt_ms", "ws_msg_service_ms", "ws_probes", "ws_replies"],
  "Fan-out": [
    "ws_fanout_lag_ms",
    "ws_fanout_spread_ms",
    "ws_fanout_server_lag_ms",
    "ws_publications",
    "ws_deliveries",
    "ws_messages_foreign",
  ],
  Pages: [
    "ws_page_lag_ms",
    "ws_page_leg_ms",
    "ws_page_shown",
    "ws_page_missed",
    "ws_page_arrival_error_ms",
    "ws_page_clock_error_ms",
  ],
  "Connecting and staying connected": [
    "ws_active_sessions",
    "ws_connect_latency_ms",
    "ws_connect_phase_ms",
    "ws_time_to_reach_ms",
    "ws_sessions_opened",
    "ws_sessions_closed",
    "ws_connect_failures",
    "ws_logins",
    "ws_login_ms",
    "ws_login_failures",
    "ws_connections_given_up",
    "ws_connection_drops",
    "ws_connection_drop_rate",
    "ws_reconnects",
    "ws_reconnect_time_ms",
    "ws_caught_up_ms",
  ],
  Compression: ["ws_message_bytes", "ws_wire_bytes", "ws_sessions_compressed"],
  "Event streams": [
    "sse_active_streams",
    "sse_first_byte_ms",
    "sse_first_event_ms",
    "sse_event_gap_ms",
    "sse_longest_stall_ms",
    "sse_events",
    "sse_reads",
    "sse_comments",
    "sse_events_invalid_utf8",
  ],
  "Errors and losses": [
    "ws_reply_success_rate",
    "ws_delivery_success_rate",
    "ws_message_errors",
    "ws_messages_lost",
    "ws_messages_late",
    "ws_messages_duplicated",
    "ws_messages_reordered",
    "ws_messages_crossed",
  ],
  "Token streams": [
    "token_first_content_ms",
    "token_content_gap_ms",
    "token_per_token_ms",
    "token_output_tokens",
    "token_success_rate",
    "token_good_rate",
    "token_requests",
    "token_request_failures",
    "token_active_streams",
    "token_stream_ms",
    "token_first_byte_ms",
    "token_first_event_ms",
    "token_connect_ms",
    "token_chunks",
    "token_events",
    "token_stalls",
    "token_buffered_streams",
    "token_bursts",
    "token_burst_chunks",
    "token_prompt_tokens",
  ],
  "Slow readers": [
    "ws_slow_reader_unread_bytes",
    "ws_slow_reader_held_bytes",
    "ws_slow_reader_held_ms",
    "ws_slow_reader_catch_up_ms",
    "ws_readers_harmed",
  ],
  "The load generator itself": [
    "ws_generator_delay_ms",
    "ws_arrivals_uncertain",
    "ws_unmeasured",
    "ws_shards_started",
    "ws_shards_completed",
  ],
};

/** A metric that no subject names is among the others. */
export function subjects(source: Source): Row[] {
  const named = Object.values(SUBJECTS).flat();
  const all = { ...SUBJECTS, Others: NAMES.filter((name) => !named.includes(name)) };
  return Object.entries(all).map(([title, metrics]) => {
    const more = title.startsWith("The load generator") && source === "aggregates" ? machine() : [];
    return collapsed(row(title, [...metrics.map((metric) => panel(metric, source)), ...more]));
  });
}

const machine = () => [
  usage("Processors", "cpus", "short", "Processors that the k6 processes of the run kept busy."),
  usage("Memory", "memoryBytes", "bytes", "Memory that the k6 processes of the run occupied."),
];
