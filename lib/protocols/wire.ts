/** How messages of a protocol lie in those of WebSocket. */
import { type Codec, type CodecOptions, codecOf, hasCodec, isCodecError } from "./codecs/codec.ts";
import { concat, type Found, FRAMINGS, type Framing, type FramingName } from "./codecs/framing.ts";
import { describe, type Problem } from "./problem.ts";
import { type Frame, messagesIn } from "./reader.ts";
import { CODE, NO_VALUE, stringValue, type Template } from "./template.ts";
import { encodeUtf8 } from "./utf8.ts";

/** What a descriptor, or a step of it, says of how its messages are written. */
export interface WireSpec {
  readonly codec?: CodecSpec;
  readonly framing?: FramingName;
  readonly delimiter?: string;
}

/** A codec's name, or an object with its options; `json` is text as it comes. */
export type CodecSpec = "json" | CodecOptions["name"] | CodecOptions;

/** At most one of `delimiter` and `framing` says where a message ends. */
export interface Wire {
  readonly delimiter: string | undefined;
  readonly framing: Framing | undefined;
  readonly codec: Codec | undefined;
  /** Whether they are sent as binary messages. */
  readonly isBytes: boolean;
}

/** Whether a step says how its own messages are written. */
export const hasWire = ({ codec, framing, delimiter }: WireSpec): boolean =>
  codec !== undefined || framing !== undefined || delimiter !== undefined;

/** The codec's name and options; undefined where messages are text. */
export function codecOptions({ codec = "json" }: WireSpec): CodecOptions | undefined {
  if (codec === "json") return undefined;
  return typeof codec === "string" ? { name: codec } : codec;
}

/** @throws Error where the codec has not been loaded, or takes no such options */
export function wireOf(spec: WireSpec): Wire {
  const options = codecOptions(spec);
  const codec = options && codecOf(options);
  const { framing, delimiter } = spec;
  return {
    delimiter,
    framing: codec?.framing ?? (framing === undefined ? undefined : FRAMINGS[framing]),
    codec,
    isBytes: codec !== undefined || (framing !== undefined && framing !== "nats"),
  };
}

/** What the fields say of one another, or lack. */
export function wireProblems(spec: WireSpec): Problem[] {
  const options = codecOptions(spec);
  const problems: Problem[] = [];
  const given = describe(spec.delimiter ?? spec.framing);
  if (options?.name === "mqtt" && spec.framing !== undefined) {
    problems.push({
      path: "framing",
      expected: "none, since packets of MQTT state their length",
      got: given,
    });
  } else if (options && spec.delimiter !== undefined) {
    problems.push({ path: "delimiter", expected: "none, since the codec's messages are bytes", got: given });
  } else if (spec.framing !== undefined && spec.delimiter !== undefined) {
    problems.push({ path: "delimiter", expected: 'none beside "framing"', got: given });
  }
  if (options && !hasCodec(options.name)) {
    problems.push({ path: "codec", expected: "a codec that this program has", got: describe(options.name) });
  }
  problems.push(...schemaProblems(options));
  if (options?.name !== "mqtt" && options?.version !== undefined) {
    problems.push({ path: "codec.version", expected: 'none but of "mqtt"', got: describe(options.version) });
  }
  return problems;
}

/** What a schema needs, and nothing else has. */
function schemaProblems(options: CodecOptions | undefined): Problem[] {
  const { types } = options ?? {};
  return (["schema", "send", "receive"] as const).flatMap((field) => {
    const given = options?.[field];
    const path = `codec.${field}`;
    if (options?.name !== "protobuf") {
      return given === undefined ? [] : [{ path, expected: 'none but of "protobuf"', got: describe(given) }];
    }
    if (field === "schema") {
      return types === undefined
        ? [{ path, expected: "a .proto file beside the descriptor", got: describe(given) }]
        : [];
    }
    const messages = Object.entries(types ?? {}).flatMap(([name, type]) => ("fields" in type ? [name] : []));
    if (types === undefined || messages.includes(given ?? "")) return [];
    return [{ path, expected: `a message of the schema (${messages.join(", ")})`, got: describe(given) }];
  });
}

