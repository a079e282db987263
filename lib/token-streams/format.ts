/** The formats of services that stream tokens: their requests and their answers. Pure. */
import * as v from "valibot";
import { linesOf } from "../issues.ts";
import { SettingsError } from "../settings.ts";

const Pointer = v.pipe(
  v.string("a text"),
  v.regex(/^\/(?:[^~]|~[01])*$/, "a JSON Pointer such as /data/delta/text"),
);
const Where = v.strictObject({
  where: v.record(
    v.string(),
    v.union(
      [v.string(), v.number(), v.boolean(), v.null(), v.strictObject({ exists: v.boolean() })],
      'a text, a number, true, false, null, or {"exists": true}',
    ),
    "an object of values by JSON Pointer",
  ),
});

const Conditions = v.union([Where, v.array(Where)], "a condition or a list of them");

/** The JSON form of a format. Pointers and conditions are those of a protocol descriptor. */
export const StreamFormatSchema = v.strictObject(
  {
    $schema: v.exactOptional(v.string()),
    name: v.pipe(
      v.string("a text"),
      v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "1 to 64 letters, digits, dots, dashes or underscores"),
    ),
    content: v.pipe(
      v.array(Pointer, "a list of JSON Pointers"),
      v.minLength(1, "at least one JSON Pointer"),
      v.description("The places of the model's text in a message: answers, thoughts, calls."),
    ),
    tokens: v.exactOptional(
      v.pipe(Pointer, v.description("The place of the number of generated tokens; the last one counts.")),
    ),
    promptTokens: v.exactOptional(v.pipe(Pointer, v.description("The same of the prompt."))),
    done: v.exactOptional(
      v.pipe(Conditions, v.description("The message after which nothing follows, or several such.")),
    ),
    error: v.exactOptional(
      v.pipe(Conditions, v.description("A message that says that the model failed, or several such.")),
    ),
    errorText: v.exactOptional(
      v.pipe(
        v.union([Pointer, v.array(Pointer)], "a JSON Pointer or a list of them"),
        v.description(
          "The place of the reason in such a message, or several places: the first with a text counts.",
        ),
      ),
    ),
    body: v.pipe(
      v.union([v.record(v.string(), v.unknown()), v.array(v.unknown())], "a JSON object or list"),
      v.description(
        "The body of a request, with ${prompt}, ${max_tokens}, ${model}, ${request} and the fields of PROMPTS in its texts.",
      ),
    ),
    headers: v.exactOptional(
      v.pipe(v.record(v.string(), v.string()), v.description("Request headers that the service wants.")),
    ),
  },
  ({ expected }) => (expected === "never" ? "a field of a stream format" : "an object"),
);
export type StreamFormat = v.InferOutput<typeof StreamFormatSchema>;

const user = [{ role: "user", content: "${prompt}" }];

/** The formats that come with the toolkit. */
export const STREAM_FORMATS = {
  openai: {
    name: "openai",
    content: [
      "/data/choices/0/delta/content",
      "/data/choices/0/delta/reasoning_content",
      "/data/choices/0/delta/reasoning",
      "/data/choices/0/delta/refusal",
      "/data/choices/0/delta/tool_calls/0/function/arguments",
    ],
    tokens: "/data/usage/completion_tokens",
    promptTokens: "/data/usage/prompt_tokens",
    done: { where: { "/data": "[DONE]" } },
    // Not any "error": some say in each event that it is null. TGI's is a text with a type beside it.
    error: [
      { where: { "/data/error/message": { exists: true } } },
      { where: { "/data/error_type": { exists: true } } },
    ],
    errorText: "/data/error/message",
    body: {
      model: "${model}",
      messages: user,
      max_tokens: "${max_tokens}",
      stream: true,
      stream_options: { include_usage: true },
    },
  },
  "openai-responses": {
    name: "openai-responses",
    content: ["/data/delta"],
    tokens: "/data/response/usage/output_tokens",
    promptTokens: "/data/response/usage/input_tokens",
    done: [
      { where: { "/data/type": "response.completed" } },
      { where: { "/data/type": "response.incomplete" } },
    ],
    error: [{ where: { "/data/type": "error" } }, { where: { "/data/type": "response.failed" } }],
    errorText: ["/data/message", "/data/response/error/message"],
    body: { model: "${model}", input: "${prompt}", max_output_tokens: "${max_tokens}", stream: true },
  },
  anthropic: {
    name: "anthropic",
    content: ["/data/delta/text", "/data/delta/thinking", "/data/delta/partial_json"],
    tokens: "/data/usage/output_tokens",
    promptTokens: "/data/message/usage/input_tokens",
    done: { where: { "/data/type": "message_stop" } },
    error: { where: { "/data/type": "error" } },
    errorText: "/data/error/message",
    body: { model: "${model}", max_tokens: "${max_tokens}", messages: user, stream: true },
    headers: { "x-api-key": "${token}", "anthropic-version": "2023-06-01" },
  },
} as const satisfies Record<string, StreamFormat>;

/**
 * Checks the content of a format's file.
 *
 * @throws {@link SettingsError} naming each wrong field, with the expected value and the actual one
 */
export function parseStreamFormat(json: unknown, source: string): StreamFormat {
  const { success, output, issues } = v.safeParse(StreamFormatSchema, json);
  if (success) return output;
  throw new SettingsError(
    `STREAM_FORMAT_FILE: ${source} is not a stream format:\n${linesOf(issues, "the format")}`,
  );
}
