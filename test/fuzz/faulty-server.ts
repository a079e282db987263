/**
 * A chat server that can be told to have one fault, each of a kind that real servers have had: what fuzzing must find.
 * Without one it bears everything.
 */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { type RawData, type WebSocket, WebSocketServer } from "ws";

/** The faults, each with what it does. Some need a message out of order, frames, or the handshake. */
export const FAULTS = {
  "null-text": "a text that is null is a fault of its own: 1011",
  "no-id": "an echo without an id ends the connection with 1011",
  "unknown-type-crash": "an unknown type ends the process, which comes back after a second",
  "deep-json": "JSON nested deep ends the connection without a Close",
  "long-text": "after a text of more than 60,000 characters the connection answers no more",
  "nul-in-room": "a NUL in a room's name ends the connection without a Close",
  "empty-message": "an empty message ends the connection with 1011",
  "binary-message": "after a binary message the connection answers no more",
  "join-twice": "who joins twice is delivered everything twice, and so is everybody in the room",
  "echo-before-join": "an echo before any join is a fault of its own: 1011",
  "say-after-leave": "a say after a leave is a fault of its own: 1011",
  "negative-seq": "a negative seq blocks the room for 1.2 s",
  "name-takeover": "a join with another user's name drops that user's connection",
  "history-without-limit": "a history without a limit is a fault of its own: 1011",
  "ping-125": "a Ping of 125 bytes ends the connection without a Close",
  fragments: "a message in fragments ends the connection with 1011",
  "close-4999": "a Close of 4999 is not answered",
  "same-id-twice": "an echo whose id was there before stops all later answers",
  "emoji-refused": "a text with emoji is refused, valid as it is",
  "number-id-misdirected": "an echo whose id is a number is answered to another connection, with its text",
  "other-room-loses": "a say into another room loses the next message of this one",
  "cut-stops-accepting": "a connection that is cut stops the server from taking new ones, for two seconds",
  "subprotocol-500": "an unknown subprotocol is answered with status 500",
  "type-number-stack": "a type that is a number is answered with a stack",
  "wrong-close-code": "a room that is no text is answered with a Close of 1005, which may not be sent",
  "text-object-garbled": "a text that is an object is answered with what is no JSON",
  "array-root": "a list in place of an object ends the connection with 1011",
  "reply-twice": "an echo with an empty text is answered twice",
  "error-then-echo": "an echo after an error has no answer",
  "bare-error":
    "an unknown type is answered with an error without its reason, which only the contract forbids",
  "leave-leaks": "a leave of a room that was never joined is kept, which only the metrics tell",
  "leave-drops-room": "a leave without a room drops everybody in the room",
} as const;

export type Fault = keyof typeof FAULTS;

/** How its messages look, for `--protocol-file`. */
export const ACME = {
  name: "acme",
  session: [
    { send: '{"type":"join","room":${room},"name":${user}}', await: { where: { "/type": "joined" } } },
  ],
  probe: { send: '{"type":"echo","id":${id},"text":${payload}}' },
  reply: [{ name: "echo", where: { "/type": "echoed" }, match: "id", id: "/id" }],
  publish: { send: '{"type":"say","room":${room},"id":${id},"seq":${seq},"text":${payload}}' },
  delivery: { where: { "/type": "said" }, id: "/id", seq: "/seq", room: "/room" },
  error: { where: { "/type": "error" }, reason: "/reason", settles: "id", id: "/id" },
};

/** What its messages were agreed to be, for `--contract`. */
export const ACME_CONTRACT = {
  messages: Object.fromEntries([
    ["typing", { from: "client", schema: object({ type: { const: "typing" }, room: { type: "string" } }) }],
    ["joined", { from: "server", schema: object({ type: { const: "joined" }, room: { type: "string" } }) }],
    ["echoed", { from: "server", schema: object({ type: { const: "echoed" }, id: {} }) }],
    ["said", { from: "server", schema: object({ type: { const: "said" }, room: { type: "string" } }) }],
    ["error", { from: "server", schema: object({ type: { const: "error" }, reason: { type: "string" } }) }],
    ["others", { from: "server", schema: object({ type: { enum: ["left", "history"] } }) }],
  ]),
};