/** What a template should be that the codec cannot write, whatever its variables are; undefined where it can. */
export function refusal(template: Template, source: string, codec: Codec): string | undefined {
  if (source.startsWith(CODE)) return undefined;
  if (!/^[ \t\r\n]*[{[]/.test(source)) return "an object or a list of JSON, which the codec writes";
  const reasons = [NO_VALUE, stringValue("1")].map((value) => {
    try {
      codec.encode(template.expand(() => value));
      return undefined;
    } catch (error) {
      if (!isCodecError(error)) throw error;
      return error.message;
    }
  });
  return reasons.includes(undefined) ? undefined : `what the codec can write (${reasons.at(-1)})`;
}

/** Whether a message of WebSocket is text, and one of the protocol unless a delimiter parts it. */
export const isPlain = ({ framing, codec }: Wire): boolean => framing === undefined && codec === undefined;

/** Why nothing more can be found in what a connection brings. */
export type StreamEnd =
  /** It breaks its framing. */
  | "broken"
  /** A message in pieces is longer than is kept: ours. */
  | "too_long";

/** A message of the protocol as it came, and how it was written. */
export interface Incoming {
  readonly frame: Frame;
  readonly wire: Wire;
}

/** Takes the messages of WebSocket of one connection apart and together. */
export class Inbox {
  /** What came of a message so far, in memory that grows by doubling. */
  #memory: Uint8Array = new Uint8Array(0);
  #pending = 0;
  #need = 0;
  #end: StreamEnd | undefined;
  readonly #messageBytes: number;

  /** @param messageBytes the longest message that is kept while it comes in pieces */
  constructor(messageBytes: number) {
    this.#messageBytes = messageBytes;
  }

  /**
   * The protocol's messages that a message of WebSocket brings or completes.
   *
   * @param wireNow how the next of them is written
   */
  *take(frame: Frame, wireNow: () => Wire): Generator<Incoming | StreamEnd> {
    const wire = wireNow();
    if (this.#end) return yield this.#end;
    if (this.#pending === 0 && isPlain(wire) && wire.delimiter === undefined) return yield { frame, wire };
    let rest = this.#append(typeof frame === "string" ? encodeUtf8(frame) : frame);
    while (rest && rest.length > 0) {
      const wire = wireNow();
      const found = find(rest, wire);
      if (found === "broken") return yield this.#stop("broken");
      if ("need" in found && found.need > this.#messageBytes) return yield this.#stop("too_long");
      if ("need" in found) return this.#keep(rest, found.need);
      const message = rest.subarray(found.start, found.end);
      rest = rest.subarray(found.next);
      if (message.length > 0 || wire.framing) yield { frame: message, wire };
    }
    if (rest) this.#keep(rest, 0);
  }

  #stop(end: StreamEnd): StreamEnd {
    this.#end = end;
    this.#keep(new Uint8Array(0), 0);
    return end;
  }

  /** What there is to look at; undefined where it is known to be too little. */
  #append(bytes: Uint8Array): Uint8Array | undefined {
    if (this.#pending === 0) return bytes;
    const length = this.#pending + bytes.length;
    if (length > this.#memory.length) {
      this.#memory = concat([this.#memory.subarray(0, this.#pending), new Uint8Array(length)]);
    }
    this.#memory.set(bytes, this.#pending);
    this.#pending = length;
    return length < this.#need ? undefined : this.#memory.slice(0, length);
  }

  #keep(rest: Uint8Array, need: number): void {
    this.#memory = rest.slice();
    this.#pending = rest.length;
    this.#need = need;
  }
}

function find(bytes: Uint8Array, { framing, delimiter }: Wire): Found {
  if (framing) return framing.find(bytes, 0);
  if (delimiter === undefined) return { start: 0, end: bytes.length, next: bytes.length };
  const [end, next] = endOf(bytes, encodeUtf8(delimiter));
  return { start: 0, end, next };
}

/** The position of a delimiter, and of the bytes after it; the end of all bytes if there is no delimiter. */
function endOf(bytes: Uint8Array, delimiter: Uint8Array): [end: number, next: number] {
  const first = delimiter[0]!;
  for (let at = bytes.indexOf(first); at !== -1; at = bytes.indexOf(first, at + 1)) {
    if (delimiter.every((byte, i) => bytes[at + i] === byte)) return [at, at + delimiter.length];
  }
  return [bytes.length, bytes.length];
}

/** The messages of a protocol whose messages are all text. */
export function* plainMessages(frame: Frame, wire: Wire): Generator<Incoming> {
  if (wire.delimiter === undefined) yield { frame, wire };
  else for (const message of messagesIn(frame, wire.delimiter)) yield { frame: message, wire };
}
