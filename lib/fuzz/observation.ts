/** What was seen of one run: data for the oracle. Instants are milliseconds since the run began. */
import type { Effect } from "../protocols/index.ts";
import type { MessageRole } from "../protocols/protocol.ts";

/** A message as it is shown: text, or the first bytes in hexadecimal digits. */
export interface Shown {
  readonly text?: string;
  readonly hex?: string;
  readonly bytes: number;
}

/** Something that happened on a connection; `isOurs` where the proxy or this machine did it, or may have. */
export type LogEntry = { readonly atMs: number } & (
  | { readonly event: "opened"; readonly subprotocol: string | null }
  | { readonly event: "refused"; readonly status: number; readonly body: string }
  | { readonly event: "unconnected"; readonly reason: string; readonly isOurs?: boolean }
  | ({ readonly event: "sent"; readonly step?: number; readonly purpose: string } & Shown)
  | ({
      readonly event: "received";
      readonly meaning: readonly Meaning[];
      /** What the descriptor takes it for. */
      readonly role?: MessageRole | undefined;
    } & Shown)
  | { readonly event: "pong" }
  | { readonly event: "ping" }
  | { readonly event: "elapsed"; readonly meaning: readonly Meaning[] }
  | { readonly event: "violation"; readonly detail: string }
  | { readonly event: "limit"; readonly detail: string }
  | {
      readonly event: "closed";
      readonly code: number | null;
      readonly reason: string;
      /** Who ended it: a Close frame of the server's, ours, or nobody's. */
      readonly by: "server" | "us" | "network";
      /** A proxy stands between, which may have done it. */
      readonly isOurs?: boolean;
    }
);

export type Meaning = Exclude<Effect, { readonly kind: "send" }>;

/** What became of a probe. */
export interface ProbeSeen {
  readonly id: string;
  /** The step that it is; undefined for one that only asks whether the connection still answers. */
  readonly step?: number;
  readonly payloadBytes: number;
  /** Whether everything sent before on this connection was as the protocol wants it. */
  readonly afterValid: boolean;
  readonly outcome: "reply" | "error" | "silence" | "ended";
  readonly afterMs: number;
  readonly reason?: string;
}

/** A connection of a run, or a neighbour's part in it. */
export interface ConnectionSeen {
  readonly name: string;
  readonly role: "fuzzing" | "neighbour" | "elsewhere";
  readonly log: readonly LogEntry[];
  readonly probes: readonly ProbeSeen[];
  /** Publications whose delivery was due here, and how often each came. */
  readonly deliveries: readonly {
    readonly id: string;
    readonly from: string;
    readonly times: number;
    readonly afterMs?: number;
  }[];
  /** Whether a Ping after the last step was answered; undefined where none was sent. */
  readonly ponged: boolean | undefined;
  /** Whether the server answered our Close; undefined where the connection ended before. */
  readonly closeAnswered: boolean | undefined;
  /** Whether the session was asked for and had. */
  readonly session: "none" | "ready" | "failed";
  /** Whether it got messages with names of connections that they are not for. */
  readonly foreign: readonly Shown[];
}

/** Whether new connections are served, or why not. */
export interface Serves {
  readonly ok: boolean;
  readonly detail: string;
  /** The proxy or this machine stopped them, or may have. */
  readonly isOurs?: boolean;
}

/** All that was seen of a run. */
export interface Observation {
  readonly connections: readonly ConnectionSeen[];
  readonly neighbours: readonly ConnectionSeen[];
  /** Whether new connections were served afterwards; undefined where that was not tried. */
  readonly serves: Serves | undefined;
  /** How long our own event loop stood still at the longest. */
  readonly ownDelayMs: number;
  /** The time waited for an answer. */
  readonly waitedMs: number;
  /** Counts of the server's own that had grown and did not come back, by name. */
  readonly growth: readonly { readonly name: string; readonly before: number; readonly after: number }[];
  readonly violations: readonly { readonly on: string; readonly text: string }[];
}

/** What holds on a server that nobody attacks: only that can be broken. */
export interface Calm {
  readonly probes: boolean;
  readonly deliveries: boolean;
  /** Whether who publishes gets its own message. */
  readonly ownDeliveries: boolean;
  readonly pongs: boolean;
  readonly closeAnswered: boolean;
  /** Whether replies go to who asked alone. */
  readonly privateReplies: boolean;
  /** Whether messages of one room are not seen in another. */
  readonly roomsApart: boolean;
  /** The longest that an answer took, in milliseconds. */
  readonly answerMs: number;
}
