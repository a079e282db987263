import { panel, row } from "./common.ts";

export const messages = row("Requests and replies", [
  panel("ws_msg_rtt_ms"),
  panel("ws_msg_service_ms"),
  panel("ws_probes"),
  panel("ws_replies"),
]);

export const losses = row("Errors and losses", [
  panel("ws_delivery_success_rate"),
  panel("ws_message_errors"),
  panel("ws_messages_lost"),
  panel("ws_messages_late"),
  panel("ws_messages_duplicated"),
  panel("ws_messages_reordered"),
]);
