import { row } from "./page.ts";

export const connections = row("Connections", [
  "ws_active_sessions",
  "ws_connect_latency_ms",
  "ws_connect_phase_ms",
  "ws_time_to_reach_ms",
  "ws_sessions_opened",
  "ws_sessions_closed",
  "ws_connect_failures",
  "ws_connections_given_up",
  "ws_connection_drops",
  "ws_connection_drop_rate",
  "ws_reconnects",
  "ws_reconnect_time_ms",
]);
