import * as v from "valibot";
import { parseDuration } from "../units.ts";
import { checkReferences } from "./check.ts";
import { compilePattern, PatternError } from "./pattern.ts";
import { parsePointer } from "./pointer.ts";
import { DescriptorError, describe } from "./problem.ts";
import { parsePathTemplate, parseTemplate, TemplateError } from "./template.ts";

/** A rule on a text: undefined when it holds, otherwise what was expected instead. */
type Rule = (text: string) => string | undefined;

const text = (rule: Rule, description: string) =>
  v.pipe(
    v.string("text"),
    v.rawCheck(({ dataset, addIssue }) => {
      const expected = dataset.typed ? rule(dataset.value) : undefined;
      if (expected !== undefined) addIssue({ message: expected });
    }),
    v.description(description),
  );

const named =
  (pattern: RegExp, expected: string): Rule =>
  (name) =>
    pattern.test(name) ? undefined : expected;

const parsedBy =
  (parse: (source: string) => unknown, failure: new (message: string) => Error): Rule =>
  (source) => {
    try {
      parse(source);
    } catch (error) {
      if (error instanceof failure) return error.message;
      throw error;
    }
  };

/** An object that refuses fields it does not know and says which it does. */
const object = <E extends v.ObjectEntries>(entries: E) => {
  const known = Object.keys(entries)
    .filter((name) => !name.startsWith("$"))
    .join(", ");
  return v.pipe(
    v.strictObject(entries, (issue) =>
      issue.expected === "never"
        ? `a field of this object (${known})`
        : issue.expected === "Object"
          ? "an object"
          : "a value, for this field is required",
    ),
    v.check((value) => !Array.isArray(value), "an object"),
  );
};

const optional = v.exactOptional;

const template = text(
  parsedBy(parseTemplate, TemplateError),
  "The message, with ${variable} in it. Where it is JSON a variable is written as JSON.",
);
const duration = text(
  (value) => ((parseDuration(value) ?? 0) > 0 ? undefined : 'a duration such as "5s" or "500ms", above zero'),
  'A duration such as "500ms", "5s" or "1m30s".',
);
const locator = text(
  (value) =>
    parsePointer(value) || /^[A-Za-z_][A-Za-z0-9_]*$/.test(value)
      ? undefined
      : 'a JSON Pointer such as "/data/id" or the name of a group of the regex',
  "Where the field is: a JSON Pointer (RFC 6901), or the name of a group of this object's regex.",
);
const encoding = v.pipe(
  v.picklist(["text", "binary"], '"text" or "binary"'),
  v.description("The kind of frame the message is sent in. Default: text."),
);

/** What a message looks like. Of several conditions all must hold. */
const condition = {
  text: optional(
    v.pipe(v.string("text"), v.description("The whole message, exactly. Stands without regex and where.")),
  ),
  regex: optional(
    text(
      parsedBy(compilePattern, PatternError),
      "A regular expression in the subset that JavaScript and RE2 share. Pointers then look into what follows the match.",
    ),
  ),
  where: optional(
    v.pipe(
      v.record(
        text((pointer) => (parsePointer(pointer) ? undefined : 'a JSON Pointer such as "/type"'), "Pointer."),
        v.pipe(
          v.union(
            [v.string(), v.number(), v.boolean(), v.null()],
            "a string, number, boolean or null to compare with",
          ),
          v.check(
            (value) => !Number.isInteger(value) || Number.isSafeInteger(value),
            "a whole number that JavaScript holds exactly (up to 2^53 - 1)",
          ),
        ),
        "an object of JSON Pointers and the values there",
      ),
      v.check((fields) => Object.keys(fields).length > 0, "at least one pointer and its value"),
      v.description("JSON Pointers and the values that must stand there."),
    ),
  ),
};
const Condition = object(condition);

const Captures = v.pipe(
  v.record(
    text(named(/^[A-Za-z_][A-Za-z0-9_]*$/, "a name of letters, digits and _"), "Name."),
    locator,
    "an object of names and where their values are",
  ),
  v.description("Variables of this connection from then on, and where in the message their values are."),
);

const label = named(
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
  "1 to 64 letters, digits, dots, dashes or underscores",
);

const Step = object({
  send: optional(template),
  encoding: optional(encoding),
  await: optional(Condition),
  capture: optional(Captures),
  within: optional(duration),
});

const Reply = object({
  name: text(label, "The value of the tag `reply` on this reply's metrics."),
  ...condition,
  match: v.pipe(
    v.picklist(["id", "whole", "fifo"], '"id", "whole" or "fifo"'),
    v.description(
      "How a reply finds its probe: by the identifier it carries, by being the very message that was sent, or by its turn.",
    ),
  ),
  id: optional(locator),
});

