import { row } from "./common.ts";

export const generator = row("The load generator itself", [
  "ws_generator_delay_ms",
  "ws_shards_started",
  "ws_shards_completed",
]);
