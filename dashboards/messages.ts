import { row } from "./common.ts";

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
