import type { Connection } from "./connection.ts";
import { encodeFrame } from "./frame.ts";
import type { ServerStats } from "./stats.ts";

/** A room: who is subscribed, and the number of the last message published to it. */
export interface Room {
  readonly name: string;
  readonly members: Set<Connection>;
  seq: number;
}

/** All rooms of the server. A room exists while it has a member. */
export class Rooms {
  readonly #rooms = new Map<string, Room>();
  readonly #stats: ServerStats;

  constructor(stats: ServerStats) {
    this.#stats = stats;
  }

  join(name: string, connection: Connection): Room {
    let room = this.#rooms.get(name);
    if (!room) {
      room = { name, members: new Set(), seq: 0 };
      this.#rooms.set(name, room);
    }
    room.members.add(connection);
    return room;
  }

  leave(room: Room, connection: Connection): void {
    room.members.delete(connection);
    if (room.members.size === 0) this.#rooms.delete(room.name);
  }

  /** Delivers what `message` makes of the room's next number to every member. */
  publish(name: string, message: (seq: number) => object): void {
    this.#stats.published++;
    const room = this.#rooms.get(name);
    if (!room) return;
    const frame = encodeFrame(JSON.stringify(message(++room.seq)));
    for (const member of room.members) {
      member.write(frame);
      this.#stats.deliveriesSent++;
    }
  }
}
