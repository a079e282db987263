import type { Ms } from "../units.ts";
import type { Frame } from "./reader.ts";
import type { Descriptor } from "./schema.ts";

/** Why a message is sent. */
export type Purpose = "session" | "heartbeat" | "refresh" | "resume" | "probe" | "publish";

/** A message to be written, now. */
export interface Send {
  readonly kind: "send";
  readonly frame: Frame;
  /** The message as JSON, where a codec made the frame of it. */
  readonly json?: string;
  /** The protocol's messages in it, where a delimiter or a framing stands beside them. */
  readonly messages?: readonly string[];
  readonly purpose: Purpose;
}

/** What happened on a connection, or what is to be done on it. */
export type Effect =
  | Send
  /** The session's steps are done: probes and publications may begin. */
  | { readonly kind: "ready" }
  /** The session cannot be had. `step` is the descriptor's field: `session[0]`, `refresh` or `resume`. */
  | {
      readonly kind: "session-failed";
      readonly step: string;
      readonly reason: "timeout" | "error" | "contract";
      readonly detail: string;
    }
  /** A reply in time. `last` when every reply of the probe has come. */
  | {
      readonly kind: "reply";
      readonly name: string;
      readonly id: string;
      readonly dueAt: Ms;
      readonly sentAt: Ms | undefined;
      readonly at: Ms;
      readonly last: boolean;
    }
  /** A reply that its probe has had already, or that comes after the error that took its place. */
  | { readonly kind: "duplicate"; readonly name: string; readonly id: string }
  /** A reply after its `timeout`. */
  | {
      readonly kind: "late";
      readonly name: string;
      readonly id: string;
      readonly dueAt: Ms;
      readonly at: Ms;
    }
  /** A reply that had not come by the reply timeout; one for each reply. */
  | { readonly kind: "timeout"; readonly name: string; readonly id: string; readonly dueAt: Ms }
  /** A reply that was still in time to come when the connection ended; one for each reply. */
  | { readonly kind: "lost"; readonly name: string; readonly id: string; readonly dueAt: Ms }
  /** A published message. */
  | {
      readonly kind: "delivery";
      readonly id: string | undefined;
      readonly publisher: string | undefined;
      readonly room: string | undefined;
      /** A number where it is a whole one that JavaScript holds exactly, otherwise its text. */
      readonly seq: string | number | undefined;
      /** Unix time in milliseconds, fractional. */
      readonly sentAtMs: number | undefined;
      readonly at: Ms;
    }
  /** An error message. `id`, `dueAt` and `names` are of the probe it settled and the replies it stands for. */
  | {
      readonly kind: "error";
      readonly reason: string;
      readonly id?: string;
      readonly dueAt?: Ms;
      readonly names?: readonly string[];
    }
  /** A message that breaks the protocol. `detail` does not quote the message. */
  | {
      readonly kind: "invalid";
      readonly reason:
        | "unparsable"
        | "contract"
        | "unmatched"
        | "too_many_elements"
        | "pieces_limit"
        | "protocol_code";
      readonly detail: string;
    }
  /** A message that matches no rule of the descriptor and may be ignored. */
  | { readonly kind: "unmatched" }
  /** A variable taken from a message of the session. */
  | { readonly kind: "captured"; readonly name: string; readonly value: string };

/** What one connection starts from. */
export interface ConnectionInit {
  /** Values of {@link Protocol.variables}, at least. */
  readonly variables: Readonly<Record<string, string>>;
  /** From a probe's due time on: how long its replies may take. */
  readonly replyTimeoutMs: Ms;
  /** The longest message that is kept while it comes in several of WebSocket, in bytes. Default: 64 MiB. */
  readonly messageBytes?: number;
  /** What to add to an instant to get Unix time in milliseconds. Default 0: instants are Unix time. */
  readonly unixOffsetMs?: Ms;
  /** Whether the descriptor's `refresh` message opens the session, for servers that take the token in a message. */
  readonly authenticate?: boolean;
  /** When the token stops being accepted; what `refresh` counts back from. Default: never. */
  readonly tokenExpiresAt?: Ms;
  /** {@link Conversation.lastSeq} of the connection that this one continues; `resume` is sent only with it. */
  readonly lastSeq?: string | undefined;
  /** {@link Conversation.captured} of it: what these variables are until they are captured anew. */
  readonly captured?: Captured | undefined;
}

/** What {@link Protocol.drafts} are made from. */
export interface DraftsOf {
  readonly variables: Readonly<Record<string, string>>;
  readonly payload: string;
}

/** A message that a connection will send. */
export interface Draft {
  /** The field of the descriptor: `session[0]`, `probe`. */
  readonly path: string;
  /** The protocol's messages in it, without delimiters or framing; of a codec their JSON. */
  readonly messages: readonly string[];
}

