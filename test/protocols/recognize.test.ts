/** What messages are taken for that somebody else's connection has: as the state machine of a connection takes them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { chat } from "../../lib/protocols/chat.ts";
import { compile } from "../../lib/protocols/compile.ts";
import { parseDescriptor } from "../../lib/protocols/descriptor.ts";
import type { Effect } from "../../lib/protocols/index.ts";
import { type Recognized, Recognizer } from "../../lib/protocols/recognize.ts";
import type { Descriptor } from "../../lib/protocols/schema.ts";
import { mouldsOf, unfill } from "../../lib/protocols/unfill.ts";
import { type Case, type Fixtures, frameFromJson, perform, severalTimes } from "./run-fixtures.ts";

const fixtures = JSON.parse(
  readFileSync(new URL("../../lib/protocols/fixtures.json", import.meta.url), "utf8"),
) as Fixtures;

/** What is compared: how many of each. */
type Counts = { [what: string]: number };

const count = (counts: Counts, what: string) => {
  counts[what] = (counts[what] ?? 0) + 1;
};

/** Of a message received, by the state machine. What it says of time and of sequence is none of the recogniser's. */
function byMachine(effects: readonly Effect[]): Counts {
  const counts: Counts = {};
  for (const { kind } of effects) {
    if (kind === "reply" || kind === "duplicate" || kind === "late") count(counts, "reply");
    else if (kind === "delivery" || kind === "error") count(counts, kind);
  }
  return counts;
}

function byRecognizer(messages: readonly Recognized[]): Counts {
  const counts: Counts = {};
  for (const { kind, deliveries = [] } of messages) {
    if (kind === "reply" || kind === "error") count(counts, kind);
    for (const _ of deliveries) count(counts, "delivery");
  }
  return counts;
}

// A page's connection forgets no probe: it has not thousands in a second. Its variables are not known, so that any text
// may stand for one in a condition.
const comparable = ({ name, descriptor }: Case) => !name.startsWith("known:") && descriptor !== "addressed";
for (const fixture of fixtures.cases.filter(comparable)) {
  test(`as a connection takes them: ${fixture.name}`, () => compare(fixture));
}

function compare({ descriptor: name, init, steps }: Case): void {
  const descriptor = parseDescriptor(fixtures.descriptors[name], name);
  const conversation = compile(descriptor).connection(init);
  const recognizer = new Recognizer(descriptor);
  for (const step of steps.flatMap(severalTimes)) {
    const effects = perform(conversation, step);
    const hasEnded = step.do === "drop" || effects.some(({ kind }) => kind === "session-failed");
    if (step.do === "receive" && !hasEnded) {
      const messages = recognizer.received(frameFromJson(step.frame));
      // A reply after the error that took its place is nothing to a connection that measures.
      const isMoot = effects.length === 0 && messages.every(({ kind }) => kind === "reply");
      if (!isMoot) assert.deepEqual(byRecognizer(messages), byMachine(effects), JSON.stringify(messages));
    }
    for (const effect of effects) {
      if (effect.kind !== "send") continue;
      const messages = recognizer.sent(effect.frame);
      // Of a client's packets, the codec of MQTT reads publications alone.
      const isUnreadable = messages[0]?.kind === "unreadable" && isMqtt(descriptor);
      if (!isUnreadable) assert.equal(messages[0]?.kind, effect.purpose, JSON.stringify([step, messages]));
    }
    if (hasEnded) return;
  }
}

const isMqtt = ({ codec }: Descriptor): boolean =>
  (typeof codec === "object" ? codec.name : codec) === "mqtt";

const moulds: [sentence: string, template: string, message: string, values: object | undefined][] = [
  [
    "fields in another order, some more, some missing",
    '{"type":"publish","room":${room},"id":${id}}',
    '{"text":"hi","room":"42","type":"publish"}',
    { room: "42" },
  ],
  ["another type", '{"type":"publish","room":${room}}', '{"type":"subscribe","room":"42"}', undefined],
  ["no field of its own, and one missing", '{"room":${room},"id":${id}}', '{"room":"42"}', undefined],
  ["what stands before the JSON", '42["say",{"id":${id}}]', '42["say",{"id":"7","more":1}]', { id: "7" }],
  ["another prefix", '42["say",${id}]', '43["say","7"]', undefined],
  ["a longer list", '["say",${id}]', '["say","7","8"]', undefined],
  ["a variable inside a text", '{"topic":"room:${room}"}', '{"topic":"room:42"}', { room: "42" }],
  ["a number that JavaScript rounds", '{"n":${id}}', '{"n":9007199254740993}', { id: "9007199254740993" }],
  ["text alone", "SEND ${room} ${payload}", "SEND a b c", { room: "a", payload: "b c" }],
  ["text with what a regex takes for its own", "a.b(${id})", "axb(1)", undefined],
];
for (const [sentence, template, message, values] of moulds) {
  test(`a template and a message: ${sentence}`, () => {
    const [mould] = mouldsOf(template);
    assert.deepEqual(unfill(mould!, message)?.values, values);
  });
}

test("a reply names the probe that it answers", () => {
  const recognizer = new Recognizer(chat);
  const [probe] = recognizer.sent('{"type":"echo","echoId":"a"}');
  const [reply] = recognizer.received('{"type":"echo_reply","echoId":"a"}');
  assert.deepEqual([reply!.kind, reply!.name, reply!.answers], ["reply", "echo", probe]);
  const [stray] = recognizer.received('{"type":"echo_reply","echoId":"b"}');
  assert.equal(stray!.kind, "unmatched");
});
