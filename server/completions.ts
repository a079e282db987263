import { randomUUID } from "node:crypto";
import * as v from "valibot";
import { MAX_TOKENS, type Timing, TimingSchema, timingOf } from "./completion-timing.ts";
import { encodeEvent } from "./event.ts";
import type { EventStream } from "./event-stream.ts";
import { readJson, sendJson } from "./json-body.ts";
import type { StreamEndpoint, StreamParts, StreamRequest } from "./streams.ts";
import { parse, positive } from "./validation.ts";

const limit = v.nullish(v.pipe(positive, v.maxValue(MAX_TOKENS)));

const RequestSchema = v.looseObject({
  model: v.optional(v.string(), "reference"),
  messages: v.pipe(
    v.array(v.looseObject({ role: v.string(), content: v.nullish(v.unknown()) })),
    v.minLength(1, "expected at least one message, got none"),
  ),
  stream: v.nullish(v.boolean()),
  stream_options: v.nullish(v.looseObject({ include_usage: v.nullish(v.boolean()) })),
  max_tokens: limit,
  max_completion_tokens: limit,
  timing: v.optional(TimingSchema, {}),
});

/** `POST /v1/chat/completions`, as OpenAI has it. docs/reference/server.md has how much of it. */
export const completions: StreamEndpoint = {
  method: "POST",
  path: /^\/v1\/chat\/completions$/,
  run: complete,
  error: (message, status) => openAiError(message, status === 400 ? "invalid_request_error" : "server_error"),
};

/** A completion under way. */
interface Completion {
  readonly parts: StreamParts;
  /** Fields that every chunk has. */
  readonly common: { readonly id: string; readonly created: number; readonly model: string };
  readonly timing: Timing;
  readonly tokens: number;
  readonly finishReason: "stop" | "length";
  readonly usage: object;
  readonly usageWanted: boolean;
  readonly arrivedAtMs: number;
}

async function complete(asked: StreamRequest): Promise<void> {
  const { request, response, parts, arrivedAtMs } = asked;
  const body = parse(RequestSchema, await readJson(request), "completion");
  const most = body.max_completion_tokens ?? body.max_tokens ?? undefined;
  const timing = timingOf(body.timing, parts.shared.timing);
  const tokens = Math.min(body.timing.tokens ?? most ?? timing.tokens, most ?? MAX_TOKENS);
  const promptTokens = body.messages.reduce((sum, { content }) => sum + words(content), 0);
  const completion: Completion = {
    parts,
    common: {
      id: `chatcmpl-${randomUUID()}`,
      created: Math.floor(Date.now() / 1_000),
      model: body.model,
    },
    timing,
    tokens,
    finishReason: tokens === most ? "length" : "stop",
    usage: {
      prompt_tokens: promptTokens,
      completion_tokens: tokens,
      total_tokens: promptTokens + tokens,
    },
    usageWanted: body.stream_options?.include_usage === true,
    arrivedAtMs,
  };
  if (body.stream) {
    const stream = asked.open();
    if (stream) new CompletionStream(completion, stream).start();
  } else {
    answerWhole(completion, (whole) => {
      if (!response.destroyed) sendJson(response, 200, whole);
    });
  }
}

/** Writes a completion's chunks as they fall due. */
class CompletionStream {
  readonly #completion: Completion;
  readonly #stream: EventStream;
  readonly #fails:
    | { readonly afterEvents: number; readonly message: string; readonly type: string }
    | undefined;
  #written = 0;
  #nextToken = 0;
  #dueMs = 0;
  #ended = false;
  /** A chunk that waits to be overtaken. */
  #held: Buffer | undefined;

  constructor(completion: Completion, stream: EventStream) {
    this.#completion = completion;
    this.#stream = stream;
    this.#fails = completion.parts.faults.hit("failCompletions");
  }

