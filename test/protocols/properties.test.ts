import assert from "node:assert/strict";
import { test } from "node:test";
import fc, { type Arbitrary } from "fast-check";
import {
  type Conversation,
  compile,
  type Effect,
  PROTOCOLS,
  type Protocol,
  parseDescriptor,
} from "../../lib/protocols/index.ts";
import { Queue } from "../../lib/protocols/queue.ts";
import { sourceText } from "../../lib/protocols/source-text.ts";
import { numberValue, parseTemplate, stringValue } from "../../lib/protocols/template.ts";
import { decodePlainly, decodeUtf8, encodePlainly, encodeUtf8 } from "../../lib/protocols/utf8.ts";
import { type Ms, ms } from "../../lib/units.ts";
import { anyFrame, everything, text } from "./messages.ts";

const REPLY_TIMEOUT = ms(100);
const VARIABLES = { room: "r", user: "u", token: "t", vu: "1", connection: "2" };

const start = (protocol: Protocol) =>
  protocol.connection({ variables: VARIABLES, replyTimeoutMs: REPLY_TIMEOUT });

const integer = fc.oneof(fc.bigInt(), fc.bigInt({ min: 2n ** 53n - 3n, max: 2n ** 53n + 3n })).map(String);

test("any identifier finds its probe again, whatever its characters", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.oneof(text, integer), { minLength: 1, maxLength: 20 }), (ids) => {
      const conversation = start(compile(PROTOCOLS.chat));
      conversation.open(ms(0));
      conversation.receive('{"type":"subscribed"}', ms(0));
      const echoes = ids.map((id) => {
        const { echoId } = JSON.parse(String(conversation.probe(id, ms(1)).frame));
        return JSON.stringify({ type: "echo_reply", echoId });
      });
      const answered = echoes.reverse().flatMap((echo) => conversation.receive(echo, ms(2)));
      assert.deepEqual(
        answered.map((effect) => effect.kind === "reply" && effect.id),
        ids.reverse(),
      );
    }),
  );
});

test("whole numbers of any size are told apart", () => {
  const protocol = compile({
    name: "numbers",
    probe: { send: '{"n":${id}}', id: "number" },
    reply: [{ name: "n", match: "id", id: "/a/n" }],
  });
  fc.assert(
    fc.property(fc.uniqueArray(integer, { minLength: 1, maxLength: 20 }), (ids) => {
      const conversation = start(protocol);
      conversation.open(ms(0));
      for (const id of ids) {
        assert.deepEqual(conversation.probe(id, ms(1)).frame, `{"n":${id}}`);
        const [effect] = conversation.receive(`{"x":[{"n":1}],"a":{"n":${id}}}`, ms(2));
        assert.ok(effect?.kind === "reply" && effect.id === id, JSON.stringify(effect));
      }
    }),
  );
});

test("no message makes a conversation throw", () => {
  const protocols = [everything, ...Object.values(PROTOCOLS)].map((d) => compile(parseDescriptor(d, d.name)));
  fc.assert(
    fc.property(fc.constantFrom(...protocols), fc.array(anyFrame), (protocol, frames) => {
      const conversation = start(protocol);
      conversation.open(ms(0));
      let at = 0;
      for (const frame of frames) {
        if (conversation.ready && protocol.descriptor.probe) conversation.probe(String(at), ms(at), "x");
        const effects = conversation.receive(frame, ms(++at));
        for (const effect of effects) JSON.stringify(effect);
        if (effects.some(({ kind }) => kind === "session-failed")) return;
      }
    }),
    { numRuns: 500 },
  );
});

