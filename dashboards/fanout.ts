import { panel, row } from "./common.ts";

export const fanout = row("Fan-out", [
  panel("ws_fanout_lag_ms"),
  panel("ws_fanout_spread_ms"),
  panel("ws_fanout_server_lag_ms"),
  panel("ws_publications"),
  panel("ws_deliveries"),
  panel("ws_messages_foreign"),
]);
