/** Protocols in code: functions for lists of deliveries, and what they get. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { defineProtocol } from "../../lib/protocols/code.ts";
import type { Effect } from "../../lib/protocols/index.ts";
import type { Message } from "../../lib/protocols/reader.ts";
import { ms } from "../../lib/units.ts";

const INIT = { variables: {}, replyTimeoutMs: ms(1_000) };

const deliveries = (effects: readonly Effect[]) =>
  effects.map((effect) =>
    effect.kind === "delivery"
      ? `${effect.id}/${effect.seq}`
      : "reason" in effect
        ? effect.reason
        : effect.kind,
  );

describe("each, as a function", () => {
  const protocol = defineProtocol({
    name: "lines",
    state: () => ({ seen: 0 }),
    delivery: [
      {
        each: ({ text }: Message) =>
          text?.startsWith("lines ") ? text.slice(6).split(";").filter(Boolean) : undefined,
        where: ({ text }, state) => {
          state.seen++;
          return text !== "skip";
        },
        id: ({ text }) => text,
        seq: (_, { seen }) => seen,
      },
      { each: ({ json }) => json?.list, id: "/id", seq: ({ json }) => json.seq },
      {
        each: ({ bytes }) => (bytes[0] === 0 ? [bytes.subarray(1, 3), bytes.subarray(3)] : undefined),
        id: ({ bytes, isBinary }) => (isBinary ? String(bytes.length) : undefined),
      },
      {
        each: ({ text }) => (text === "broken" ? [1] : undefined),
        id: () => {
          throw new Error("no");
        },
      },
    ],
    unmatched: "error",
  });

  for (const [sentence, message, expected] of [
    ["texts", "lines a;skip;b", ["a/1", "b/3"]],
    ["an empty list is a message that brings nothing", "lines ;", []],
    [
      "values of JSON",
      '{"list":[{"id":"x","seq":7},{"id":9007199254740991,"seq":8}]}',
      ["x/7", "9007199254740991/8"],
    ],
    ["bytes", Uint8Array.of(0, 1, 2, 3), ["2/undefined", "1/undefined"]],
    ["no list", "else", ["unparsable"]],
    ["what is no list", '{"list":5}', ["unmatched"]],
    ["a function that throws", "broken", ["undefined/undefined", "protocol_code"]],
  ] as const) {
    test(sentence, () => {
      const connection = protocol.connection(INIT);
      connection.open(ms(0));
      assert.deepEqual(deliveries(connection.receive(message, ms(1))), expected);
    });
  }
});
