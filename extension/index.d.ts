/**
 * The JavaScript module of k6-realtime's extension, for scripts that run in a k6 built with it (`bin/k6`).
 * All times are in milliseconds, fractional.
 */
declare module "k6/x/realtime" {
  /** What a {@link Swarm} is. A wrong or unknown option throws, with its name, what was expected and what came. */
  export interface SwarmOptions {
    /**
     * ws:// or wss:// URLs, taken in turn by the connections. `${name}` in a path or query stands for one of
     * {@link variables}, percent-encoded.
     */
    servers: readonly string[];
    /** How many connections there are to be, of all shards and instances together: 1 to 1,000,000. */
    connections: number;
    /**
     * Parts that the connections are cut into, one for each virtual user of the scenario. Default 1. A test that
     * runs in several instances (`--execution-segment`) needs at least as many.
     */
    shards?: number;
    /** Connections begun in a second, evenly. This or {@link batchSize}. */
    rate?: number;
    /** Connections begun at once, then again after {@link batchDelayMs}. */
    batchSize?: number;
    /** Default 1000. */
    batchDelayMs?: number;
    /** How often a connection that failed is tried again; -1 until it opens. Default 0. */
    retries?: number;
    /** How long after a failure that is. Default 1000. */
    retryDelayMs?: number;
    /** How long all connections may take to open; {@link Swarm.run} rejects after it. Default 10 minutes. */
    reachWithinMs?: number;
    /** How long they are held once each is open or given up. Default 0. */
    holdMs?: number;
    /** Time over which they are closed, the last opened first. Default 0. */
    closeOverMs?: number;
    /** Local addresses to connect from, taken in turn. Default: those of k6's `--local-ips`, else the kernel's choice. */
    sources?: readonly string[];
    /** What to do when this machine gives no more descriptors or ports. Default "fail": {@link Swarm.run} rejects. */
    onExhausted?: "fail" | "continue";
    /** Subprotocols offered, the preferred one first. Default none. */
    subprotocols?: readonly string[];
    /** Header fields by name. `${name}` stands for one of {@link variables}. */
    headers?: Readonly<Record<string, string>>;
    /** Cookies by name. `${name}` stands for one of {@link variables}, percent-encoded. */
    cookies?: Readonly<Record<string, string>>;
    /**
     * Values for `${name}`: a text, in which `${connection}` stands for the connection's number (from 0), or a list
     * of which connection i takes element i, over again when there are fewer. `connection` is there always.
     */
    variables?: Readonly<Record<string, string | readonly string[]>>;
    /** Bounds on each phase. Defaults: 10 s, and 5 s to close. */
    timeouts?: {
      /** Look-up of the host. */
      resolveMs?: number;
      tcpMs?: number;
      tlsMs?: number;
      /** Request written to the 101 response. */
      upgradeMs?: number;
      /** Close frame sent to the end of the connection. */
      closeMs?: number;
    };
    /**
     * Messages that a connection is expected to receive in a second, 0 to 1,000,000; default 1. It decides which
     * fraction of the values k6's thresholds see (see {@link Distribution.oneIn}), so that k6's memory stays bounded.
     */
    messagesPerSecond?: number;
    /**
     * What the connections do once all are open: subscribe to rooms, into which further connections publish.
     * {@link connections} counts the subscribers, and {@link holdMs} has no meaning. Default: they are held.
     */
    fanOut?: FanOut;
  }

  /**
   * Rooms full of subscribers and who publishes into them. Connection i is in room i modulo {@link rooms}; who hears
   * a publication is in the process that made it, so that both ends are read from one clock.
   */
  export interface FanOut {
    /** A protocol descriptor that has `publish` with `${id}`, and `delivery` with `id`. */
    protocol: object;
    /** Whether the descriptor's `refresh` message opens each session, for servers that take the token in a message. */
    authenticate?: boolean;
    /** Rooms, a multiple of the shards, of which the subscribers are a multiple. Default 1. */
    rooms?: number;
    /** Connections that publish, beside the subscribers: 0 (only listen) or a multiple of the rooms. Default 1. */
    publishers?: number;
    /** Publications in a second, of all publishers together, evenly spaced. Default 1. */
    publicationsPerSecond?: number;
    /** Size of the descriptor's `${payload}`. Default 0. */
    payloadBytes?: number;
    /** For how long there are publications. */
    forMs: number;
    /** How long after its due time a delivery counts as late, and how long the last are waited for. Default 5000. */
    timeoutMs?: number;
    /** Subscribers of each shard that leave in a second, each to come back at once. Default 0. */
    churnPerSecond?: number;
  }

  /** How one virtual user's shard went. */
  export interface Outcome {
    /** Connections of this shard. */
    readonly wanted: number;
    /** Those that opened. */
    readonly opened: number;
    /** Those that ended before they were meant to. */
    readonly dropped: number;
    /** Start until all were open; null when that never was. */
    readonly reachedInMs: number | null;
  }

  /** Many connections, driven outside JavaScript. Metrics are those of docs/metrics.md. */
  export class Swarm {
    /** Create it in the init context, so that a wrong option ends the test before any load. */
    constructor(options: SwarmOptions);
    /**
     * Opens, holds and closes the shard of the virtual user that calls it: number `exec.vu.idInTest` - 1. Resolves
     * when all its connections have ended. Rejects when it was interrupted, when the connections were not open in
     * time, and when the machine gave no more. Throws when the virtual user has no shard.
     */
    run(): Promise<Outcome>;
  }

  /** Milliseconds of a monotonic clock that all virtual users of the process share. */
  export function now(): number;

  /** Everything measured of one metric and tag in this process, exact to three digits. */
  export interface Distribution {
    readonly metric: string;
    /** Empty for the whole metric, else the one tag it is broken down by. */
    readonly tags: Readonly<Record<string, string>>;
    /** k6, and so its thresholds, saw one in so many of the values, chosen to follow the rest. */
    readonly oneIn: number;
    readonly count: number;
    readonly min: number;
    readonly avg: number;
    readonly max: number;
    /** In the order asked for. */
    readonly percentiles: readonly number[];
  }

  /** What this process has measured so far. For `handleSummary`. @param percentiles from 0 to 100 */
  export function distributions(percentiles: readonly number[]): Distribution[];

  /** The extension's version. */
  export const version: string;
}
