import type { MetricName } from "../lib/metrics.ts";
import { figure, processes } from "./figures.ts";
import { row } from "./page.ts";

interface Figure {
  readonly title: string;
  /** What to know beyond the metric's own words. */
  readonly help?: string;
}

/** The metrics that are shown as one figure of the whole time range. */
export const FIGURES: { readonly [M in MetricName]?: Figure } = {
  ws_generator_delay_ms: {
    title: "Generator's delay, p99",
    help: "Look here first: where the p99 of a whole run is more than a tenth of the highest latency limit, the run says nothing of the server.",
  },
  ws_delivery_success_rate: { title: "Delivered in time" },
  ws_messages_lost: { title: "Lost messages" },
  ws_msg_rtt_ms: { title: "Round trip, p99" },
  ws_fanout_lag_ms: { title: "Fan-out lag, p99" },
  ws_connect_latency_ms: { title: "Connecting, p99" },
  ws_connect_failures: { title: "Failed to connect" },
  ws_connection_drops: { title: "Dropped connections" },
};

/** What to look at first. */
export const glance = row(
  "At a glance",
  [],
  [
    processes().height(5),
    ...Object.entries(FIGURES).map(([metric, { title, help }]) => figure(metric as MetricName, title, help)),
  ],
);