/** Flags for faults that only a contract, beside in `contract.json`, or the server's metrics tell. */
export function besides(fault: Fault, url: string): string[] {
  if (fault === "bare-error") return ["--contract", "contract.json"];
  return fault === "leave-leaks" ? ["--metrics", url.replace("ws:", "http:")] : [];
}

function object(properties: object) {
  return { type: "object", properties, required: Object.keys(properties) };
}

interface Member {
  readonly ws: WebSocket;
  readonly socket: Socket;
  name: string;
  readonly rooms: Set<string>;
  readonly ids: Set<unknown>;
  joined: boolean;
  left: boolean;
  failed: boolean;
  dead: boolean;
}

type Message = Record<string, unknown>;

/** Why a message is refused. */
class Refused extends Error {}

export interface FaultyServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts it on a free port of 127.0.0.1. */
export async function startFaulty(fault?: Fault): Promise<FaultyServer> {
  const server = new Faulty(fault);
  return await server.listen();
}

class Faulty {
  readonly #fault: Fault | undefined;
  readonly #members = new Set<Member>();
  readonly #blocked = new Map<string, number>();
  readonly #losing = new Set<string>();
  #http = createServer();
  readonly #wss = new WebSocketServer({ noServer: true, maxPayload: 1_048_576 });
  #goneUntil = 0;
  #leaving = 0;

  constructor(fault: Fault | undefined) {
    this.#fault = fault;
    this.#wss.on("connection", (ws: WebSocket, request: IncomingMessage) => this.#open(ws, request.socket));
  }