test("messages in one of WebSocket are as messages one by one", () => {
  const delimiter = "\u001e";
  const one = compile(parseDescriptor({ ...everything, delimiter }, "one"));
  const many = compile(parseDescriptor(everything, "many"));
  const messages = fc.array(
    anyFrame.filter((frame) => typeof frame === "string" && frame !== ""),
  ) as Arbitrary<string[]>;
  fc.assert(
    fc.property(messages, fc.boolean(), fc.boolean(), (given, binary, ended) => {
      const pieces = ["hi you", ...given]
        .flatMap((message) => message.split(delimiter))
        .filter((piece) => piece !== "");
      const text = pieces.join(delimiter) + (ended ? delimiter : "");
      const [together, apart] = [one, many].map(start) as [Conversation, Conversation];
      for (const conversation of [together, apart]) conversation.open(ms(0));
      const effects = together.receive(binary ? encodeUtf8(text) : text, ms(1));
      assert.deepEqual(
        effects.map((effect) => (effect.kind === "send" ? undelimited(effect) : effect)),
        pieces.flatMap((piece) => apart.receive(piece, ms(1))),
      );
    }),
    { numRuns: 500 },
  );
  function undelimited({ messages, ...effect }: Extract<Effect, { kind: "send" }>): Effect {
    assert.ok(typeof effect.frame === "string" && effect.frame.endsWith(delimiter));
    const frame = effect.frame.slice(0, -1);
    assert.deepEqual(messages, [frame]);
    return { ...effect, frame };
  }
});

/** What may happen to a connection: `pick` says to which probe or reply. */
const happening = fc.record({
  kind: fc.constantFrom("probe", "probe", "whole", "id", "turn", "error", "wait", "due"),
  pick: fc.nat(),
  wait: fc.integer({ min: 0, max: 40 }),
});

test("each reply of each probe comes once: in time, timed out, taken by an error, or lost", () => {
  const protocol = compile(parseDescriptor(everything, "everything"));
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 200 }), (happenings) => {
      const conversation = start(protocol);
      conversation.open(ms(0));
      conversation.receive("hi you", ms(0));
      const effects: Effect[] = [];
      let at = ms(0);
      let probes = 0;
      for (const { kind, pick, wait } of happenings) {
        at = ms(at + (kind === "wait" ? wait : 0));
        if (kind === "probe") conversation.probe(`p${probes++}`, ms(at - (pick % 20)));
        else effects.push(...happen(conversation, kind, `p${pick % (probes + 1)}`, at));
        assert.equal(conversation.openProbes(), openAfter(effects, probes, protocol.replies.length));
      }
      effects.push(...conversation.drop(at));

      const outcomes = new Map<string, number>();
      const count = (id: string, name: string) => {
        const reply = `${id} ${name}`;
        outcomes.set(reply, (outcomes.get(reply) ?? 0) + 1);
      };
      for (const effect of effects) {
        if (effect.kind === "reply" || effect.kind === "timeout" || effect.kind === "lost") {
          count(effect.id, effect.name);
        } else if (effect.kind === "error" && effect.id !== undefined) {
          for (const name of effect.names ?? []) count(effect.id, name);
        }
      }
      const expected = Array.from({ length: probes }, (_, i) =>
        protocol.replies.map((name) => [`p${i} ${name}`, 1] as const),
      ).flat();
      assert.deepEqual(new Map([...outcomes].sort()), new Map(expected.sort()));
      assert.equal(conversation.openProbes(), 0);
    }),
    { numRuns: 500 },
  );
});

function happen(conversation: Conversation, kind: string, id: string, at: Ms): readonly Effect[] {
  switch (kind) {
    case "whole":
      return conversation.receive(`ask ${id} `, at);
    case "id":
      return conversation.receive(`id:{"id":"${id}"}`, at);
    case "turn":
      return conversation.receive('{"turn":true}', at);
    case "error":
      return conversation.receive(`{"error":1,"id":"${id}"}`, at);
    default:
      return conversation.due(at);
  }
}

/** Probes that still wait, by what has been told. */
function openAfter(effects: readonly Effect[], probes: number, replies: number): number {
  const over = new Set<string>();
  const answered = new Map<string, number>();
  for (const effect of effects) {
    if (effect.kind === "timeout" || (effect.kind === "error" && effect.id !== undefined))
      over.add(effect.id!);
    if (effect.kind !== "reply") continue;
    const count = (answered.get(effect.id) ?? 0) + 1;
    answered.set(effect.id, count);
    assert.equal(effect.last, count === replies);
    if (count === replies) over.add(effect.id);
  }
  return probes - over.size;
}