/** The shape of a descriptor; what its fields say of one another is checked apart. */
export const DescriptorSchema = object({
  $schema: optional(v.string("text")),
  name: text(label, "What the protocol is called in reports."),
  subprotocols: optional(
    v.pipe(
      v.array(
        text(named(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "a token (RFC 9110 section 5.6.2)"), "Subprotocol."),
        "a list of subprotocols",
      ),
      v.description("Offered in Sec-WebSocket-Protocol, most wanted first."),
    ),
  ),
  path: optional(
    text(
      (value) =>
        parsedBy(parsePathTemplate, TemplateError)(value) ??
        (/^[/?]/.test(value) ? undefined : 'a text that begins with "/" or "?"'),
      "What is appended to the URL: path, query or both. Variables are percent-encoded.",
    ),
  ),
  session: optional(
    v.pipe(
      v.array(Step, "a list of steps"),
      v.description("What happens after the 101, step by step, before the connection counts as ready."),
    ),
  ),
  probe: optional(
    object({
      send: template,
      encoding: optional(encoding),
      id: optional(
        v.pipe(
          v.picklist(["string", "number"], '"string" or "number"'),
          v.description("How ${id} is written in JSON. Default: string."),
        ),
      ),
    }),
  ),
  reply: optional(
    v.pipe(
      v.array(Reply, "a list of replies"),
      v.minLength(1, "at least one reply"),
      v.maxLength(16, "at most 16 replies"),
      v.description("The replies that each probe expects."),
    ),
  ),
  publish: optional(object({ send: template, encoding: optional(encoding) })),
  delivery: optional(
    object({
      ...condition,
      id: optional(locator),
      seq: optional(locator),
      cursor: optional(locator),
      publisher: optional(locator),
      room: optional(locator),
      sentAt: optional(
        object({
          at: locator,
          unit: v.pipe(
            v.picklist(["s", "ms", "us", "ns"], '"s", "ms", "us" or "ns"'),
            v.description("Unit of the time since 1970, which may be a number or a numeric string."),
          ),
        }),
      ),
    }),
  ),
  error: optional(
    object({
      ...condition,
      reason: optional(locator),
      settles: optional(
        v.pipe(
          v.picklist(["id", "oldest"], '"id" or "oldest"'),
          v.description("Which probe an error answers: the one it names, or the oldest without any reply."),
        ),
      ),
      id: optional(locator),
    }),
  ),
  heartbeat: optional(
    v.array(
      object({
        when: optional(Condition),
        capture: optional(Captures),
        answer: optional(template),
        every: optional(duration),
        send: optional(template),
        encoding: optional(encoding),
      }),
      "a list of heartbeats",
    ),
  ),
  refresh: optional(
    object({
      send: template,
      encoding: optional(encoding),
      before: duration,
      await: optional(Condition),
      within: optional(duration),
    }),
  ),
  resume: optional(
    object({
      send: template,
      encoding: optional(encoding),
      await: optional(Condition),
      within: optional(duration),
    }),
  ),
  unmatched: optional(
    v.pipe(
      v.picklist(["ignore", "error"], '"ignore" or "error"'),
      v.description("What a message that matches nothing here is. Default: ignore."),
    ),
  ),
});

/** How messages look in one protocol: the declarative form that both transports interpret. */
export type Descriptor = v.InferOutput<typeof DescriptorSchema>;
/** What a message must look like. */
export type ConditionSpec = v.InferOutput<typeof Condition>;
/** One step of a session. */
export type StepSpec = v.InferOutput<typeof Step>;
/** One reply that a probe expects. */
export type ReplySpec = v.InferOutput<typeof Reply>;

/**
 * Checks a descriptor read from JSON.
 *
 * @param source what to call it in an error: the file's path.
 * @throws DescriptorError with every problem found. What fields say of one another is looked at once each
 *   field has the right type.
 */
export function parseDescriptor(json: unknown, source: string): Descriptor {
  const result = v.safeParse(DescriptorSchema, json);
  const problems = (result.issues ?? []).map((issue) => ({
    path: fieldPath(issue.path ?? []),
    expected: issue.message,
    got: describe(issue.input),
  }));
  if (result.typed) problems.push(...checkReferences(result.output));
  if (problems.length > 0) throw new DescriptorError(source, problems);
  return result.output as Descriptor;
}

function fieldPath(path: readonly { key?: unknown }[]): string {
  const text = path
    .map(({ key }) =>
      typeof key === "number"
        ? `[${key}]`
        : /^[A-Za-z_$][\w$]*$/.test(String(key))
          ? `.${String(key)}`
          : `[${JSON.stringify(key)}]`,
    )
    .join("");
  return text === "" ? "the document" : text.replace(/^\./, "");
}
