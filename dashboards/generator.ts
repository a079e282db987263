import { panel, row } from "./common.ts";

export const generator = row("The load generator itself", [
  panel("ws_generator_delay_ms").span(24),
  panel("ws_shards_started"),
  panel("ws_shards_completed"),
]);