  async listen(port = 0): Promise<FaultyServer> {
    this.#http.on("upgrade", (request, socket, head) => {
      if (performance.now() < this.#goneUntil) return socket.destroy();
      const offered = request.headers["sec-websocket-protocol"];
      if (offered !== undefined && this.#has("subprotocol-500")) {
        return socket.end(
          "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
      }
      delete request.headers["sec-websocket-protocol"];
      this.#wss.handleUpgrade(request, socket, head, (ws) => this.#wss.emit("connection", ws, request));
    });
    this.#http.on("request", (_, response) => {
      response.end(
        `# TYPE acme_members gauge\nacme_members ${this.#members.size}\n# TYPE acme_leaving gauge\nacme_leaving ${this.#leaving}\n`,
      );
    });
    await new Promise<void>((resolve) => this.#http.listen(port, "127.0.0.1", resolve));
    return {
      url: `ws://127.0.0.1:${(this.#http.address() as AddressInfo).port}/ws`,
      close: async () => {
        for (const { ws } of this.#members) ws.terminate();
        await new Promise((resolve) => this.#http.close(resolve));
      },
    };
  }

  #has(fault: Fault): boolean {
    return this.#fault === fault;
  }

  #open(ws: WebSocket, socket: Socket): void {
    const member: Member = {
      ws,
      socket,
      name: "",
      rooms: new Set(),
      ids: new Set(),
      joined: false,
      left: false,
      failed: false,
      dead: false,
    };
    this.#members.add(member);
    let wasClosed = false;
    ws.on("error", () => {});
    if (this.#has("fragments")) {
      // The first byte of a client's frame: no last one, and text.
      socket.prependListener("data", (bytes: Buffer) => {
        if (bytes[0] === 0x01) ws.close(1011, "cannot join fragments");
      });
    }
    ws.on("ping", (data) => {
      if (this.#has("ping-125") && data.length === 125) ws.terminate();
    });
    if (this.#has("close-4999")) {
      const close = ws.close.bind(ws);
      ws.close = (code, reason) => {
        if (code !== 4999) close(code, reason);
      };
    }
    ws.on("close", (code) => {
      wasClosed = code !== 1006;
      this.#members.delete(member);
      if (!wasClosed && this.#has("cut-stops-accepting")) this.#goneUntil = performance.now() + 2_000;
    });
    ws.on("message", (data: RawData, isBinary: boolean) => {
      if (member.dead) return;
      this.#later(member, () => this.#received(member, data as Buffer, isBinary));
    });
  }

  /** A room that is blocked has everybody in it wait. */
  #later(member: Member, act: () => void): void {
    const wait = Math.max(
      0,
      ...[...member.rooms].map((room) => (this.#blocked.get(room) ?? 0) - performance.now()),
    );
    if (wait > 0) setTimeout(act, wait);
    else act();
  }

  #received(member: Member, data: Buffer, isBinary: boolean): unknown {
    const { ws } = member;
    if (isBinary && this.#has("binary-message")) {
      member.dead = true;
      return;
    }
    const text = data.toString();
    if (text === "" && this.#has("empty-message")) return ws.close(1011, "unexpected end");
    let message: unknown;
    try {
      message = isBinary ? undefined : JSON.parse(text);
    } catch {
      message = undefined;
    }
    if (Array.isArray(message) && this.#has("array-root")) return ws.close(1011, "no such property");
    if (typeof message !== "object" || message === null || Array.isArray(message)) {
      return this.#refuse(member, undefined, "no_object");
    }
    if (text.length > 1_500 && depthOf(message) > 500) {
      if (this.#has("deep-json")) return ws.terminate();
      return this.#refuse(member, undefined, "too_deep");
    }
    try {
      this.#handle(member, message as Message);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#refuse(member, (message as Message).id, error.message);
    }
  }

  #handle(member: Member, message: Message): unknown {
    const { ws } = member;
    const { type, room, text } = message;
    if (text === null && this.#has("null-text")) return ws.close(1011, "cannot read properties of null");
    if (typeof room === "string" && room.includes("\u0000") && this.#has("nul-in-room"))
      return ws.terminate();
    if (room !== undefined && typeof room !== "string" && this.#has("wrong-close-code")) {
      member.socket.write(Buffer.from([0x88, 2, 0x03, 0xed]));
      return;
    }
    if (text !== null && typeof text === "object" && this.#has("text-object-garbled"))
      return ws.send("[object Object]");
    if (typeof type === "number" && this.#has("type-number-stack")) {
      return this.#send(member, {
        type: "error",
        reason: "TypeError: type.split is not a function\n    at handle (/app/server.js:10:5)",
      });
    }
    switch (type) {
      case "join":
        return this.#join(member, message);
      case "echo":
        return this.#echo(member, message);
      case "say":
        return this.#say(member, message);
      case "leave":
        return this.#leave(member, message);
      case "history":
        if (message.limit === undefined && this.#has("history-without-limit"))
          return ws.close(1011, "limit is undefined");
        return this.#send(member, { type: "history", messages: [] });
    }
    if (this.#has("unknown-type-crash")) return this.#crash();
    if (this.#has("bare-error")) return this.#send(member, { type: "error" });
    throw new Refused("unknown_type: expected join, echo, say, leave or history");
  }

  #join(member: Member, { room, name }: Message): void {
    if (typeof room !== "string" || room === "" || room.length > 200) throw new Refused("bad_room");
    if (typeof name !== "string" || name === "" || name.length > 200) throw new Refused("bad_name");
    if (this.#has("name-takeover")) {
      for (const other of this.#members)
        if (other !== member && other.name === name) other.ws.close(4001, "signed in elsewhere");
    }
    if (member.rooms.has(room) && this.#has("join-twice")) member.ids.add(`twice ${room}`);
    member.name = name;
    member.joined = true;
    member.rooms.add(room);
    this.#send(member, { type: "joined", room, name });
  }

  #echo(member: Member, { id, text }: Message): unknown {
    if (!member.joined && this.#has("echo-before-join")) return member.ws.close(1011, "room is undefined");
    if (id === undefined && this.#has("no-id")) return member.ws.close(1011, "id is undefined");
    if (typeof text === "string" && text.length > 60_000 && this.#has("long-text")) {
      member.dead = true;
      return;
    }
    if (typeof text === "string" && /\p{Extended_Pictographic}/u.test(text) && this.#has("emoji-refused"))
      throw new Refused("bad_text");
    if (member.failed && this.#has("error-then-echo")) return;
    if (member.ids.has(id) && this.#has("same-id-twice")) {
      member.dead = true;
      return;
    }
    if (typeof id !== "string" && !Number.isSafeInteger(id)) throw new Refused("bad_id");
    member.ids.add(id);
    const reply = { type: "echoed", id, text };
    const other = [...this.#members].find((one) => one !== member && sharesRoom(one, member));
    if (typeof id === "number" && other && this.#has("number-id-misdirected")) {
      // What the other one asked last, answered once more.
      const asked = [...other.ids].findLast((one) => typeof one === "string" && !one.startsWith("twice"));
      return this.#send(other, { ...reply, id: asked });
    }
    this.#send(member, reply);
    if (text === "" && this.#has("reply-twice")) this.#send(member, reply);
  }

  #say(member: Member, { room, id, seq, text }: Message): unknown {
    if (typeof room !== "string") throw new Refused("bad_room");
    if (member.left && this.#has("say-after-leave")) return member.ws.close(1011, "no such member");
    if (!member.rooms.has(room)) {
      if (this.#has("other-room-loses")) for (const own of member.rooms) this.#losing.add(own);
      throw new Refused("not_joined");
    }
    if (!Number.isSafeInteger(seq)) throw new Refused("bad_seq");
    if ((seq as number) < 0) {
      if (this.#has("negative-seq")) this.#blocked.set(room, performance.now() + 1_200);
      throw new Refused("bad_seq");
    }
    if (typeof id !== "string") throw new Refused("bad_id");
    const isTwice = [...this.#members].some((one) => one.ids.has(`twice ${room}`));
    const said = { type: "said", room, id, seq, text, from: member.name };
    if (this.#losing.delete(room)) return;
    for (const other of this.#members) {
      if (!other.rooms.has(room)) continue;
      this.#send(other, said);
      if (isTwice) this.#send(other, said);
    }
  }

  #leave(member: Member, { room }: Message): void {
    if (room === undefined && this.#has("leave-drops-room")) {
      for (const other of this.#members)
        if (other !== member && sharesRoom(other, member)) other.ws.close(1000, "left");
    }
    if (typeof room !== "string") throw new Refused("bad_room");
    if (!member.rooms.has(room) && this.#has("leave-leaks")) this.#leaving++;
    member.rooms.delete(room);
    member.left = true;
    this.#send(member, { type: "left", room });
  }

  #refuse(member: Member, id: unknown, reason: string): void {
    member.failed = true;
    this.#send(member, { type: "error", reason, ...(typeof id === "string" && { id }) });
  }

  #send({ ws }: Member, message: Message): void {
    ws.send(JSON.stringify(message));
  }

  /** As a process that dies, and is started again by whatever watches over it. */
  #crash(): void {
    this.#goneUntil = performance.now() + 1_000;
    for (const { ws } of this.#members) ws.terminate();
  }
}

const sharesRoom = (a: Member, b: Member): boolean => [...a.rooms].some((room) => b.rooms.has(room));

/** Without recursion, which is what deep JSON is sent for. */
function depthOf(value: unknown): number {
  let level: unknown[] = [value];
  let depth = 0;
  for (; level.length > 0; depth++) {
    level = level.flatMap((one) => (typeof one === "object" && one !== null ? Object.values(one) : []));
  }
  return depth;
}
