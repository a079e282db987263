/** What the server did since it started. All counts are exact. */
export interface Counts {
  /** Connections open now, and all that were ever opened. */
  connectionsOpen: number;
  connectionsOpened: number;
  /** Upgrades answered with something else than 101, by HTTP status. */
  upgradesRefused: Record<number, number>;
  /** Ended connections by the close code that the server saw; 1006 where no Close frame came. */
  closesSeen: Record<number, number>;
  /** Close frames that the server sent of its own accord, by code. */
  closesSent: Record<number, number>;
  messagesReceived: number;
  errorsSent: number;
  /** Replies: `echo_reply`, a raw echo, an answer of the IM protocol. */
  repliesSent: number;
  repliesLost: number;
  repliesRepeated: number;
  /** Published messages, and their deliveries: one for each subscriber. */
  published: number;
  deliveriesSent: number;
  deliveriesLost: number;
  deliveriesRepeated: number;
  deliveriesReordered: number;
  /** Messages sent to clients that resumed, also ones that faults left out, moved or sent again. */
  replaysSent: number;
  replaysLost: number;
  replaysReordered: number;
  replaysRepeated: number;
  /** Slow readers, by policy: deliveries dropped, connections closed, times that a room had to wait. */
  slowReaderDrops: number;
  slowReaderCloses: number;
  slowReaderBlocks: number;
  /** Event streams open now, and all that were ever opened. */
  streamsOpen: number;
  streamsOpened: number;
  /** Requests to endpoints of event streams answered with an error, or with 204 on purpose, by HTTP status. */
  streamsRefused: Record<number, number>;
  /** Events written to event streams, repetitions among them, and keep-alive comments. */
  streamEvents: number;
  streamComments: number;
  /** Completions: begun; ended in good order; left by the client, or cut; failed on purpose. */
  completionsStarted: number;
  completionsFinished: number;
  completionsAborted: number;
  completionsFailed: number;
  /** Tokens of completions, as they fell due; those of lost chunks among them. */
  tokensGenerated: number;
  /** Chunks with content. */
  chunksSent: number;
  chunksLost: number;
  chunksRepeated: number;
  chunksReordered: number;
}

/** What the server did, and how it stands. */
export interface ServerStats extends Counts {
  /** Bytes that wait for slow readers in the server, beyond the ones that the kernel has taken. */
  bufferedBytes: number;
}

export function newCounts(): Counts {
  return {
    connectionsOpen: 0,
    connectionsOpened: 0,
    upgradesRefused: {},
    closesSeen: {},
    closesSent: {},
    messagesReceived: 0,
    errorsSent: 0,
    repliesSent: 0,
    repliesLost: 0,
    repliesRepeated: 0,
    published: 0,
    deliveriesSent: 0,
    deliveriesLost: 0,
    deliveriesRepeated: 0,
    deliveriesReordered: 0,
    replaysSent: 0,
    replaysLost: 0,
    replaysReordered: 0,
    replaysRepeated: 0,
    slowReaderDrops: 0,
    slowReaderCloses: 0,
    slowReaderBlocks: 0,
    streamsOpen: 0,
    streamsOpened: 0,
    streamsRefused: {},
    streamEvents: 0,
    streamComments: 0,
    completionsStarted: 0,
    completionsFinished: 0,
    completionsAborted: 0,
    completionsFailed: 0,
    tokensGenerated: 0,
    chunksSent: 0,
    chunksLost: 0,
    chunksRepeated: 0,
    chunksReordered: 0,
  };
}

/** Adds one to the count of `key`. */
export function countUp(counts: Record<number, number>, key: number): void {
  counts[key] = (counts[key] ?? 0) + 1;
}
