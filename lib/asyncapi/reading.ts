/** What documents of both major versions have in common. */
import { type Fields, type Files, inside, isFields, type Located } from "./files.ts";
import type { CorrelationId, Example, JsonSchema, Message, Parameter, Security } from "./model.ts";
import { Names } from "./names.ts";
import { refuse } from "./problem.ts";
import { Schemas } from "./schema.ts";

/** The text of a field; undefined where it is not there. */
export function text(files: Files, of: Located, name: string): string | undefined {
  const at = files.field(of, name);
  if (at === undefined) return undefined;
  return typeof at.value === "string" ? at.value : refuse(at, "a text", at.value);
}

/** As {@link text}, where it must be there. */
export const required = (files: Files, of: Located, name: string): string =>
  text(files, of, name) ?? refuse(of, `an object with "${name}"`, of.value);

/** An object, with what its traits say. */
export interface Traited {
  /** The field as it stands there, a reference or not. */
  raw(name: string): Located | undefined;
}

/** Reads the parts that both versions share, and keeps each after its first reading. */
export class Reading {
  readonly files: Files;
  readonly #schemas: Schemas;
  readonly #defaultContentType: string;
  readonly #byPlace = new Map<string, Message>();
  readonly #names = new Names();
  /** In 3.x what an object says itself goes before its traits; in 2.x it is the other way around. */
  readonly #traitsFirst: boolean;

  constructor(files: Files, { traitsFirst, contentType }: { traitsFirst: boolean; contentType: string }) {
    this.files = files;
    this.#schemas = new Schemas(files);
    this.#traitsFirst = traitsFirst;
    this.#defaultContentType = contentType;
  }

  get messages(): readonly Message[] {
    return [...this.#byPlace.values()];
  }

  schema(at: Located | undefined): JsonSchema | undefined {
    return at === undefined ? undefined : this.#schemas.bundle(at);
  }

  /**
   * A message, the same one for all that refer to it.
   *
   * @param at followed
   * @param name what to call it where it does not say
   */
  message(at: Located, name: string): Message {
    const id = `${at.file}#${at.pointer}`;
    let message = this.#byPlace.get(id);
    if (message === undefined) {
      message = this.#read(at, name);
      this.#byPlace.set(id, message);
    }
    return message;
  }

  #read(at: Located, name: string): Message {
    if (!isFields(at.value)) return refuse(at, "a message, which is an object", at.value);
    const traited = this.#withTraits(at);
    const textOf = (field: string) => {
      const value = traited.raw(field)?.value;
      return typeof value === "string" ? value : undefined;
    };
    const title = textOf("title") ?? textOf("summary");
    const headers = this.schema(traited.raw("headers"));
    const correlationId = this.#correlationId(traited.raw("correlationId"));
    return {
      name: this.#names.take(textOf("messageId") ?? textOf("name") ?? name),
      ...(title !== undefined && { title }),
      contentType: textOf("contentType") ?? this.#defaultContentType,
      ...this.#payload(traited.raw("payload"), textOf("schemaFormat")),
      ...(headers !== undefined && { headers }),
      ...(correlationId && { correlationId }),
      examples: this.#examples(traited.raw("examples")),
    };
  }

  #withTraits(at: Located): Traited {
    const traits = this.files.items(this.files.field(at, "traits"));
    const inOrder = this.#traitsFirst ? [...traits.reverse(), at] : [at, ...traits.reverse()];
    return {
      raw: (name) => {
        const owner = inOrder.find(({ value }) => isFields(value) && Object.hasOwn(value, name));
        return owner && inside(owner, name);
      },
    };
  }

  /** The schema; in 3.x it may stand beside its format, in one more object. */
  #payload(raw: Located | undefined, format: string | undefined): Pick<Message, "payload" | "unreadFormat"> {
    if (raw === undefined) return {};
    const at = this.files.follow(raw);
    const inner = isFields(at.value) && typeof at.value.schemaFormat === "string" ? at.value : undefined;
    const said = inner ? String(inner.schemaFormat) : format;
    if (said !== undefined && !isJsonSchema(said)) return { unreadFormat: said };
    return { payload: this.#schemas.bundle(inner ? inside(at, "schema") : raw) };
  }

  #correlationId(raw: Located | undefined): CorrelationId | undefined {
    if (raw === undefined) return undefined;
    const at = this.files.follow(raw);
    const location = required(this.files, at, "location");
    const [, part, pointer = ""] = LOCATION.exec(location) ?? [];
    if (part === undefined) return refuse(at, 'a "location" such as "$message.payload#/id"', location);
    return { in: part as CorrelationId["in"], pointer };
  }

  #examples(raw: Located | undefined): Example[] {
    return this.files.items(raw && this.files.follow(raw)).map((at) => {
      if (!isFields(at.value)) return refuse(at, "an example, which is an object", at.value);
      const { name, payload, headers } = at.value;
      return {
        ...(typeof name === "string" && { name }),
        ...(payload !== undefined && { payload }),
        ...(headers !== undefined && { headers }),
      };
    });
  }

  parameters(at: Located | undefined, schemaOf: (parameter: Located) => Located | undefined): Parameter[] {
    return this.files.fields(at).map(([name, parameter]) => {
      const schema = schemaOf(parameter);
      const value: Fields = isFields(schema?.value) ? schema.value : {};
      return {
        name,
        enum: texts(value.enum),
        ...(isScalar(value.default) && { default: String(value.default) }),
        examples: texts(value.examples),
      };
    });
  }

  security(at: Located): Security {
    const one = (name: string) => text(this.files, at, name);
    const [place, name, scheme] = [one("in"), one("name"), one("scheme")];
    return {
      type: required(this.files, at, "type"),
      ...(place !== undefined && { in: place }),
      ...(name !== undefined && { name }),
      ...(scheme !== undefined && { scheme }),
    };
  }

  /** What the `ws` binding of a channel asks of the handshake. */
  ws(channel: Located): { readonly query?: JsonSchema; readonly headers?: JsonSchema } {
    const bindings = this.files.field(channel, "bindings");
    const ws = bindings && this.files.field(bindings, "ws");
    if (ws === undefined || !isFields(ws.value)) return {};
    const query = Object.hasOwn(ws.value, "query") && this.schema(inside(ws, "query"));
    const headers = Object.hasOwn(ws.value, "headers") && this.schema(inside(ws, "headers"));
    return { ...(query && { query }), ...(headers && { headers }) };
  }
}

const LOCATION = /^\$message\.(payload|header)#((?:\/(?:[^~]|~[01])*)?)$/s;

/** AsyncAPI's own is a superset of JSON Schema draft 7. */
const isJsonSchema = (format: string): boolean =>
  /^application\/(?:vnd\.aai\.asyncapi|schema)(?:\+(?:json|yaml))?\s*(?:;|$)/.test(format);

const isScalar = (value: unknown): boolean => ["string", "number", "boolean"].includes(typeof value);

const texts = (values: unknown): string[] =>
  Array.isArray(values) ? values.filter(isScalar).map(String) : [];

/** Names in a list that extends a document, such as `x-remoteServers`. */
export const names = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((name) => typeof name === "string") : [];
