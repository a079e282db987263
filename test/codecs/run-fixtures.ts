import { type CodecOptions, codecOf, isCodecError } from "../../lib/protocols/codecs/codec.ts";
import { FRAMINGS, type FramingName } from "../../lib/protocols/codecs/framing.ts";

/** lib/protocols/codecs/fixtures.json. */
export interface CodecFixtures {
  /** Of every row's protobuf. */
  readonly types: object;
  /** What comes of bytes: JSON, `null` where they are not of the format. */
  readonly messages: readonly {
    readonly name: string;
    readonly codec: CodecOptions;
    readonly hex: string;
    readonly json: string | null;
  }[];
  /** What is written of JSON: bytes, or why nothing. */
  readonly written: readonly {
    readonly name: string;
    readonly codec: CodecOptions;
    readonly json: string;
    readonly hex?: string;
    readonly error?: string;
  }[];
  /** The messages in a stream, and how many bytes are left of it, of how many that must be there. */
  readonly framings: readonly {
    readonly framing: FramingName;
    readonly hex: string;
    readonly messages: readonly string[];
    readonly rest?: number;
    readonly need?: number;
    readonly broken?: boolean;
  }[];
  readonly wrapped: readonly {
    readonly framing: FramingName;
    readonly hex: string;
    readonly wrapped?: string;
    readonly error?: string;
  }[];
}

export interface CodecRow {
  readonly name: string;
  readonly actual: unknown;
  readonly expected: unknown;
}

/** What each row of the table says, beside what comes of it. */
export function* runCodecFixtures(f: CodecFixtures): Generator<CodecRow> {
  for (const { name, codec, hex, json } of f.messages) {
    const decoded = codecOf({ ...codec, types: f.types }).decode(bytesOf(hex)) ?? null;
    // The order of members says nothing.
    const actual = decoded === null ? null : sorted(decoded);
    yield { name: `${codec.name}, received: ${name}`, actual, expected: json === null ? null : sorted(json) };
  }
  for (const { name, codec, json, hex, error } of f.written) {
    const actual = attempt(() => hexOf(codecOf({ ...codec, types: f.types }).encode(json)));
    yield { name: `${codec.name}, written: ${name}`, actual, expected: error ?? hex };
  }
  for (const { framing, hex, ...expected } of f.framings) {
    yield { name: `${framing}: ${hex.slice(0, 40)}`, actual: takenApart(framing, bytesOf(hex)), expected };
  }
  for (const { framing, hex, wrapped, error } of f.wrapped) {
    const actual = attempt(() => hexOf(FRAMINGS[framing].wrap(bytesOf(hex))));
    yield { name: `${framing}, wrapped: ${hex.slice(0, 40)}`, actual, expected: error ?? wrapped };
  }
}

function takenApart(framing: FramingName, stream: Uint8Array): unknown {
  const messages: string[] = [];
  let bytes = stream;
  while (bytes.length > 0) {
    const found = FRAMINGS[framing].find(bytes, 0);
    if (found === "broken") return { messages, broken: true };
    if ("need" in found) return { messages, rest: bytes.length, need: found.need };
    messages.push(hexOf(bytes.subarray(found.start, found.end)));
    bytes = bytes.subarray(found.next);
  }
  return { messages, rest: 0 };
}

function attempt(write: () => string): string {
  try {
    return write();
  } catch (error) {
    if (isCodecError(error)) return error.message;
    throw error;
  }
}

/**
 * JSON with its members in order and every number as a text of its digits, which `JSON.parse` would not keep.
 * No text of the table has digits after a colon, a comma or a bracket.
 */
const sorted = (json: string): string =>
  canonical(JSON.parse(json.replace(/(?<=(?:^|[:,[]) ?)-?\d[\d.eE+-]*/g, '"#$&"')));

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`);
  return `{${entries.sort().join()}}`;
}

export const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

export const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
