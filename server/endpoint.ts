import type { Authority } from "./auth.ts";
import type { Timing } from "./completion-timing.ts";
import type { Connection, MessageHandler } from "./connection.ts";
import type { Replies } from "./replies.ts";
import type { Rooms } from "./rooms.ts";
import type { Session } from "./session.ts";

/** What the endpoints of one server share. */
export interface Shared {
  readonly authority: Authority;
  readonly rooms: Rooms;
  readonly replies: Replies;
  /** How long the next teacher of the IM protocol takes for a reply, in milliseconds. */
  readonly teacherDelayMs: () => number;
  /** When the tokens of a completion come, unless its request sets that. */
  readonly timing: Timing;
}

/** What runs behind a path. */
export interface Endpoint {
  readonly path: RegExp;
  /** Whether `?auth=message` lets a connection open first and send its token then. */
  readonly authByMessage?: true;
  /** Whether this user may open this address. Default yes. */
  readonly allows?: (user: string, url: URL) => boolean;
  /** Called when a connection has opened. */
  open(shared: Shared, connection: Connection, session: Session, url: URL): MessageHandler;
}
