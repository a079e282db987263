/** MessagePack. */
import { ByteReader } from "./byte-reader.ts";
import { ByteStrings, encodeBase64, lenientText } from "./byte-strings.ts";
import {
  type Codec,
  CodecError,
  type CodecOptions,
  isCodecError,
  MOST_LEVELS,
  MOST_VALUES,
} from "./codec.ts";
import { jsonOfFloat, nameOf, valuesOf } from "./json-values.ts";
import { writeMsgpack } from "./msgpack-write.ts";

export function msgpack(options: CodecOptions): Codec {
  const byteStrings = new ByteStrings(options);
  /** Null for a message of too many values, undefined for none. */
  const read = (bytes: Uint8Array): { readonly json: string } | null | undefined => {
    const message = new Message(bytes, byteStrings);
    try {
      const json = message.value(0);
      return message.left === 0 ? { json } : undefined;
    } catch (error) {
      if (isCodecError(error)) return message.hasTooMany ? null : undefined;
      throw error;
    }
  };
  return {
    title: "MessagePack",
    decode: (bytes) => read(bytes)?.json,
    hasTooMany: (bytes) => bytes.length > MOST_VALUES && read(bytes) === null,
    encode: (json) => writeMsgpack(valuesOf(json)),
  };
}

/**
 * Reads a message from its bytes to JSON text. The library makes an array of as many elements as a message says that it
 * has before it reads one: some kilobytes of a hostile message would take all memory.
 */
class Message extends ByteReader {
  readonly #byteStrings: ByteStrings;
  #values = 0;

  constructor(bytes: Uint8Array, byteStrings: ByteStrings) {
    super(bytes);
    this.#byteStrings = byteStrings;
  }

  get hasTooMany(): boolean {
    return this.#values > MOST_VALUES;
  }

  /** The next value (MessagePack specification, "Formats"). */
  value(level: number): string {
    if (level > MOST_LEVELS) throw new CodecError(`want at most ${MOST_LEVELS} levels`);
    if (++this.#values > MOST_VALUES) throw new CodecError(`want at most ${MOST_VALUES} values`);
    const c = this.uint8();
    if (c < 0x80) return String(c);
    if (c >= 0xe0) return String(c - 0x100);
    if (c < 0x90) return this.#map(c & 0xf, level);
    if (c < 0xa0) return this.#list(c & 0xf, level);
    if (c < 0xc0) return this.#text(c & 0x1f);
    switch (c) {
      case 0xc0:
        return "null";
      case 0xc2:
        return "false";
      case 0xc3:
        return "true";
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#byteStrings.toJson(this.take(this.#size(c - 0xc4)));
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.#extension(this.#size(c - 0xc7));
      case 0xca:
        return jsonOfFloat(this.#view(4).getFloat32(0));
      case 0xcb:
        return jsonOfFloat(this.#view(8).getFloat64(0));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return String(this.#size(c - 0xcc));
      case 0xcf:
        return String(this.#view(8).getBigUint64(0));
      case 0xd0:
        return String(this.#view(1).getInt8(0));
      case 0xd1:
        return String(this.#view(2).getInt16(0));
      case 0xd2:
        return String(this.#view(4).getInt32(0));
      case 0xd3:
        return String(this.#view(8).getBigInt64(0));
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.#extension(2 ** (c - 0xd4));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#size(c - 0xd9));
      case 0xdc:
      case 0xdd:
        return this.#list(this.#size(c - 0xdb), level);
      case 0xde:
      case 0xdf:
        return this.#map(this.#size(c - 0xdd), level);
      default:
        throw new CodecError("want MessagePack");
    }
  }

  /** A number of 1, 2 or 4 bytes: the logarithm of how many. */
  #size(logarithm: number): number {
    if (logarithm === 0) return this.uint8();
    return logarithm === 1 ? this.uint16() : this.uint32();
  }

  #view(bytes: number): DataView {
    const { buffer, byteOffset } = this.take(bytes);
    return new DataView(buffer, byteOffset, bytes);
  }

  #text(bytes: number): string {
    return JSON.stringify(lenientText(this.take(bytes)));
  }

  #list(count: number, level: number): string {
    this.#require(count);
    const items: string[] = [];
    for (let i = 0; i < count; i++) items.push(this.value(level + 1));
    return `[${items.join()}]`;
  }

  #map(count: number, level: number): string {
    this.#require(count);
    const members: string[] = [];
    for (let i = 0; i < count; i++) {
      const name = nameOf(this.value(MOST_LEVELS)); // no list or map
      members.push(`${name}:${this.value(level + 1)}`);
    }
    return `{${members.join()}}`;
  }

  /** Each element has a byte at least. */
  #require(count: number): void {
    if (count > this.left) throw new CodecError("want the elements that it says");
  }

  /** A value of an application's own type. */
  #extension(bytes: number): string {
    const type = this.#view(1).getInt8(0);
    return `{"type":${type},"data":"${encodeBase64(this.take(bytes))}"}`;
  }
}
