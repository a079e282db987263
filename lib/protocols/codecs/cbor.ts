/** CBOR (RFC 8949). */
import { encode, type Token, Tokenizer } from "cborg";
import { ByteStrings } from "./byte-strings.ts";
import { type Codec, CodecError, type CodecOptions, MOST_LEVELS, MOST_VALUES } from "./codec.ts";
import { jsonOfFloat, nameOf, valuesOf } from "./json-values.ts";

export function cbor(options: CodecOptions): Codec {
  const byteStrings = new ByteStrings(options);
  /** Null for a message of too many values, undefined for none. */
  const read = (bytes: Uint8Array): { readonly json: string } | null | undefined => {
    const tokens = new CountingTokenizer(bytes, { allowBigInt: true });
    try {
      const json = value(tokens, byteStrings, 0);
      return tokens.done() ? { json } : undefined;
    } catch {
      return tokens.count > MOST_VALUES ? null : undefined; // the tokenizer throws errors of several kinds
    }
  };
  return {
    title: "CBOR",
    decode: (bytes) => read(bytes)?.json,
    hasTooMany: (bytes) => bytes.length > MOST_VALUES && read(bytes) === null,
    encode(json) {
      const values = valuesOf(json);
      requireLevels(values, 0);
      // In the order of the template; a number of few bits would lose some, unless it is looked at.
      return encode(values, { float64: true, mapSorter: () => 0 });
    },
  };
}

/** Takes a message apart, up to a number of its items. */
class CountingTokenizer extends Tokenizer {
  count = 0;

  override next(): Token {
    if (++this.count > MOST_VALUES) throw new CodecError(`want at most ${MOST_VALUES} values`);
    return super.next();
  }
}

function requireLevels(value: unknown, level: number): void {
  if (level > MOST_LEVELS) throw new CodecError(`want at most ${MOST_LEVELS} levels`);
  if (typeof value !== "object" || value === null) return;
  for (const inner of Object.values(value)) requireLevels(inner, level + 1);
}

/** The next value as JSON. A tag is dropped: the tagged value stands for itself. */
function value(tokens: Tokenizer, byteStrings: ByteStrings, level: number): string {
  const json = valueOrEnd(tokens, byteStrings, level);
  if (json === undefined) throw new CodecError("want no end here");
  return json;
}

/** Undefined at the end of a list or map of indefinite length. */
function valueOrEnd(tokens: Tokenizer, byteStrings: ByteStrings, level: number): string | undefined {
  if (level > MOST_LEVELS) throw new CodecError(`want at most ${MOST_LEVELS} levels`);
  const { type, value: given }: Token = tokens.next();
  switch (type.name) {
    case "uint":
    case "negint":
      return String(given);
    case "bytes":
      return byteStrings.toJson(given);
    case "string":
      return JSON.stringify(given);
    case "array":
      return `[${[...items(given, () => valueOrEnd(tokens, byteStrings, level + 1))].join()}]`;
    case "map":
      return `{${[...items(given, () => member(tokens, byteStrings, level))].join()}}`;
    case "tag":
      return value(tokens, byteStrings, level + 1);
    case "float":
      return jsonOfFloat(given);
    case "false":
    case "true":
      return type.name;
    case "null":
    case "undefined":
      return "null";
    case "break":
      return undefined;
    default:
      throw new CodecError("want CBOR");
  }
}

function member(tokens: Tokenizer, byteStrings: ByteStrings, level: number): string | undefined {
  const name = valueOrEnd(tokens, byteStrings, MOST_LEVELS); // no list or map
  return name === undefined ? undefined : `${nameOf(name)}:${value(tokens, byteStrings, level + 1)}`;
}

/** @param count infinite where an end is to come */
function* items(count: number, next: () => string | undefined): Generator<string> {
  for (let i = 0; i < count; i++) {
    const item = next();
    if (item === undefined) {
      if (count === Number.POSITIVE_INFINITY) return;
      throw new CodecError("want no end here");
    }
    yield item;
  }
}
