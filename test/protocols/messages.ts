/** Messages that anything may be made of, and a descriptor that says something of each. */
import fc from "fast-check";
import type { Descriptor } from "../../lib/protocols/index.ts";

export const text = fc.string({ unit: "grapheme" });

/** Every feature at once, so that a message of any kind finds something to be matched with. */
export const everything: Descriptor = {
  name: "everything",
  session: [{ await: { regex: "^hi (?<who>\\w+)" }, capture: { who: "who" } }],
  probe: { send: "ask ${id} ${payload}" },
  reply: [
    { name: "whole", match: "whole" },
    { name: "id", regex: "^id:", match: "id", id: "/id" },
    { name: "turn", where: { "/turn": true }, match: "fifo" },
  ],
  delivery: [
    {
      regex: "^say (?<room>[^\\n]*)\\n",
      id: "/id",
      seq: "/seq",
      room: "room",
      publisher: "/p",
      sentAt: { at: "/t", unit: "us" },
    },
    {
      each: "/list",
      where: { "/turn": { exists: false } },
      id: "/id",
      seq: "/seq",
      cursor: "/n",
      publisher: "/p",
      sentAt: { at: "/t", unit: "ns" },
    },
    { regex: "^all (?<room>[a-z]*) ", each: "", id: "/id", room: "room", seq: "/n" },
  ],
  error: { where: { "/error": 1 }, reason: "/why", settles: "id", id: "/id" },
  heartbeat: [
    { when: { where: { "/ping": null } }, capture: { n: "/n" }, answer: "pong ${n} ${lastSeq}" },
    { every: "30ms", send: "beat" },
  ],
};

const json = (value: unknown): string =>
  JSON.stringify(value, (_, field) => (typeof field === "bigint" ? String(field) : field)) ?? "null";
const jsonish = fc.oneof(
  fc.json(),
  fc
    .record(
      {
        id: fc.oneof(text, fc.integer(), fc.constant(null), fc.array(fc.integer())),
        seq: fc.anything(),
        turn: fc.boolean(),
        error: fc.constantFrom(0, 1),
        ping: fc.constant(null),
        n: fc.oneof(fc.integer(), text, fc.boolean()),
        t: fc.oneof(fc.double(), text),
        p: fc.oneof(text, fc.dictionary(text, text)),
      },
      { requiredKeys: [] },
    )
    .map(json),
);
const list = fc.array(jsonish, { maxLength: 5 }).map((elements) => `[${elements.join()}]`);
export const anyFrame = fc.oneof(
  text,
  fc.string({ unit: "binary" }),
  fc.uint8Array(),
  jsonish,
  jsonish.map((json) => `id:${json}`),
  fc.tuple(text, jsonish).map(([room, json]) => `say ${room}\n${json}`),
  fc.tuple(jsonish, list).map(([around, elements]) => `{"around":${around},"list":${elements}}`),
  list.map((elements) => `{"turn":true,"list":${elements}}`),
  list.map((elements) => `all of ${elements}`),
  fc.tuple(jsonish, fc.nat()).map(([json, at]) => json.slice(0, at)),
  fc.constantFrom("hi you", "ask a ", '{"turn":true}', `${"[".repeat(10_000)}${"]".repeat(10_000)}`),
);