/** Variables taken from messages, each as its text and as JSON. */
export type Captured = Readonly<Record<string, { readonly text: string; readonly json: string }>>;

/** A publication to be made. */
export interface Publication {
  readonly id: string;
  /** Counted by the publisher. */
  readonly seq: number;
  readonly payload?: string;
}

/** A message of the protocol as it came in. */
export interface Received {
  /** The JSON that a codec made of it, otherwise as it came; undefined for no whole message. */
  readonly message: Frame | undefined;
  /** How many bytes it had where a codec made JSON of it. */
  readonly bytes?: number;
  /** What it was taken for; undefined for nothing that the descriptor knows. */
  readonly role?: MessageRole | undefined;
  readonly effects: readonly Effect[];
}

/** What a descriptor may take a message for. */
export type MessageRole = "session" | "heartbeat" | "refresh" | "error" | "reply" | "delivery";

/**
 * One connection's state machine. It reads no clock and writes to no socket: the caller gives instants, and gets the
 * things to do as {@link Effect}s. Instants share one origin. The ones given to {@link due} never go back, while a
 * message may have been read a little before the last of them.
 */
export interface Conversation {
  /** The connection is open: starts the session. Its first message is sent at `at`. */
  open(at: Ms): readonly Effect[];
  /**
   * A message came in, read at `at`. Answers to it are sent at `handledAt`, from which a session's next timeout
   * counts. Default: `at`. Never throws.
   */
  receive(frame: Frame, at: Ms, handledAt?: Ms): readonly Effect[];
  /** As {@link receive}: the protocol's messages that a message of WebSocket brings, each with what came of it. */
  receiveEach(frame: Frame, at: Ms, handledAt?: Ms): Iterable<Received>;
  /**
   * Makes a probe that was due at `dueAt`, from which its response time and its timeout count. Throws before `ready`
   * and after the end. Throws RangeError on an id that was used already or cannot be written (with `probe.id`
   * "number": anything but a whole number), or on a message that the codec cannot write.
   */
  probe(id: string, dueAt: Ms, payload?: string): Send;
  /** The probe was written at `at`: service time counts from here. */
  sent(id: string, at: Ms): void;
  /** Makes a publication. Throws before `ready` and after the end. */
  publish(publication: Publication, at: Ms): Send;
  /** Replaces the token in all later messages, and sets the time of the next refresh. */
  setToken(token: string, expiresAt?: Ms): void;
  /** When {@link due} has something to do; undefined when nothing is waited for. */
  nextDue(): Ms | undefined;
  /** Does everything that is due by `at`: timeouts, heartbeats, refresh. */
  due(at: Ms): readonly Effect[];
  /** The connection ended at `at`: every reply still waited for comes back as `lost`. Nothing happens after. */
  drop(at: Ms): readonly Effect[];
  /** Probes that wait for a reply. */
  openProbes(): number;
  /** Whether the session's steps are done and the connection has not ended. */
  readonly ready: boolean;
  /** The step whose message has not come yet, such as `session[1]`; undefined before and after the session. */
  readonly awaiting: string | undefined;
  /** `cursor` or `seq` of the last delivery that had one, as JSON. Give it to the connection that continues. */
  readonly lastSeq: string | undefined;
  /** What the session's steps captured. Give it to the connection that continues. */
  readonly captured: Captured;
}

/** A descriptor, compiled once for all connections of a process. */
export interface Protocol {
  readonly name: string;
  readonly subprotocols: readonly string[];
  readonly descriptor: Descriptor;
  /** The connection variables it uses, which {@link Protocol.path} and {@link Protocol.connection} must be given. */
  readonly variables: readonly string[];
  /** Names of the replies that each probe expects. */
  readonly replies: readonly string[];
  /** Whether a probe's identifier must be a whole number (in decimal digits) rather than any text. */
  readonly numericIds: boolean;
  /** What connections that only publish speak, where the descriptor has a `publisher`. */
  readonly publisher?: Protocol;
  /** Whether functions make or read its messages: {@link descriptor} then has only stand-ins for them. */
  readonly inCode: boolean;
  /** Of a path in code: as {@link path}, from a connection's variables. */
  computePath?(variables: Readonly<Record<string, string>>): string;
  /** What to append to the server's URL, variables percent-encoded; "" when nothing. Throws RangeError on a missing variable. */
  path(variables: Readonly<Record<string, string>>): string;
  /**
   * The messages of connections that are known before anything has come. Messages made by functions are left out, and
   * messages with a variable that has no value here, such as a captured one.
   */
  drafts(given: DraftsOf): readonly Draft[];
  /** Starts one connection's conversation. Throws RangeError on a missing variable, or nothing to authenticate with. */
  connection(init: ConnectionInit): Conversation;
}
