import assert from "node:assert/strict";
import { test } from "node:test";
import { compile, type Descriptor, PROTOCOLS } from "../../lib/protocols/index.ts";
import { ms } from "../../lib/units.ts";

const chat = compile(PROTOCOLS.chat);
const im = compile(PROTOCOLS.im);
const counted: Descriptor = {
  name: "counted",
  path: "/${vu}",
  probe: { send: "${id} ${connection}", id: "number" },
  reply: [{ name: "r", match: "fifo" }],
};
const start = (d: Descriptor, variables: Record<string, string>) => {
  const conversation = compile(d).connection({ variables, replyTimeoutMs: ms(100) });
  conversation.open(ms(0));
  return conversation;
};
const ready = () => start(counted, { vu: "1", connection: "2" });
const replyTimeoutMs = ms(100);

/** [the caller's mistake, making it, what is thrown] */
const mistakes: [sentence: string, mistake: () => unknown, thrown: Error][] = [
  [
    "a variable that is missing",
    () => start(PROTOCOLS.chat, {}),
    RangeError('protocol "chat" needs the variable "room"'),
  ],
  [
    "a variable that is inherited",
    () => im.path(Object.create({ user: "u" })),
    RangeError('protocol "im" needs the variable "user"'),
  ],
  [
    "a variable that is no number",
    () => start(counted, { vu: "1", connection: "two" }),
    RangeError('variable "connection" must be a whole number, got "two"'),
  ],
  [
    "a token to be refreshed that is missing",
    () => chat.connection({ variables: { room: "r" }, replyTimeoutMs, tokenExpiresAt: ms(1) }),
    RangeError('protocol "chat" needs the variable "token"'),
  ],
  [
    "authenticating without a message for it",
    () => im.connection({ variables: { user: "u" }, replyTimeoutMs, authenticate: true }),
    RangeError('protocol "im" has no "refresh" message to authenticate with'),
  ],
  ["opening twice", () => ready().open(ms(1)), Error("a conversation is opened once")],
  [
    "a probe before the session is ready",
    () => start(PROTOCOLS.chat, { room: "r" }).probe("a", ms(0)),
    Error("a probe before the session is ready, or after its end"),
  ],
  [
    "a publication before the session is ready",
    () => start(PROTOCOLS.chat, { room: "r" }).publish({ id: "a", seq: 1 }, ms(0)),
    Error("a publish before the session is ready, or after its end"),
  ],
  [
    "a probe after the end",
    () => {
      const conversation = ready();
      conversation.drop(ms(1));
      conversation.probe("1", ms(1));
    },
    Error("a probe before the session is ready, or after its end"),
  ],
  [
    "a probe of a protocol without one",
    () => start({ name: "x" }, {}).probe("a", ms(0)),
    Error("this protocol has no probe"),
  ],
  [
    "a publication of a protocol without one",
    () => ready().publish({ id: "a", seq: 1 }, ms(0)),
    Error("this protocol publishes nothing"),
  ],
  [
    "an identifier that is no number",
    () => ready().probe("007", ms(0)),
    RangeError('this protocol\'s identifiers are whole numbers, got "007"'),
  ],
  [
    "an identifier twice",
    () => {
      const conversation = ready();
      conversation.probe("1", ms(0));
      conversation.probe("1", ms(0));
    },
    RangeError('this connection had a probe "1" already'),
  ],
  [
    "telling of a probe that was not made",
    () => ready().sent("1", ms(0)),
    RangeError('this connection had no probe "1"'),
  ],
];

for (const [sentence, mistake, thrown] of mistakes) {
  test(`throws on ${sentence}`, () => {
    assert.throws(mistake, { name: thrown.name, message: thrown.message });
  });
}

test("says which variables it must be given, and in which form identifiers", () => {
  assert.deepEqual(chat.variables, ["room"]);
  assert.deepEqual(im.variables, ["user"]);
  const { variables, numericIds, replies } = compile(counted);
  assert.deepEqual([variables, numericIds, replies], [["vu", "connection"], true, ["r"]]);
  assert.equal(compile(counted).path({ vu: "1" }), "/1");
});

test("a list longer than is read is ours, and what was read of it counts", () => {
  const conversation = start({ name: "lists", delivery: { each: "/l" } }, {});
  const list = (length: number) => JSON.stringify({ l: Array.from({ length }, () => 1) });
  const kinds = (length: number) => conversation.receive(list(length), ms(1)).map((effect) => effect.kind);
  assert.deepEqual(new Set(kinds(65_536)), new Set(["delivery"]));
  const effects = conversation.receive(list(65_537), ms(1));
  assert.equal(effects.length, 65_537);
  assert.deepEqual(effects.at(-1), {
    kind: "invalid",
    reason: "too_many_elements",
    detail: "more than 65536 elements in the list of one message",
  });
});