  start(): void {
    const { parts, timing, arrivedAtMs } = this.#completion;
    parts.counts.completionsStarted++;
    this.#stream.whenClosed(() => this.#abort());
    this.#send(this.#chunk({ role: "assistant", content: "" }));
    this.#dueMs = arrivedAtMs + timing.firstMs();
    parts.scheduler.at(this.#dueMs, this.#due);
  }

  readonly #due = (): void => {
    if (this.#ended) return;
    const { parts, timing, tokens, arrivedAtMs } = this.#completion;
    if (this.#nextToken === 0) parts.faults.delays.record("first-content", performance.now() - arrivedAtMs);
    const until = Math.min(this.#nextToken + timing.perChunk, tokens);
    const content = textOf(this.#nextToken, until);
    parts.counts.tokensGenerated += until - this.#nextToken;
    this.#nextToken = until;
    this.#sendContent(this.#chunk({ content }), until === tokens);
    if (this.#ended) return;
    if (until === tokens) {
      this.#finish();
      return;
    }
    this.#dueMs += timing.gapMs();
    parts.scheduler.at(this.#dueMs, this.#due);
  };

  #finish(): void {
    const { parts, finishReason, usage, usageWanted, common } = this.#completion;
    this.#send(this.#chunk({}, finishReason));
    if (usageWanted) this.#send(encodeChunk({ ...common, choices: [], usage }));
    if (!parts.faults.hit("omitDone")) this.#send(encodeEvent({ data: "[DONE]" }));
    if (this.#ended) return;
    this.#ended = true;
    parts.counts.completionsFinished++;
    this.#stream.end();
  }

  #sendContent(chunk: Buffer, last: boolean): void {
    const { faults, counts } = this.#completion.parts;
    if (faults.hit("loseChunks")) {
      counts.chunksLost++;
      chunk = Buffer.alloc(0);
    } else if (!this.#held && !last && faults.hit("reorderChunks")) {
      this.#held = chunk;
      return;
    }
    if (chunk.length > 0) this.#sendChunk(chunk);
    if (!this.#held || (chunk.length === 0 && !last)) return;
    if (chunk.length > 0) counts.chunksReordered++;
    this.#sendChunk(this.#held);
    this.#held = undefined;
  }

  #sendChunk(chunk: Buffer): void {
    const { faults, counts } = this.#completion.parts;
    if (!this.#send(chunk)) return;
    counts.chunksSent++;
    if (!faults.hit("repeatChunks")) return;
    this.#send(chunk);
    counts.chunksRepeated++;
  }

  /** False where the completion has failed instead, or its stream is cut. */
  #send(event: Buffer): boolean {
    if (this.#ended) return false;
    if (this.#fails && this.#written === this.#fails.afterEvents) {
      const { message, type } = this.#fails;
      this.#ended = true;
      this.#completion.parts.counts.completionsFailed++;
      this.#stream.event(encodeEvent({ data: JSON.stringify(openAiError(message, type)) }));
      this.#stream.end();
      return false;
    }
    this.#written++;
    if (this.#stream.event(event)) return true;
    this.#abort();
    return false;
  }

  #abort(): void {
    if (!this.#ended) this.#completion.parts.counts.completionsAborted++;
    this.#ended = true;
  }

  #chunk(delta: object, finishReason: string | null = null): Buffer {
    const { common, usageWanted } = this.#completion;
    return encodeChunk({
      ...common,
      choices: [{ index: 0, delta, finish_reason: finishReason }],
      ...(usageWanted ? { usage: null } : {}),
    });
  }
}

const encodeChunk = ({ ...fields }: object): Buffer =>
  encodeEvent({ data: JSON.stringify({ object: "chat.completion.chunk", ...fields }) });

/** Answers in one piece, when the last token is due. */
function answerWhole(completion: Completion, send: (whole: object) => void): void {
  const { parts, common, timing, tokens, finishReason, usage, arrivedAtMs } = completion;
  parts.counts.completionsStarted++;
  let dueMs = arrivedAtMs + timing.firstMs();
  for (let token = timing.perChunk; token < tokens; token += timing.perChunk) dueMs += timing.gapMs();
  parts.scheduler.at(dueMs, () => {
    parts.counts.tokensGenerated += tokens;
    parts.counts.completionsFinished++;
    const message = { role: "assistant", content: textOf(0, tokens) };
    const choices = [{ index: 0, message, finish_reason: finishReason }];
    send({ object: "chat.completion", ...common, choices, usage });
  });
}

/** An error as OpenAI's API has them. */
const openAiError = (message: string, type: string): object => ({
  error: { message, type, param: null, code: null },
});

/** What the tokens say, in turn: words in several scripts, so that characters have one to four bytes. */
const WORDS = [" the", " quick", " naïve", " fox", " 東京", " jumps", " over", " 🎉", " zażółć", " lazy"];

function textOf(from: number, until: number): string {
  let text = "";
  for (let token = from; token < until; token++) text += WORDS[token % WORDS.length]!;
  return text;
}

/** This server's prompt tokens: what white space parts in the text of a message. */
function words(content: unknown): number {
  if (typeof content === "string") return content.split(/\s+/).filter(Boolean).length;
  if (!Array.isArray(content)) return 0;
  return content.reduce((sum: number, part: { text?: unknown } | null) => sum + words(part?.text), 0);
}
