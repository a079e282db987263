import type { Connection, MessageHandler } from "./connection.ts";
import type { Endpoint, Shared } from "./endpoint.ts";
import { encodeFrame } from "./frame.ts";
import type { Room } from "./rooms.ts";
import { SESSION_OVER, type Session } from "./session.ts";
import { wallNowMs } from "./wall-clock.ts";

const MAX_ROOM_NAME = 256;
const MAX_ROOMS_PER_CONNECTION = 100;

/** `/ws/chat`: rooms to subscribe and publish to, and an echo for probing. docs/reference/server.md has the protocol. */
export const chat: Endpoint = {
  path: /^\/ws\/chat$/,
  authByMessage: true,
  open: (shared, connection, session) => new ChatHandler(shared, connection, session),
};

type Message = Record<string, unknown>;

/** Why a message was not done: a short name for programs, a sentence for people. */
interface Problem {
  readonly reason:
    | "bad_json"
    | "bad_message"
    | "unknown_type"
    | "unauthorized"
    | "forbidden"
    | "too_many_rooms"
    | "not_subscribed";
  readonly detail: string;
}

class ChatHandler implements MessageHandler {
  readonly #shared: Shared;
  readonly #connection: Connection;
  readonly #session: Session;
  readonly #joined = new Map<string, Room>();

  constructor(shared: Shared, connection: Connection, session: Session) {
    this.#shared = shared;
    this.#connection = connection;
    this.#session = session;
  }

  message(data: Buffer, isBinary: boolean, receivedAtMs: number): void {
    const message = isBinary ? undefined : parseObject(data);
    const problem = message
      ? this.#handleWithin(message, receivedAtMs)
      : ({ reason: "bad_json", detail: "expected a text message with a JSON object" } as const);
    if (!problem) return;
    const echoId = message?.echoId;
    this.#connection.sendError(problem.reason, problem.detail, isIdentifier(echoId) ? echoId : undefined);
    if (!this.#session.granted) this.#connection.close(SESSION_OVER, problem.detail);
  }

  closed(): void {
    for (const room of this.#joined.values()) room.members.delete(this.#connection);
  }

  /** JSON can be read at depths at which it cannot be written again: what would be sent back fills the stack. */
  #handleWithin(message: Message, receivedAtMs: number): Problem | undefined {
    try {
      return this.#handle(message, receivedAtMs);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return { reason: "bad_message", detail: "expected JSON that is not nested so deeply" };
    }
  }

  #handle(message: Message, receivedAtMs: number): Problem | undefined {
    if (!this.#session.granted && message.type !== "auth") {
      return { reason: "unauthorized", detail: 'expected a message of type "auth" first' };
    }
    switch (message.type) {
      case "echo":
        return this.#echo(message, receivedAtMs);
      case "publish":
        return this.#publish(message);
      case "subscribe":
        return this.#subscribe(message);
      case "unsubscribe":
        return this.#unsubscribe(message);
      case "resume":
        return this.#resume(message);
      case "auth":
        return this.#auth(message);
      default:
        return {
          reason: "unknown_type",
          detail: wrong("type", "one of echo, publish, subscribe, unsubscribe, resume, auth", message.type),
        };
    }
  }

