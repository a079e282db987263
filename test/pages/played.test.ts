/** The played server and the clients of the toolkit: whatever a descriptor can say, it answers so that they understand it. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import type { Page, WebSocketRoute } from "@playwright/test";
import { chat } from "../../lib/protocols/chat.ts";
import { useAllCodecs } from "../../lib/protocols/codecs/all.ts";
import { withTypes } from "../../lib/protocols/codecs/schema-file.ts";
import { compile } from "../../lib/protocols/compile.ts";
import { echo } from "../../lib/protocols/echo.ts";
import { im } from "../../lib/protocols/im.ts";
import type { Conversation, Effect, Frame } from "../../lib/protocols/index.ts";
import type { Recognized } from "../../lib/protocols/recognize.ts";
import type { Descriptor } from "../../lib/protocols/schema.ts";
import { ms } from "../../lib/units.ts";
import { type ServerOptions, server } from "../../playwright/server.ts";

useAllCodecs();

/** A page of which there is only the connection, and a client of the toolkit in it. */
class Client {
  readonly effects: Effect[] = [];
  readonly #conversation: Conversation;
  #toServer: (frame: string | Buffer) => void = () => {};

  private constructor(conversation: Conversation) {
    this.#conversation = conversation;
  }

  static async connect(descriptor: Descriptor, options: ServerOptions = {}) {
    let route!: (socket: WebSocketRoute) => void;
    const page = Object.assign(new EventEmitter(), {
      addInitScript: async () => {},
      routeWebSocket: async (_: unknown, take: typeof route) => {
        route = take;
      },
    }) as unknown as Page;
    const played = await server(page, descriptor, options);
    const variables = { room: "42", user: "ann", token: "t", vu: "1", connection: "0" };
    const client = new Client(compile(descriptor).connection({ variables, replyTimeoutMs: ms(1_000) }));
    const opening = client.#conversation.open(ms(0));
    route({
      url: () => "ws://played.test/",
      onMessage: (take: (frame: string | Buffer) => void) => {
        client.#toServer = take;
      },
      onClose: () => {},
      send: (frame: string | Buffer) => client.#take(client.#conversation.receive(frame, ms(0))),
      close: async () => {},
    } as unknown as WebSocketRoute);
    client.#take(opening);
    return { client, played };
  }

  get ready(): boolean {
    return this.#conversation.ready;
  }

  probe(id = "7"): void {
    this.#take([this.#conversation.probe(id, ms(0))]);
  }

  publish(): void {
    this.#take([this.#conversation.publish({ id: "8", seq: 1, payload: "hi" }, ms(0))]);
  }

  of(kind: Effect["kind"]): Effect[] {
    return this.effects.filter((effect) => effect.kind === kind);
  }

  #take(effects: readonly Effect[]): void {
    this.effects.push(...effects);
    for (const effect of effects) if (effect.kind === "send") this.#toServer(payload(effect.frame));
  }
}

const payload = (frame: Frame): string | Buffer => (typeof frame === "string" ? frame : Buffer.from(frame));

const folder = new URL("../../examples/protocols/", import.meta.url);
const examples = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((name) => {
    const read = (path: string) => readFileSync(new URL(path, folder), "utf8");
    return withTypes(JSON.parse(read(name)), name, read) as Descriptor;
  });

/** What they have in common: conditions from which no message follows, or packets of a client that no codec reads. */
const UNPLAYABLE = new Set(["colyseus", "mqtt", "mqtt-5", "nats", "nchan", "stomp", "stomp-spring", "xmpp"]);

// Protocol Buffers give the fields other names than the template, by which it is not recognised.
const playable = examples.filter(({ name }) => name !== "centrifugo-protobuf");

for (const descriptor of [chat, echo, im, ...playable]) {
  test(`plays the server of ${descriptor.name}`, async () => {
    const { client, played } = await Client.connect(descriptor);
    if (UNPLAYABLE.has(descriptor.name)) {
      if (client.ready) client.probe();
      assert.match(
        played.complaints[0] ?? "",
        /give it as answers\["(session|reply)\[\d\]"\]$|codec does not read/,
      );
      return;
    }
    assert.ok(client.ready, `not ready: ${played.complaints}`);
    if (descriptor.probe) {
      client.probe();
      assert.equal(client.of("reply").length, descriptor.reply?.length, String(played.complaints));
    }
    if (descriptor.publish && descriptor.delivery) {
      client.publish();
      assert.equal(client.of("delivery").length, 1, String(played.complaints));
    }
    assert.deepEqual(client.of("invalid"), []);
    assert.deepEqual(played.complaints, []);
  });
}

test("the next probe gets an error that settles it, the one after a reply", async () => {
  const { client, played } = await Client.connect(chat);
  played.failNext("overloaded");
  client.probe("a");
  client.probe("b");
  const [error] = client.of("error");
  assert.deepEqual(error, { kind: "error", reason: "overloaded", id: "a", dueAt: 0, names: ["echo"] });
  assert.equal(client.of("reply").length, 1);
});

test("deliveries carry what the test says, in the order that it says", async () => {
  const { client, played } = await Client.connect(chat);
  played.reverseNext(2);
  played.deliver({ text: "one" }, { publisher: "bob", seq: 7 });
  assert.equal(client.of("delivery").length, 0);
  played.deliver({ text: "two" });
  const found = client
    .of("delivery")
    .map((effect) => "seq" in effect && [effect.publisher, effect.seq, effect.room]);
  assert.deepEqual(found, [
    ["server", 2, "42"],
    ["bob", 7, "42"],
  ]);
});

test("a message can be answered otherwise than the descriptor says", async () => {
  const answers = {
    probe: ({ values }: Recognized) => ({ type: "error", reason: "no", echoId: values?.id }),
  };
  const { client } = await Client.connect(chat, { answers });
  client.probe();
  assert.deepEqual([client.of("error").length, client.of("reply").length], [1, 0]);
});
