import type { Framing } from "./framing.ts";

/** Turns messages of one format into JSON text and back. It keeps no state, so that all connections share it. */
export interface Codec {
  /** The format's name in complaints: "an MQTT 5 packet". */
  readonly title: string;
  /** How its messages end, where the format itself says that. */
  readonly framing?: Framing;
  /** The message as JSON text; undefined where it is not of the format, or has too many values. Never throws. */
  decode(message: Uint8Array): string | undefined;
  /** Whether a message that was not decoded has more values than {@link MOST_VALUES}. */
  hasTooMany?(message: Uint8Array): boolean;
  /** The message that JSON text stands for. Throws {@link CodecError} where the format has none such. */
  encode(json: string): Uint8Array;
}

/** How many values of one message are read where each takes memory many times its bytes. */
export const MOST_VALUES = 2 ** 20;

/** Why a message cannot be written. `message` names the field and the expectation, but not the field's value. */
export class CodecError extends Error {
  override readonly name = "CodecError";
}

/** By its name, for a codec that is a script of its own has a class of its own. */
export const isCodecError = (error: unknown): error is CodecError =>
  error instanceof Error && error.name === "CodecError";

/** What a descriptor says of its codec beside the name. */
export interface CodecOptions {
  readonly name: CodecName;
  /** How byte strings are written in JSON. */
  readonly bytes?: "base64" | "json";
  /** MQTT's. */
  readonly version?: "3.1.1" | "5";
  /** Protocol Buffers': the file with the types, the messages that a client sends and receives, the types. */
  readonly schema?: string;
  readonly send?: string;
  readonly receive?: string;
  readonly types?: object;
}

/** The codecs that there are, beside `json`: text as it comes. */
export const CODEC_NAMES = ["msgpack", "cbor", "protobuf", "mqtt"] as const;
export type CodecName = (typeof CODEC_NAMES)[number];

/** Give a file by its path. */
export type ReadText = (path: string) => string;
export type ReadBytes = (path: string) => Uint8Array;

/** Makes a codec for what a descriptor says. */
export interface MakeCodec {
  (options: CodecOptions): Codec;
  /**
   * The types of a schema and of its imports, as a descriptor carries them. Absent: the codec has no schemas.
   *
   * @param read gives the text of a file by its path
   * @param readBytes gives its bytes
   * @throws Error describing the problem
   */
  typesOf?(path: string, read: ReadText, readBytes: ReadBytes): unknown;
}

/** How deep a message may be nested. */
export const MOST_LEVELS = 200;

const made = new Map<CodecName, MakeCodec>();

/** Adds a codec that descriptors may name. A format is loaded when a descriptor names it, and not before. */
export function useCodec(name: CodecName, make: MakeCodec): void {
  made.set(name, make);
}

/** Whether {@link useCodec} has added it. */
export const hasCodec = (name: CodecName): boolean => made.has(name);

/** What reads the schema of a codec, where it has one. */
export const schemaReaderOf = (name: CodecName): MakeCodec["typesOf"] => made.get(name)?.typesOf;

/** @throws Error where the codec has not been loaded */
export function codecOf(options: CodecOptions): Codec {
  const make = made.get(options.name);
  if (!make) throw new Error(`the codec "${options.name}" has not been loaded`);
  return make(options);
}
