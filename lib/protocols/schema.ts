import * as v from "valibot";
import { object } from "../forms.ts";
import { CONTROL } from "../setting.ts";
import { TOKEN } from "../shape.ts";
import { parseDuration } from "../units.ts";
import { CODEC_NAMES } from "./codecs/codec.ts";
import { FRAMINGS, type FramingName } from "./codecs/framing.ts";
import { isoTimeMs } from "./iso-time.ts";
import { compilePattern, PatternError } from "./pattern.ts";
import { parsePathTemplate, TemplateError } from "./template.ts";

/** A text that `parse` accepts. The error that it throws states the expectation. */
const parsed = (parse: (source: string) => unknown, failure: new (message: string) => Error, what: string) =>
  v.pipe(
    v.string("text"),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      try {
        parse(dataset.value);
      } catch (error) {
        if (!(error instanceof failure)) throw error;
        addIssue({ message: error.message });
      }
    }),
    v.description(what),
  );

const text = (pattern: RegExp, expected: string, what: string) =>
  v.pipe(v.string("text"), v.regex(pattern, expected), v.description(what));

const choice = <const T extends readonly string[]>(options: T, what: string) =>
  v.pipe(v.picklist(options, options.map((o) => `"${o}"`).join(" or ")), v.description(what));

const list = <T extends v.GenericSchema>(item: T, what: string) =>
  v.pipe(v.array(item, "a list"), v.minLength(1, "at least one item"), v.description(what));

const optional = v.exactOptional;

/**
 * An item or a list of them, with the JSON Schema of a union. Problems are reported for the form that the value has.
 */
const oneOrList = <T extends v.GenericSchema>(item: T, what: string) => {
  const many = list(item, what);
  const either = v.union([item, many]);
  const run: (typeof either)["~run"] = (dataset, config) =>
    (Array.isArray(dataset.value) ? many : item)["~run"](dataset, config) as ReturnType<typeof run>;
  return { ...either, "~run": run };
};

const POINTER = /^(?:\/(?:[^~]|~[01])*)?$/;
const IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*";

const label = (what: string) =>
  text(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    "1 to 64 letters, digits, dots, dashes or underscores, the first a letter or digit",
    what,
  );

/** Parsed apart: what it holds depends on the delimiter. */
const template = (what: string) =>
  v.pipe(
    v.string("text"),
    v.description(`${what}, with \${variable} in it; in JSON a variable is written as JSON.`),
  );

const DURATION = 'a duration above zero such as "500ms", "5s" or "1m30s"';

const duration = (what: string) =>
  v.pipe(
    v.string("text"),
    v.regex(/^(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h))+$/, DURATION),
    v.check((value) => (parseDuration(value) ?? 0) > 0, DURATION),
    v.description(`${what}, such as "500ms", "5s" or "1m30s".`),
  );

const locator = (what: string) =>
  text(
    new RegExp(`${POINTER.source}|^${IDENTIFIER}$`),
    'a JSON Pointer such as "/data/id" or the name of a group of the regex',
    `${what}: a JSON Pointer (RFC 6901), or the name of a group of the regex beside it.`,
  );

/**
 * The shape of a descriptor; what its fields say of one another is checked apart. Made when there is one to check, and
 * not kept: it takes 1 MB of a virtual user's memory.
 */