  #echo({ echoId }: Message, receivedAtMs: number): Problem | undefined {
    if (!isIdentifier(echoId)) return badMessage("echoId", IDENTIFIER, echoId);
    const reply = { type: "echo_reply", echoId, timestamp: wallNowMs() };
    this.#shared.replies.send(this.#connection, {
      name: "echo",
      frame: encodeFrame(JSON.stringify(reply)),
      receivedAtMs,
    });
  }

  #publish(message: Message): Problem | undefined {
    const { room: name, id, seq: publisherSeq, publisher = this.#connection.id } = message;
    if (!isRoomName(name)) return badMessage("room", ROOM_NAME, name);
    if (id !== undefined && !isIdentifier(id)) return badMessage("id", IDENTIFIER, id);
    if (publisherSeq !== undefined && !isIdentifier(publisherSeq))
      return badMessage("seq", IDENTIFIER, publisherSeq);
    if (!isIdentifier(publisher)) return badMessage("publisher", IDENTIFIER, publisher);
    const room = this.#shared.rooms.room(name);
    if (!room) return TOO_MANY_ROOMS;
    const timestamp = wallNowMs();
    this.#shared.rooms.publish(room, this.#connection, String(publisher), (seq) => ({
      ...message,
      type: "message",
      publisher,
      publisherSeq,
      seq,
      timestamp,
    }));
  }

  #subscribe({ room: name }: Message): Problem | undefined {
    if (!isRoomName(name)) return badMessage("room", ROOM_NAME, name);
    if (this.#joined.size === MAX_ROOMS_PER_CONNECTION && !this.#joined.has(name)) {
      return {
        reason: "too_many_rooms",
        detail: `expected at most ${MAX_ROOMS_PER_CONNECTION} rooms a connection`,
      };
    }
    const room = this.#shared.rooms.room(name);
    if (!room) return TOO_MANY_ROOMS;
    this.#joined.set(name, room);
    if (!room.members.has(this.#connection)) room.members.set(this.#connection, room.seq);
    this.#connection.sendJson({
      type: "subscribed",
      room: name,
      memberId: this.#connection.id,
      seq: room.members.get(this.#connection),
    });
  }

  #unsubscribe({ room: name }: Message): Problem | undefined {
    if (!isRoomName(name)) return badMessage("room", ROOM_NAME, name);
    this.#joined.get(name)?.members.delete(this.#connection);
    this.#joined.delete(name);
    this.#connection.sendJson({ type: "unsubscribed", room: name });
  }

  #resume({ room: name, after }: Message): Problem | undefined {
    if (!Number.isSafeInteger(after))
      return badMessage("after", "the seq of the last message received", after);
    if (name !== undefined && !isRoomName(name)) return badMessage("room", `${ROOM_NAME}, or nothing`, name);
    const rooms = [...this.#joined.values()].filter((room) => name === undefined || room.name === name);
    if (rooms.length === 0)
      return { reason: "not_subscribed", detail: "expected to be subscribed before a resume" };
    for (const room of rooms) {
      const { replayed, complete } = this.#shared.rooms.replay(room, this.#connection, after as number);
      this.#connection.sendJson({
        type: "resumed",
        room: room.name,
        after,
        replayed,
        complete,
      });
    }
  }

  #auth({ token }: Message): Problem | undefined {
    if (typeof token !== "string") return badMessage("token", "a string", typeof token);
    const grant = this.#shared.authority.check(token);
    if ("status" in grant) return { reason: "unauthorized", detail: grant.reason };
    if (this.#session.user !== undefined && this.#session.user !== grant.user) {
      return { reason: "forbidden", detail: "expected a token of the session's user" };
    }
    this.#session.grant(grant);
    this.#connection.sendJson({ type: "auth_ok", expiresAt: grant.expiresAtMs });
  }
}

function parseObject(data: Buffer): Message | undefined {
  try {
    const value: unknown = JSON.parse(data.toString());
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Message) : undefined;
  } catch {
    return undefined;
  }
}

const IDENTIFIER = "a string or an integer within ±(2^53 - 1)";

/** A larger number would come back as another one: JSON.parse rounds it. */
function isIdentifier(value: unknown): value is string | number {
  return typeof value === "string" || Number.isSafeInteger(value);
}

const ROOM_NAME = `a string of 1 to ${MAX_ROOM_NAME} characters`;

function isRoomName(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= MAX_ROOM_NAME;
}

const TOO_MANY_ROOMS: Problem = { reason: "too_many_rooms", detail: "the server has too many rooms in use" };

function badMessage(field: string, expected: string, got: unknown): Problem {
  return { reason: "bad_message", detail: wrong(field, expected, got) };
}

function wrong(field: string, expected: string, got: unknown): string {
  const text = got === undefined ? "nothing" : JSON.stringify(got);
  return `${field}: expected ${expected}, got ${text.length > 80 ? `${text.slice(0, 80)}…` : text}`;
}
