import assert from "node:assert/strict";
import { once } from "node:events";
import { after, test } from "node:test";
import { WebSocket } from "ws";
import {
  type ConnectionInit,
  type Conversation,
  compile,
  type Effect,
  PROTOCOLS,
  type Send,
} from "../../lib/protocols/index.ts";
import { type Ms, ms } from "../../lib/units.ts";
import { startServer } from "../../server/server.ts";

const server = await startServer({ tokens: ["test-token"] });
after(() => server.close());

/** A conversation over a real socket. */
class Live {
  readonly conversation: Conversation;
  readonly effects: Effect[] = [];
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket, conversation: Conversation) {
    this.#socket = socket;
    this.conversation = conversation;
    // Not after awaiting it: the server's first message may come with the 101.
    socket.once("open", () => this.#apply(conversation.open(now())));
    socket.on("message", (data, isBinary) => {
      const frame = isBinary ? new Uint8Array(data as Buffer) : data.toString();
      this.#apply(conversation.receive(frame, now()));
    });
  }

  static async open(
    name: keyof typeof PROTOCOLS,
    path: string,
    init: Partial<ConnectionInit> = {},
  ): Promise<Live> {
    const protocol = compile(PROTOCOLS[name]);
    const variables = { room: "lobby", user: "admin", token: "test-token", ...init.variables };
    const headers = init.authenticate ? {} : { authorization: `Bearer ${variables.token}` };
    const socket = new WebSocket(server.url + path + protocol.path(variables), { headers });
    after(() => socket.terminate());
    const conversation = protocol.connection({ replyTimeoutMs: ms(10_000), ...init, variables });
    const live = new Live(socket, conversation);
    await once(socket, "open");
    await live.until("ready");
    return live;
  }

  send({ frame }: Send): void {
    this.#socket.send(frame);
  }

  probe(id: string, payload?: string): void {
    this.send(this.conversation.probe(id, now(), payload));
    this.conversation.sent(id, now());
  }

  /** The effects of that kind, once there are `count`. */
  async until<K extends Effect["kind"]>(kind: K, count = 1): Promise<Extract<Effect, { kind: K }>[]> {
    for (;;) {
      const found = this.effects.filter((effect) => effect.kind === kind);
      if (found.length >= count) return found as Extract<Effect, { kind: K }>[];
      await once(this.#socket, "message");
    }
  }

  #apply(effects: readonly Effect[]): void {
    for (const effect of effects) if (effect.kind === "send") this.send(effect);
    this.effects.push(...effects);
  }
}

const now = (): Ms => ms(performance.now());

test("chat: probes, publications and errors", async () => {
  const live = await Live.open("chat", "/ws/chat");
  for (const id of ["a", 'é"😀', "9007199254740993"]) live.probe(id);
  const replies = await live.until("reply", 3);
  assert.deepEqual(
    replies.map(({ id, name }) => [id, name]),
    [
      ["a", "echo"],
      ['é"😀', "echo"],
      ["9007199254740993", "echo"],
    ],
  );
  for (const { dueAt, sentAt, at } of replies) assert.ok(dueAt <= sentAt! && sentAt! < at);

  live.send(live.conversation.publish({ id: "p1", seq: 7, payload: "x" }, now()));
  const [delivery] = await live.until("delivery");
  const { publisher, sentAtMs, at, ...rest } = delivery!;
  assert.deepEqual(rest, { kind: "delivery", id: "p1", room: "lobby", seq: 7 });
  assert.ok(publisher !== undefined);
  assert.ok(Math.abs(sentAtMs! - (performance.timeOrigin + at)) < 60_000);
  assert.equal(live.conversation.lastSeq, "1");

  live.send({ kind: "send", frame: "{", purpose: "publish" });
  const [error] = await live.until("error");
  assert.deepEqual(error, { kind: "error", reason: "bad_json" });
  assert.equal(live.conversation.openProbes(), 0);
});

test("chat: replies that are repeated are told as duplicates", async (t) => {
  const live = await Live.open("chat", "/ws/chat");
  server.faults.set({ repeatReplies: { every: 1 } });
  t.after(() => server.faults.clear());
  for (const id of ["a", "b", "c"]) live.probe(id);
  assert.deepEqual(
    (await live.until("duplicate", 3)).map(({ id }) => id),
    ["a", "b", "c"],
  );
  assert.equal((await live.until("reply", 3)).length, 3);
});

test("chat: the token in the first message, and what was missed delivered on resuming", async () => {
  const writer = await Live.open("chat", "/ws/chat", { variables: { room: "past" } });
  for (const seq of [1, 2, 3]) writer.send(writer.conversation.publish({ id: `p${seq}`, seq }, now()));
  await writer.until("delivery", 3);
  const live = await Live.open("chat", "/ws/chat?auth=message", {
    variables: { room: "past" },
    authenticate: true,
    lastSeq: "1",
  });
  assert.deepEqual(
    live.effects.map((effect) =>
      effect.kind === "send" ? effect.purpose : effect.kind === "delivery" ? effect.id : effect.kind,
    ),
    ["refresh", "session", "resume", "p2", "p3", "ready"],
  );
});

test("echo: the message itself, whatever the server said first", async () => {
  const live = await Live.open("echo", "/ws/echo?welcome=1");
  for (const id of ["a", "b"]) live.probe(id, "é".repeat(1_000));
  assert.deepEqual(
    (await live.until("reply", 2)).map(({ id }) => id),
    ["a", "b"],
  );
  assert.equal((await live.until("unmatched")).length, 1);
});

test("im: a teacher, two replies to a message, an error to an empty one", async () => {
  const live = await Live.open("im", "");
  assert.match((await live.until("captured"))[0]!.value, /__mtx$/);
  live.probe("m1", "你好");
  live.probe("m2");
  live.probe("m3", "?");
  const replies = await live.until("reply", 4);
  assert.deepEqual(replies.map(({ id, name, last }) => `${id} ${name} ${last}`).sort(), [
    "m1 answer true",
    "m1 receipt false",
    "m3 answer true",
    "m3 receipt false",
  ]);
  const [error] = await live.until("error");
  assert.deepEqual([error!.id, error!.reason, error!.names], ["m2", "消息内容为空", ["receipt", "answer"]]);
  assert.equal(live.conversation.openProbes(), 0);
});