export function descriptorSchema() {
  const encoding = optional(choice(["text", "binary"], "The kind of message it is sent as. Default: text."));

  /** What a message looks like. Of several conditions all must hold. */
  const condition = {
    text: optional(
      v.pipe(v.string("text"), v.description("The whole message, exactly; stands without regex and where.")),
    ),
    regex: optional(
      parsed(
        compilePattern,
        PatternError,
        "A regular expression in the subset that JavaScript and RE2 share. Pointers look into what follows its match.",
      ),
    ),
    where: optional(
      v.pipe(
        v.record(
          v.pipe(v.string(), v.regex(POINTER, 'a JSON Pointer such as "/type"')),
          v.pipe(
            v.union(
              [v.string(), v.number(), v.boolean(), v.null(), v.strictObject({ exists: v.boolean() })],
              'a string, number, boolean, null or { "exists": true or false }',
            ),
            v.check(
              (value) => !Number.isInteger(value) || Number.isSafeInteger(value),
              "a whole number that JavaScript holds exactly (up to 2^53 - 1)",
            ),
          ),
          "an object of JSON Pointers and the values there",
        ),
        v.minEntries(1, "at least one pointer and its value"),
        v.description(
          'JSON Pointers, and the value that must stand at each. A text may have `${variables}` of the connection in it. { "exists": false } where none may stand.',
        ),
      ),
    ),
  };
  const Condition = object(condition, "What the message looks like.");

  const capture = optional(
    v.pipe(
      v.record(
        v.pipe(v.string(), v.regex(new RegExp(`^${IDENTIFIER}$`), "a name of letters, digits and _")),
        locator("Its value"),
        "an object of names and where their values are",
      ),
      v.description("Variables to take from the message."),
    ),
  );

  const codecName = choice(
    ["json", ...CODEC_NAMES],
    "The format of the messages. Default: json, text as it comes.",
  );

  const CodecObject = object(
    {
      name: choice(CODEC_NAMES, "The format of the messages."),
      bytes: optional(
        choice(
          ["base64", "json"],
          "How byte strings are written in JSON: as base64 (default), or as the object or list if they hold JSON.",
        ),
      ),
      version: optional(choice(["3.1.1", "5"], "Of MQTT. Default: 3.1.1.")),
      schema: optional(
        v.pipe(
          v.string("text"),
          v.description("Of protobuf: the .proto file, or a descriptor set, beside the descriptor."),
        ),
      ),
      send: optional(
        v.pipe(
          v.string("text"),
          v.description("Of protobuf: the full name of the message that a client sends."),
        ),
      ),
      receive: optional(
        v.pipe(
          v.string("text"),
          v.description("Of protobuf: the full name of the message that a client receives."),
        ),
      ),
      types: optional(
        v.pipe(
          v.looseObject({}),
          v.description("Of protobuf: the types read from the schema, set by the program."),
        ),
      ),
    },
    "The format of the messages, with its options.",
  );

  /** Problems are reported for the form that the value has. */
  const codec = (() => {
    const either = v.union([codecName, CodecObject]);
    const run: (typeof either)["~run"] = (dataset, config) =>
      (typeof dataset.value === "string" ? codecName : CodecObject)["~run"](dataset, config) as ReturnType<
        typeof run
      >;
    return { ...either, "~run": run };
  })();

  /** How messages are written. */
  const wire = {
    codec: optional(codec),
    framing: optional(
      choice(
        Object.keys(FRAMINGS) as FramingName[],
        "How to find the end of a message, within a WebSocket message or over several: by the length before it, or by the lines of NATS.",
      ),
    ),
    delimiter: optional(
      v.pipe(
        v.string("text"),
        v.nonEmpty("at least one character"),
        v.description(
          "The text that ends each message of the protocol, for several in one WebSocket message. The last one may lack it. It follows each message sent, and may separate several in one template.",
        ),
      ),
    ),
  };

  const step = {
    encoding,
    await: optional(Condition),
    within: optional(duration("How long to wait for that message. Default 10s; a duration")),
  };

  const Reply = object(
    {
      name: label("The value of the tag `reply` on its metrics."),
      ...condition,
      match: choice(
        ["id", "whole", "fifo"],
        "How a reply finds its probe: by its identifier, by being the message that was sent, or by its turn.",
      ),
      id: optional(locator("The identifier")),
    },
    "A reply that each probe expects.",
  );

  const Delivery = object(
    {
      ...condition,
      each: optional(
        text(
          POINTER,
          'a JSON Pointer such as "/publications"',
          "The place of a list of deliveries, for a message that brings several. `where` and all pointers then look into one element.",
        ),
      ),
      id: optional(locator("The identifier that `publish` gave it")),
      seq: optional(locator("The number that the publisher gave it")),
      cursor: optional(locator("What ${lastSeq} takes (default: as seq)")),
      publisher: optional(locator("Who published it")),
      room: optional(locator("Its room")),
      sentAt: optional(
        object(
          {
            at: locator("The time"),
            unit: choice(
              ["s", "ms", "us", "ns", "iso8601"],
              "Its unit, or iso8601 for a text such as 2030-01-02T03:04:05.678Z (RFC 3339).",
            ),
            since: optional(
              v.pipe(
                v.string("text"),
                v.check(
                  (text) => isoTimeMs(text) !== undefined,
                  "a time such as 2015-01-01T00:00:00Z (RFC 3339)",
                ),
                v.description("What a number counts from. Default: 1970-01-01T00:00:00Z."),
              ),
            ),
          },
          "When the server sent it, by its own clock: a number, a text that is one, or a text in ISO 8601.",
        ),
      ),
    },
    "A published message as a subscriber receives it.",
  );

  const ErrorMessage = object(
    {
      ...condition,
      reason: optional(locator("The reason")),
      settles: optional(
        choice(
          ["id", "oldest"],
          "Which probe the error answers: the one it names, or the oldest without any reply. Default: none.",
        ),
      ),
      id: optional(locator("The identifier (default: as in the first reply that has one)")),
    },
    "An error that the server reports.",
  );

  const Http = object(
    {
      method: optional(choice(["POST", "PUT", "PATCH"], "Default: POST.")),
      path: optional(
        v.pipe(
          parsed(
            parsePathTemplate,
            TemplateError,
            "Path and query on the host of the connection's URL; variables are percent-encoded. Default: those of the connection's URL.",
          ),
          v.regex(/^\//, 'a text that begins with "/"'),
        ),
      ),
      headers: optional(
        v.pipe(
          v.record(
            text(TOKEN, "a header's name (RFC 9110 section 5.1)", "A header's name."),
            v.pipe(
              v.string("text"),
              v.check((value) => !CONTROL.test(value), "a text without control characters"),
            ),
            "an object of header fields",
          ),
          v.description(
            "Header fields beside those of the connection, which are sent as well. Default: Content-Type application/json.",
          ),
        ),
      ),
    },
    "Sends the message as the body of an HTTP request beside the connection, which may then be an event stream.",
  );
  const http = optional(Http);

  const Subprotocol = text(
    /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/,
    "a token (RFC 9110 section 5.6.2)",
    "A subprotocol.",
  );
  const Path = parsed(
    parsePathTemplate,
    TemplateError,
    "What to append to the URL: path, query or both; variables are percent-encoded.",
  );
  const Step = object(
    { send: optional(template("A message")), ...step, capture, ...wire },
    "A step: send, await, or both. If a step has its own codec, framing or delimiter, none of the protocol's applies to it.",
  );

  /** What subscribers have and publishers may do without. */
  const Publisher = object(
    {
      subprotocols: optional(
        v.pipe(v.array(Subprotocol, "a list"), v.description("The subprotocols that publishers offer.")),
      ),
      path: optional(
        v.pipe(Path, v.regex(/^(?:[/?]|$)/, 'a text that begins with "/" or "?", or an empty one')),
      ),
      session: optional(
        v.pipe(v.array(Step, "a list"), v.description("The publishers' steps after the 101.")),
      ),
    },
    "How publishers connect, if not as subscribers do. Publishers then hear no deliveries. An absent field is as in the descriptor. An empty text or list stands for none.",
  );

  return object(
    {
      $schema: optional(v.string("text")),
      name: label("The protocol's name in reports."),
      subprotocols: optional(
        list(Subprotocol, "What to offer in Sec-WebSocket-Protocol, most wanted first."),
      ),
      path: optional(v.pipe(Path, v.regex(/^[/?]/, 'a text that begins with "/" or "?"'))),
      ...wire,
      nested: optional(
        list(
          v.pipe(v.string("text"), v.regex(/^(?:\/(?:[^~/]|~[01])*)+$/, 'a JSON Pointer such as "/data"')),
          "Pointers to strings that hold JSON in messages that come. An object or list in such a string counts as if it stood there itself, so that other pointers lead into it.",
        ),
      ),
      session: optional(
        list(Step, "What happens after the 101, step by step, before the connection is ready."),
      ),
      probe: optional(
        object(
          {
            send: template("The message"),
            encoding,
            http,
            id: optional(
              choice(
                ["string", "number", "uint16"],
                "How ${id} is written in JSON. Default: string. With uint16 it is a number from 1 to 65535, then from 1 again.",
              ),
            ),
          },
          "The message whose replies are timed.",
        ),
      ),
      reply: optional(
        v.pipe(list(Reply, "The replies that each probe expects."), v.maxLength(16, "at most 16 items")),
      ),
      publish: optional(
        object(
          { send: template("The message"), encoding, http },
          "The message that is delivered to subscribers.",
        ),
      ),
      publisher: optional(Publisher),
      delivery: optional(
        oneOrList(Delivery, "Deliveries of several forms: the first that a message fits counts."),
      ),
      error: optional(
        oneOrList(ErrorMessage, "Errors of several forms: the first that a message fits counts."),
      ),
      heartbeat: optional(
        list(
          object(
            {
              when: optional(Condition),
              capture,
              answer: optional(template("The answer")),
              consume: optional(
                v.pipe(
                  v.boolean("true or false"),
                  v.description("Whether the message counts as a heartbeat only. Default: true."),
                ),
              ),
              every: optional(duration("How often to send, from ready on")),
              send: optional(template("The message")),
              encoding,
            },
            "An answer to a message (`when`, and `answer` unless none is due), or a message to send at an interval (`every`).",
          ),
          "What keeps the connection alive.",
        ),
      ),
      refresh: optional(
        object(
          {
            send: template("The message"),
            before: duration("How long before the token's end to send it"),
            ...step,
          },
          "How a token is renewed on an open connection, or given in the first message.",
        ),
      ),
      resume: optional(
        object(
          {
            send: template("The message"),
            ...step,
            capture,
            replaces: optional(
              v.pipe(
                v.number("a number"),
                v.integer("a whole number"),
                v.minValue(0, "at least 0"),
                v.description(
                  "The step of the session that it replaces, counted from 0. Default: it follows the last step.",
                ),
              ),
            ),
          },
          "The request of a reconnected session for the messages that it missed.",
        ),
      ),
      unmatched: optional(
        choice(["ignore", "error"], "How to treat a message that matches no rule. Default: ignore."),
      ),
    },
    "How messages look in one protocol of a real-time backend.",
  );
}

/** How messages look in one protocol: the declarative form that both transports interpret. */
export type Descriptor = v.InferOutput<ReturnType<typeof descriptorSchema>>;
type One<T> = Exclude<NonNullable<T>, readonly unknown[]>;
/** What a message must look like. */
export type ConditionSpec = NonNullable<NonNullable<Descriptor["heartbeat"]>[number]["when"]>;
/** A message beside the connection. */
export type HttpSpec = NonNullable<NonNullable<Descriptor["probe"]>["http"]>;
/** A published message as a subscriber receives it. */
export type DeliverySpec = One<Descriptor["delivery"]>;
/** An error that the server reports. */
export type ErrorSpec = One<Descriptor["error"]>;
