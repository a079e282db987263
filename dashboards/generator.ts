import { usage } from "./charts.ts";
import { row } from "./page.ts";

export const generator = row(
  "The load generator itself",
  [
    "ws_generator_delay_ms",
    "ws_arrivals_uncertain",
    "ws_unmeasured",
    "ws_shards_started",
    "ws_shards_completed",
  ],
  [
    usage("Processors", "cpus", "short", "Processors that each k6 process kept busy."),
    usage("Memory", "memoryBytes", "bytes", "Memory that each k6 process occupied."),
  ],
);
