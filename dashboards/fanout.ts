import { row } from "./page.ts";

export const fanout = row("Fan-out", [
  "ws_fanout_lag_ms",
  "ws_fanout_spread_ms",
  "ws_fanout_server_lag_ms",
  "ws_publications",
  "ws_deliveries",
  "ws_messages_foreign",
]);
