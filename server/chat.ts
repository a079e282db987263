import type { MessageHandler } from "./connection.ts";
import type { Endpoint } from "./endpoint.ts";
import { encodeFrame } from "./frame.ts";
import type { Room } from "./rooms.ts";
import { wallNowMs } from "./wall-clock.ts";

const MAX_ROOM_NAME = 256;
const MAX_ROOMS_PER_CONNECTION = 100;

type Message = Record<string, unknown>;

/** `/ws/chat`: rooms to subscribe and publish to, and an echo for probing. docs/server.md has the protocol. */
export const chat: Endpoint = {
  open({ rooms, replies, stats }, connection): MessageHandler {
    const joined = new Map<string, Room>();

    const refuse = (reason: string, detail: string, to: Message = {}): void => {
      stats.errorsSent++;
      const echoId = isIdentifier(to.echoId) ? to.echoId : undefined;
      connection.sendJson({ type: "error", reason, detail, echoId });
    };

    const actions: Record<string, (message: Message, receivedAtMs: number) => void> = {
      echo(message, receivedAtMs) {
        const { echoId } = message;
        if (!isIdentifier(echoId)) return refuse("bad_message", wrong("echoId", IDENTIFIER, echoId));
        const reply = { type: "echo_reply", echoId, timestamp: wallNowMs() };
        replies.send(connection, "echo", receivedAtMs, encodeFrame(JSON.stringify(reply)));
      },

      subscribe(message) {
        const { room: name } = message;
        if (!isRoomName(name)) return refuse("bad_message", wrong("room", ROOM_NAME, name));
        if (joined.size === MAX_ROOMS_PER_CONNECTION) {
          return refuse("too_many_rooms", `at most ${MAX_ROOMS_PER_CONNECTION} rooms a connection`);
        }
        const room = rooms.join(name, connection);
        joined.set(name, room);
        connection.sendJson({ type: "subscribed", room: name, memberId: connection.id, seq: room.seq });
      },

      unsubscribe(message) {
        const { room: name } = message;
        if (!isRoomName(name)) return refuse("bad_message", wrong("room", ROOM_NAME, name));
        leave(name);
        connection.sendJson({ type: "unsubscribed", room: name });
      },

      publish(message) {
        const { room, id, seq: publisherSeq, publisher = connection.id } = message;
        if (!isRoomName(room)) return refuse("bad_message", wrong("room", ROOM_NAME, room));
        for (const [field, value] of Object.entries({ id, seq: publisherSeq, publisher })) {
          if (value !== undefined && !isIdentifier(value)) {
            return refuse("bad_message", wrong(field, IDENTIFIER, value));
          }
        }
        const timestamp = wallNowMs();
        rooms.publish(room, (seq) => ({
          ...message,
          type: "message",
          publisher,
          publisherSeq,
          seq,
          timestamp,
        }));
      },
    };

    const leave = (name: string): void => {
      const room = joined.get(name);
      if (room) rooms.leave(room, connection);
      joined.delete(name);
    };

    return {
      message(data, isBinary, receivedAtMs) {
        if (isBinary) return refuse("bad_message", "expected a text message, got a binary one");
        const message = parseObject(data);
        if (!message) return refuse("bad_json", "expected a JSON object");
        const { type } = message;
        if (typeof type !== "string" || !Object.hasOwn(actions, type)) {
          const expected = `one of ${Object.keys(actions).join(", ")}`;
          return refuse("unknown_type", wrong("type", expected, type), message);
        }
        actions[type]!(message, receivedAtMs);
      },
      closed() {
        for (const room of joined.values()) rooms.leave(room, connection);
      },
    };
  },
};

function parseObject(data: Buffer): Message | undefined {
  try {
    const value: unknown = JSON.parse(data.toString());
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Message)
      : undefined;
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

function wrong(field: string, expected: string, got: unknown): string {
  const text = got === undefined ? "nothing" : JSON.stringify(got);
  return `${field}: expected ${expected}, got ${text.length > 80 ? `${text.slice(0, 80)}…` : text}`;
}
