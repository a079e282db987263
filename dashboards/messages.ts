import { collapsed, row } from "./page.ts";

export const messages = row("Requests and replies", [
  "ws_msg_rtt_ms",
  "ws_msg_service_ms",
  "ws_probes",
  "ws_replies",
]);

export const losses = row("Errors and losses", [
  "ws_delivery_success_rate",
  "ws_message_errors",
  "ws_messages_lost",
  "ws_messages_late",
  "ws_messages_duplicated",
  "ws_messages_reordered",
  "ws_messages_crossed",
]);

export const slowReaders = collapsed(
  row("Slow readers", [
    "ws_slow_reader_unread_bytes",
    "ws_slow_reader_held_bytes",
    "ws_slow_reader_held_ms",
    "ws_slow_reader_catch_up_ms",
    "ws_readers_harmed",
  ]),
);
