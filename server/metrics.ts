import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { ServerStats } from "./stats.ts";

type StatName<T> = { [K in keyof ServerStats]: ServerStats[K] extends T ? K : never }[keyof ServerStats];

const GAUGES = {
  connectionsOpen: ["connections", "WebSocket connections open now."],
  streamsOpen: ["streams", "Event streams open now."],
  bufferedBytes: ["buffered_bytes", "Bytes that wait for slow readers in the server."],
} satisfies Partial<Record<StatName<number>, [name: string, help: string]>>;

const COUNTERS: Record<Exclude<StatName<number>, keyof typeof GAUGES>, [name: string, help: string]> = {
  connectionsOpened: ["connections_opened_total", "WebSocket connections opened."],
  messagesReceived: ["messages_received_total", "Messages received."],
  errorsSent: ["errors_sent_total", "Error messages sent."],
  repliesSent: ["replies_sent_total", "Replies sent, not counting repetitions."],
  repliesLost: ["replies_lost_total", "Replies lost on purpose."],
  repliesRepeated: ["replies_repeated_total", "Replies sent a second time on purpose."],
  published: ["published_total", "Messages published."],
  deliveriesSent: ["deliveries_sent_total", "Deliveries of published messages, not counting repetitions."],
  deliveriesLost: ["deliveries_lost_total", "Deliveries lost on purpose."],
  deliveriesRepeated: ["deliveries_repeated_total", "Deliveries made a second time on purpose."],
  deliveriesReordered: ["deliveries_reordered_total", "Deliveries made after a later one on purpose."],
  replaysSent: ["replays_sent_total", "Messages sent again to subscribers who resumed."],
  replaysLost: ["replays_lost_total", "Replays left out on purpose."],
  replaysReordered: ["replays_reordered_total", "Replays made after a later one on purpose."],
  replaysRepeated: ["replays_repeated_total", "Replays made twice on purpose."],
  slowReaderDrops: ["slow_reader_drops_total", "Deliveries dropped because the reader was slow."],
  slowReaderCloses: ["slow_reader_closes_total", "Connections closed because the reader was slow."],
  slowReaderBlocks: ["slow_reader_blocks_total", "Times that a room waited for a slow reader."],
  streamsOpened: ["streams_opened_total", "Event streams opened."],
  streamEvents: ["stream_events_total", "Events written to event streams, repetitions among them."],
  streamComments: ["stream_comments_total", "Keep-alive comments written to event streams."],
  completionsStarted: ["completions_started_total", "Completions begun."],
  completionsFinished: ["completions_finished_total", "Completions ended in good order."],
  completionsAborted: ["completions_aborted_total", "Completions left by the client, or cut."],
  completionsFailed: ["completions_failed_total", "Completions failed on purpose."],
  tokensGenerated: ["tokens_generated_total", "Tokens of completions, as they fell due."],
  chunksSent: ["chunks_sent_total", "Chunks with content, not counting repetitions."],
  chunksLost: ["chunks_lost_total", "Chunks with content lost on purpose."],
  chunksRepeated: ["chunks_repeated_total", "Chunks with content sent a second time on purpose."],
  chunksReordered: ["chunks_reordered_total", "Chunks with content sent after a later one on purpose."],
};

const LABELLED: Record<StatName<Record<number, number>>, [name: string, label: string, help: string]> = {
  upgradesRefused: [
    "upgrades_refused_total",
    "status",
    "Upgrade requests answered with an error, by HTTP status.",
  ],
  streamsRefused: [
    "streams_refused_total",
    "status",
    "Requests to endpoints of event streams answered with an error or 204, by HTTP status.",
  ],
  closesSeen: ["closes_seen_total", "code", "Ended connections, by the close code that the server saw."],
  closesSent: ["closes_sent_total", "code", "Connections that the server closed, by close code."],
};

const PREFIX = "reference_server_";

/** The server's figures, and those of its process, for Prometheus to scrape. Reading them costs; keeping them does not. */
export function metricsRegistry(stats: () => ServerStats): Registry {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  for (const [stat, [name, help]] of Object.entries(GAUGES)) {
    new Gauge({
      name: PREFIX + name,
      help,
      registers,
      collect() {
        this.set(stats()[stat as keyof typeof GAUGES]);
      },
    });
  }
  for (const [stat, [name, help]] of Object.entries(COUNTERS)) {
    new Counter({
      name: PREFIX + name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(stats()[stat as keyof typeof COUNTERS]);
      },
    });
  }
  for (const [stat, [name, label, help]] of Object.entries(LABELLED)) {
    new Counter({
      name: PREFIX + name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset();
        for (const [value, count] of Object.entries(stats()[stat as keyof typeof LABELLED])) {
          this.inc({ [label]: value }, count);
        }
      },
    });
  }
  return registry;
}