const filling = fc.oneof(
  text.map(stringValue),
  fc.string({ unit: "binary" }).map(stringValue),
  integer.map(numberValue),
);
const hole = (name: string) => `\${${name}}`;

test("a JSON template gives JSON, and in it exactly the values put in", () => {
  fc.assert(
    fc.property(fc.jsonValue(), text, filling, filling, (rest, around, a, b) => {
      const quoted = JSON.stringify(around.replace(/\$/g, "")).slice(1, -1);
      const template = parseTemplate(
        `{"a":${hole("a")},"list":[${hole("b")}],"in":"${quoted}${hole("a")}${hole("b")}","rest":${JSON.stringify(rest).replace(/\$/g, "")}}`,
      );
      const message = JSON.parse(template.expand((name) => (name === "a" ? a : b)));
      const read = (json: string) => JSON.parse(json) as unknown;
      assert.deepEqual(message.a, read(a.json));
      assert.deepEqual(message.list, [read(b.json)]);
      assert.equal(message.in, around.replace(/\$/g, "") + read(JSON.stringify(a.text + b.text)));
    }),
  );
});

test("the source of a value is the JSON that means it", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1, "\t"), (document, space) => {
      const json = JSON.stringify(document, null, space);
      for (const [tokens, value] of everyValue(document)) {
        const source = sourceText(json, tokens);
        assert.deepEqual(source && JSON.parse(source), JSON.parse(JSON.stringify(value)), tokens.join("/"));
      }
    }),
  );
});

function* everyValue(
  value: unknown,
  tokens: readonly string[] = [],
): Generator<[readonly string[], unknown]> {
  yield [tokens, value];
  if (typeof value !== "object" || value === null) return;
  for (const [key, field] of Object.entries(value)) yield* everyValue(field, [...tokens, key]);
}

test("a queue is a list, without those that no longer count", () => {
  const operations = fc.array(fc.tuple(fc.constantFrom("push", "insert", "take", "first"), fc.nat(100)), {
    maxLength: 500,
    size: "max",
  });
  fc.assert(
    fc.property(operations, (operations) => {
      const queue = new Queue<number>();
      let model: number[] = [];
      for (const [operation, n] of operations) {
        const counts = (item: number) => item >= n;
        if (operation === "push") {
          queue.push(n);
          model.push(n);
        } else if (operation === "insert") {
          queue.insert(n, (other) => other > n);
          const after = model.findLastIndex((other) => other <= n) + 1;
          model.splice(after, 0, n);
        } else {
          const from = model.findIndex(counts);
          model = from === -1 ? [] : model.slice(from);
          assert.equal(operation === "take" ? queue.take(counts) : queue.first(counts), model[0]);
          if (operation === "take") model.shift();
        }
      }
      for (const item of model)
        assert.equal(
          queue.take(() => true),
          item,
        );
      assert.equal(
        queue.first(() => true),
        undefined,
      );
    }),
  );
});

test("UTF-8 is what the platform's own encoder and decoder make of it", () => {
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const decode = (bytes: Uint8Array) => {
    try {
      return strict.decode(bytes);
    } catch {
      return undefined;
    }
  };
  const nearly = fc.tuple(text, fc.nat(), fc.integer({ min: 0, max: 255 })).map(([whole, at, byte]) => {
    const bytes = new TextEncoder().encode(whole);
    if (bytes.length > 0) bytes[at % bytes.length] = byte;
    return bytes;
  });
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.oneof(fc.uint8Array(), nearly), (whole, bytes) => {
      assert.deepEqual(encodeUtf8(whole), new TextEncoder().encode(whole));
      assert.equal(decodeUtf8(bytes), decode(bytes));
      assert.deepEqual(encodePlainly(whole), encodeUtf8(whole));
      assert.equal(decodePlainly(bytes), decode(bytes));
    }),
    { numRuns: 2_000 },
  );
  for (const surrogate of [
    [0xed, 0xa0, 0x80],
    [0xed, 0xbf, 0xbf],
  ]) {
    assert.equal(decodeUtf8(Uint8Array.from(surrogate)), undefined);
  }
  const long = "é😀x".repeat(5_000);
  assert.equal(decodeUtf8(encodeUtf8(long)), long);
});
