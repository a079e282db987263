import assert from "node:assert/strict";
import { after, afterEach, test } from "node:test";
import { type FaultSettings, startServer } from "../../server/server.ts";
import { data, post, Reader } from "./event-streams.ts";

const server = await startServer({ completions: { firstMs: 0, gapMs: 0, tokens: 4 } });
after(() => server.close());
afterEach(() => server.faults.clear());

const url = `${server.httpUrl}/v1/chat/completions`;
const messages = [{ role: "user", content: "say it again" }];
const ask = (fields: object = {}): Promise<Response> => post(url, { messages, stream: true, ...fields });

// biome-ignore lint/suspicious/noExplicitAny: assertions say what it should be
const parsed = (text: string): any[] =>
  data(text).map((text) => (text === "[DONE]" ? text : JSON.parse(text)));
const contents = (text: string): string[] =>
  parsed(text).flatMap((chunk) => chunk.choices?.[0]?.delta.content || []);

test("a completion is a role, its tokens, a reason to finish, its usage, and [DONE]", async () => {
  const response = await ask({ stream_options: { include_usage: true }, model: "m" });
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  const chunks = parsed((await new Reader(response).end()).text);
  assert.equal(chunks.pop(), "[DONE]");
  const { usage } = chunks.at(-1);
  assert.deepEqual(usage, { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 });
  const choices = chunks.map(({ choices: [choice] }) => choice && [choice.delta, choice.finish_reason]);
  assert.deepEqual(choices, [
    [{ role: "assistant", content: "" }, null],
    [{ content: " the" }, null],
    [{ content: " quick" }, null],
    [{ content: " naïve" }, null],
    [{ content: " fox" }, null],
    [{}, "stop"],
    undefined,
  ]);
  for (const { id, object, model } of chunks) {
    assert.deepEqual([id, object, model], [chunks[0].id, "chat.completion.chunk", "m"]);
  }
});

const limits: [sentence: string, fields: object, contents: string[], finish: string][] = [
  ["no more than max_tokens", { max_tokens: 2 }, [" the", " quick"], "length"],
  [
    "as many as max_completion_tokens",
    { max_completion_tokens: 5 },
    [" the", " quick", " naïve", " fox", " 東京"],
    "length",
  ],
  ["as many as its timing says", { timing: { tokens: 1 } }, [" the"], "stop"],
  ["several tokens in a chunk", { timing: { perChunk: 3 } }, [" the quick naïve", " fox"], "stop"],
];
for (const [sentence, fields, expected, finish] of limits) {
  test(`a completion has ${sentence}`, async () => {
    const before = server.stats();
    const { text } = await new Reader(await ask(fields)).end();
    assert.deepEqual(contents(text), expected);
    assert.equal(parsed(text).at(-2).choices[0].finish_reason, finish);
    const stats = server.stats();
    assert.equal(stats.chunksSent - before.chunksSent, expected.length);
    assert.equal(stats.tokensGenerated - before.tokensGenerated, expected.join("").trim().split(" ").length);
    assert.equal(stats.completionsFinished - before.completionsFinished, 1);
  });
}

test("tokens come when they are due", async () => {
  server.faults.set({ delay: null }); // empties the record
  const started = performance.now();
  await (await ask({ timing: { firstMs: 30, gapMs: { kind: "list", ms: [1, 20] }, tokens: 3 } })).text();
  const [firstMs] = server.faults.delays.of("first-content");
  assert.ok(firstMs! >= 30, `${firstMs}`);
  assert.ok(performance.now() - started >= 51);
});

test("without stream, a completion comes whole", async () => {
  const answer = (await (await ask({ stream: false })).json()) as { choices: unknown[]; usage: object };
  const message = { role: "assistant", content: " the quick naïve fox" };
  assert.deepEqual(answer.choices, [{ index: 0, message, finish_reason: "stop" }]);
  assert.deepEqual(answer.usage, { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 });
});

