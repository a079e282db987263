import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { SETTINGS } from "../../lib/settings.ts";
import { parseStreamFormat, STREAM_FORMATS } from "../../lib/token-streams/format.ts";
import { notesOnTokenStreams } from "../../lib/token-streams/notes.ts";
import { bodiesOf, parsePrompts } from "../../lib/token-streams/requests.ts";
import { ms } from "../../lib/units.ts";

test("the formats that come with the toolkit are formats, under the names that the setting has", () => {
  assert.equal(SETTINGS.STREAM_FORMAT.expects, Object.keys(STREAM_FORMATS).join(" or "));
  for (const [name, format] of Object.entries(STREAM_FORMATS)) {
    assert.equal(format.name, name);
    assert.ok(isDeepStrictEqual(parseStreamFormat(JSON.parse(JSON.stringify(format)), name), format));
  }
});

const wrongFormats: [sentence: string, change: object, says: RegExp][] = [
  ["a pointer that is none", { content: ["data"] }, /content\.0: expected a JSON Pointer/],
  ["no content", { content: [] }, /content: expected at least one JSON Pointer/],
  ["a field that is unknown", { token: "/a" }, /token: expected a field of a stream format/],
  ["a name with spaces", { name: "a b" }, /name: expected 1 to 64 letters/],
  ["a condition without where", { done: { text: "x" } }, /done: expected a condition or a list/],
];
for (const [sentence, change, says] of wrongFormats) {
  test(`a format with ${sentence} is refused`, () => {
    assert.throws(() => parseStreamFormat({ ...STREAM_FORMATS.openai, ...change }, "f.json"), says);
  });
}

test("prompts are lines of text, or of JSON with what else the body has a place for", () => {
  const text = 'Say hi.\n\n{"prompt":"Count.","max_tokens":7,"topic":"numbers"}\r\n{"prompt":"Sing."}\n';
  assert.deepEqual(parsePrompts(text, 50), [
    { prompt: "Say hi.", max_tokens: 50 },
    { prompt: "Count.", max_tokens: 7, topic: "numbers" },
    { prompt: "Sing.", max_tokens: 50 },
  ]);
});

const wrongPrompts: [text: string, says: RegExp][] = [
  ["", /expected at least one prompt/],
  ["ok\n{oops", /line 2: expected a JSON object or a text/],
  ['{"text":"x"}', /line 1: expected a text as "prompt"/],
  ['{"prompt":"x","max_tokens":0}', /line 1: expected a whole number from 1 as "max_tokens", got 0/],
  ['{"prompt":"x","tags":[]}', /line 1: expected a text or a number as "tags"/],
];
for (const [text, says] of wrongPrompts) {
  test(`the prompts ${JSON.stringify(text)} are refused`, () =>
    assert.throws(() => parsePrompts(text, 1), says));
}

test("a body is filled as JSON: numbers stay numbers, quotes stay in their text, the request's number stays", () => {
  const template = {
    m: "${model}",
    max: "${max_tokens}",
    messages: [{ content: "Q${request}: ${prompt}" }],
    n: 1,
  };
  const prompts = [{ prompt: 'say "hi"\n${model}', max_tokens: 9 }];
  const [body] = bodiesOf(template, prompts, "llama", "BODY_FILE");
  assert.deepEqual(JSON.parse(body!), {
    m: "llama",
    max: 9,
    messages: [{ content: 'Q${request}: say "hi"\n${model}' }],
    n: 1,
  });
  assert.throws(
    () => bodiesOf({ a: "${promt}" }, prompts, "m", "BODY_FILE"),
    /BODY_FILE: unknown variable "promt", expected one of model, prompt, max_tokens, request/,
  );
});

const counter = (count: number, by?: object) => ({
  kind: "counter" as const,
  unit: "1",
  count,
  ...(by && { by }),
});

test("notes say how fast, that a stream was buffered, and what is estimated", () => {
  const figures = { min: 1, avg: 10, p50: 10, p90: 1, p95: 1, p99: 1, max: 1 };
  const notes = notesOnTokenStreams(
    {
      token_requests: counter(20),
      token_output_tokens: counter(3_000, { basis: { estimated: counter(1_000) } }),
      token_chunks: counter(1_500),
      token_buffered_streams: counter(5),
      token_bursts: counter(10),
      token_burst_chunks: counter(100),
      token_per_token_ms: { kind: "trend", unit: "ms", count: 20, ...figures },
      // biome-ignore lint/suspicious/noExplicitAny: no more of a summary than is read
    } as any,
    ms(60_000),
    true,
  );
  assert.match(notes[0]!, /3,?000 output tokens, 50 for each of the 60 seconds .* brought 100 a second/);
  assert.match(notes[1]!, /3,?000 tokens came in 1,?500 chunks, 2 to each/);
  assert.match(notes[2]!, /^5 streams of 20 came buffered, 10 chunks in a burst/);
  assert.match(notes[3]!, /^1,?000 tokens are estimated/);
  assert.match(notes[4]!, /each user waits for its stream/);
});
