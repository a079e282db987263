import { panel, row } from "./common.ts";

export const connections = row("Connections", [
  panel("ws_active_sessions"),
  panel("ws_connect_latency_ms"),
  panel("ws_sessions_opened"),
  panel("ws_sessions_closed"),
  panel("ws_connect_failures"),
  panel("ws_connection_drops"),
  panel("ws_connection_drop_rate"),
  panel("ws_reconnects"),
  panel("ws_reconnect_time_ms").span(24),
]);
