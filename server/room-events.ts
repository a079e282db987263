import * as v from "valibot";
import { encodeEvent } from "./event.ts";
import { readJson, sendJson } from "./json-body.ts";
import type { StreamEndpoint, StreamRequest } from "./streams.ts";
import { InvalidInput, parse } from "./validation.ts";
import { wallNowMs } from "./wall-clock.ts";

const PATH = /^\/sse\/rooms\/[^/]+$/;

const count = v.pipe(v.string(), v.regex(/^\d{1,9}$/, "expected whole milliseconds"), v.transform(Number));
const QuerySchema = v.object({ retry: v.optional(count), keepalive: v.optional(count) });

const identifier = v.union([v.string(), v.pipe(v.number(), v.safeInteger())]);
const MessageSchema = v.looseObject({
  id: v.optional(identifier),
  seq: v.optional(identifier),
  publisher: v.optional(identifier, "http"),
});

/** `GET /sse/rooms/NAME`: a room's messages as events. docs/reference/server.md has the protocol. */
export const roomEvents: StreamEndpoint = { method: "GET", path: PATH, run: subscribe };

/** `POST /sse/rooms/NAME`: publishes a message to a room. */
export const publishToRoom: StreamEndpoint = { method: "POST", path: PATH, run: publish };

function subscribe(asked: StreamRequest): void {
  const { parts, request, url } = asked;
  const { options, gate, shared, scheduler } = parts;
  const room = roomOf(asked);
  const { retry = options.retryMs, keepalive = options.keepAliveMs } = parse(
    QuerySchema,
    Object.fromEntries(url.searchParams),
    "query",
  );
  const stream = asked.open();
  if (!stream) return;
  stream.retry(retry);
  room.members.set(stream, room.seq);
  const after = lastEventId(request.headers["last-event-id"] ?? url.searchParams.get("lastEventId"));
  if (after !== undefined) {
    const { replayed, complete } = shared.rooms.replay(room, stream, after);
    const data = JSON.stringify({ type: "resumed", room: room.name, after, replayed, complete });
    stream.event(encodeEvent({ event: "resumed", data }));
  }
  const keepAlive = (): void => {
    if (!stream.open) return;
    stream.comment("keep-alive");
    scheduler.at(performance.now() + keepalive, keepAlive);
  };
  if (keepalive > 0) scheduler.at(performance.now() + keepalive, keepAlive);
  stream.whenClosed(() => gate.run(() => room.members.delete(stream)));
}

async function publish(asked: StreamRequest): Promise<void> {
  const { rooms } = asked.parts.shared;
  const message = parse(MessageSchema, await readJson(asked.request), "message");
  const room = roomOf(asked);
  const { seq: publisherSeq, publisher } = message;
  const timestamp = wallNowMs();
  const seq = rooms.publish(room, undefined, String(publisher), (seq) => ({
    ...message,
    type: "message",
    room: room.name,
    publisherSeq,
    seq,
    timestamp,
  }));
  sendJson(asked.response, 200, { room: room.name, seq });
}

function roomOf({ url, parts }: StreamRequest) {
  const room = parts.shared.rooms.room(roomName(url));
  if (!room) throw new InvalidInput("room: the server has too many rooms in use");
  return room;
}

function roomName(url: URL): string {
  try {
    return decodeURIComponent(url.pathname.slice("/sse/rooms/".length)).slice(0, 256);
  } catch {
    throw new InvalidInput("room: expected percent-encoded UTF-8");
  }
}

/** The number in a `Last-Event-ID`; a client that has seen none sends nothing, or nothing in it. */
function lastEventId(header: string | string[] | null): number | undefined {
  return typeof header === "string" && /^\d{1,15}$/.test(header) ? Number(header) : undefined;
}
