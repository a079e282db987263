import type { Connection, MessageHandler } from "./connection.ts";
import type { Replies } from "./replies.ts";
import type { Rooms } from "./rooms.ts";
import type { ServerStats } from "./stats.ts";

/** What the endpoints of one server share. */
export interface Shared {
  readonly rooms: Rooms;
  readonly replies: Replies;
  readonly stats: ServerStats;
}

/** What runs behind one path. */
export interface Endpoint {
  /** Called when a connection has opened. `url` is the request's. */
  open(shared: Shared, connection: Connection, url: URL): MessageHandler;
}
