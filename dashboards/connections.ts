import { panel, row } from "./common.ts";

export const connections = row("Connections", [
  panel("ws_active_sessions"),
  panel("ws_connect_latency_ms"),
  panel("ws_connect_phase_ms"),
  panel("ws_time_to_reach_ms"),
  panel("ws_sessions_opened"),
  panel("ws_sessions_closed"),
  panel("ws_connect_failures"),
  panel("ws_connections_given_up"),
  panel("ws_connection_drops"),
  panel("ws_connection_drop_rate"),
  panel("ws_reconnects"),
  panel("ws_reconnect_time_ms"),
]);
