import { byLoad } from "./charts.ts";
import { collapsed, row } from "./page.ts";

/** Of runs with STEPS. */
export const capacity = collapsed(
  row(
    "By the size of the load",
    [],
    [
      byLoad("ws_fanout_lag_ms", "subscribers"),
      byLoad("ws_fanout_lag_ms", "publications a second"),
      byLoad("ws_fanout_server_lag_ms", "subscribers"),
      byLoad("ws_msg_rtt_ms", "connections"),
      byLoad("ws_connect_latency_ms", "connections"),
    ],
  ),
);