const chunkFaults: [faults: FaultSettings, contents: string[], count: string][] = [
  [{ loseChunks: { ordinals: [2] } }, [" the", " naïve", " fox"], "chunksLost"],
  [{ repeatChunks: { ordinals: [2] } }, [" the", " quick", " quick", " naïve", " fox"], "chunksRepeated"],
  [{ reorderChunks: { ordinals: [2] } }, [" the", " naïve", " quick", " fox"], "chunksReordered"],
];
for (const [faults, expected, count] of chunkFaults) {
  test(`${Object.keys(faults)[0]} is done and counted`, async () => {
    server.faults.set(faults);
    const before = server.stats();
    assert.deepEqual(contents(await (await ask()).text()), expected);
    const stats = server.stats();
    assert.equal(stats[count as "chunksLost"] - before[count as "chunksLost"], 1);
    assert.equal(stats.tokensGenerated - before.tokensGenerated, 4);
  });
}

test("[DONE] is left out, and an error comes in the middle", async () => {
  server.faults.set({ omitDone: { count: 1 } });
  assert.ok(!(await (await ask()).text()).includes("[DONE]"));
  server.faults.set({ failCompletions: { afterEvents: 2, message: "out of memory", count: 1 } });
  const before = server.stats().completionsFailed;
  const chunks = parsed(await (await ask()).text());
  assert.equal(chunks.length, 3);
  const error = { message: "out of memory", type: "server_error", param: null, code: null };
  assert.deepEqual(chunks[2], { error });
  assert.equal(server.stats().completionsFailed, before + 1);
});

test("a character is halved: harmless in two writes, or broken", async () => {
  server.faults.set({ halveCharacters: { how: "split" } });
  assert.equal(contents(await (await ask()).text()).join(""), " the quick naïve fox");
  server.faults.set({ halveCharacters: { how: "invalid" } });
  assert.equal(contents(await (await ask()).text()).join(""), " the quick na\ufffdve fox");
});

test("a buffered stream comes in one write, a stalled one waits", async () => {
  server.faults.set({ bufferStreams: { bytes: 1_000_000 } });
  const reader = (await ask({ timing: { gapMs: 2 } })).body!.getReader();
  const { value } = await reader.read();
  assert.match(Buffer.from(value!).toString(), /assistant.*\[DONE\]\n\n$/s);
  server.faults.clear();
  server.faults.set({ stallStreams: { afterEvents: 2, forMs: 50 } });
  const started = performance.now();
  assert.equal(contents(await (await ask()).text()).length, 4);
  assert.ok(performance.now() - started >= 50);
});

const cuts: [how: "end" | "close" | "reset", complete: boolean][] = [
  ["end", true],
  ["close", false],
  ["reset", false],
];
for (const [how, complete] of cuts) {
  test(`a stream cut by ${how} in the middle of an event is ${complete ? "complete" : "broken"}`, async () => {
    server.faults.set({ cutStreams: { afterEvents: 3, how, inEvent: true } });
    const before = server.stats();
    const end = await new Reader(await ask()).end();
    assert.equal(end.complete, complete);
    assert.match(end.text, /quick.*\n\ndata: \{[^}]*$/s);
    const stats = server.stats();
    assert.equal(stats.chunksSent - before.chunksSent, 2);
    assert.equal(stats.completionsFinished, before.completionsFinished);
  });
}

test("another content type is told", async () => {
  server.faults.set({ mistypeStreams: { type: "application/json" } });
  assert.equal((await ask()).headers.get("content-type"), "application/json");
});

test("a client that leaves is counted", async () => {
  const before = server.stats().completionsAborted;
  const reader = new Reader(await ask({ timing: { gapMs: 1e6 } }));
  await reader.until(/the/);
  await reader.cancel();
  while (server.stats().streamsOpen > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(server.stats().completionsAborted, before + 1);
});

test("errors are as OpenAI has them", async () => {
  const wrong = await post(url, { stream: true });
  assert.equal(wrong.status, 400);
  const { error } = (await wrong.json()) as { error: { message: string; type: string } };
  assert.match(error.message, /messages: expected a value, got nothing/);
  assert.equal(error.type, "invalid_request_error");
  const refused = await fetch(url, { method: "POST", body: "{}" });
  assert.equal(refused.status, 401);
  assert.equal(
    ((await refused.json()) as typeof wrong & { error: { message: string } }).error.message,
    "token missing",
  );
});
