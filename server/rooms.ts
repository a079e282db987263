import type { Deliveries } from "./deliveries.ts";
import type { Gate } from "./gate.ts";
import type { Counts } from "./stats.ts";
import { Message, type Subscriber } from "./subscriber.ts";

const MAX_ROOMS = 10_000;

/** Who publishes, and reads no more while a slow reader makes the room wait. */
export interface Publisher {
  holdReading(): void;
  releaseReading(): void;
}

/** A published message on its way to the members of its room. */
interface Publication {
  readonly message: Message;
  readonly publisher: string;
  readonly from: Publisher | undefined;
  /** Whether the publisher is held from reading until this is delivered. */
  holds?: true;
  readonly members: Iterator<[Subscriber, number]>;
  /** The member whose turn it is, when it made the room wait. */
  waitsFor?: Subscriber | undefined;
}

/** A room. It stays when its last member leaves, so that its numbers go on and its history can be resumed from. */
export interface Room {
  readonly name: string;
  /** Each member, and the number of the last message before it joined. */
  readonly members: Map<Subscriber, number>;
  /** The last messages, oldest first. */
  readonly history: Message[];
  historyBytes: number;
  /** The number of the last message. */
  seq: number;
  /** More than one only while a slow reader blocks the room. */
  readonly pending: Publication[];
}

export interface RoomOptions {
  readonly historyMessages: number;
  readonly historyBytes: number;
}

/** All rooms of the server. */
export class Rooms {
  readonly #rooms = new Map<string, Room>();
  readonly #options: RoomOptions;
  readonly #deliveries: Deliveries;
  readonly #gate: Gate;
  readonly #counts: Counts;

  constructor(options: RoomOptions, deliveries: Deliveries, gate: Gate, counts: Counts) {
    this.#options = options;
    this.#deliveries = deliveries;
    this.#gate = gate;
    this.#counts = counts;
  }

  /** The room of that name; a new one takes the place of one without members where there are too many. */
  room(name: string): Room | undefined {
    const known = this.#rooms.get(name);
    if (known) return known;
    if (this.#rooms.size >= MAX_ROOMS) {
      const unused = [...this.#rooms.values()].find(
        ({ members, pending }) => members.size + pending.length === 0,
      );
      if (!unused) return undefined;
      this.#rooms.delete(unused.name);
    }
    const room: Room = { name, members: new Map(), history: [], historyBytes: 0, seq: 0, pending: [] };
    this.#rooms.set(name, room);
    return room;
  }

  /** Publishes what `content` makes of the room's next number, and gives that number. */
  publish(
    room: Room,
    from: Publisher | undefined,
    publisher: string,
    content: (seq: number) => object,
  ): number {
    const seq = room.seq + 1;
    const message = new Message(seq, JSON.stringify(content(seq)));
    // Only now: what cannot be written takes no number.
    this.#counts.published++;
    room.seq = seq;
    this.#remember(room, message);
    const publication: Publication = { message, publisher, from, members: room.members.entries() };
    room.pending.push(publication);
    if (room.pending.length === 1) this.#deliver(room);
    if (room.pending.length > 0 && from) {
      publication.holds = true;
      from.holdReading();
    }
    return seq;
  }

  /** Replays what a member missed; says how much that was, and whether the room remembered all of it. */
  replay(room: Room, member: Subscriber, after: number): { replayed: number; complete: boolean } {
    const { messages, complete } = missed(room, member, after);
    this.#deliveries.replay(member, messages);
    return { replayed: messages.length, complete };
  }

  /** Delivers what is pending, in order, up to a member that has to drain first. */
  #deliver(room: Room): void {
    for (let next = room.pending[0]; next; next = room.pending[0]) {
      if (!this.#deliverOne(next, room)) return;
      room.pending.shift();
      if (next.holds) next.from?.releaseReading();
    }
  }

  #deliverOne(publication: Publication, room: Room): boolean {
    const { message, publisher, members } = publication;
    for (;;) {
      const member = publication.waitsFor ?? nextMember(members, message.seq);
      if (!member) return true;
      if (!this.#deliveries.make(member, publisher, message)) {
        publication.waitsFor = member;
        this.#counts.slowReaderBlocks++;
        member.whenDrained(() => this.#gate.run(() => this.#deliver(room)));
        return false;
      }
      publication.waitsFor = undefined;
    }
  }

  #remember(room: Room, message: Message): void {
    const { history } = room;
    history.push(message);
    room.historyBytes += message.bytes;
    while (history.length > this.#options.historyMessages || room.historyBytes > this.#options.historyBytes) {
      room.historyBytes -= history.shift()!.bytes;
    }
  }
}

/** Who joined after a message was published has no claim to it, even when the room was blocked meanwhile. */
function nextMember(members: Iterator<[Subscriber, number]>, seq: number): Subscriber | undefined {
  for (let next = members.next(); !next.done; next = members.next()) {
    const [member, joinedAtSeq] = next.value;
    if (joinedAtSeq < seq) return member;
  }
  return undefined;
}

/**
 * What a member missed that was away: the messages after `seq` up to its joining, as far as the room remembers them.
 * What came later was delivered to it.
 */
function missed(room: Room, member: Subscriber, seq: number): { messages: Message[]; complete: boolean } {
  const joinedAtSeq = room.members.get(member) ?? 0;
  const messages = room.history.filter((sent) => sent.seq > seq && sent.seq <= joinedAtSeq);
  return { messages, complete: messages.length === Math.max(0, joinedAtSeq - seq) };
}
