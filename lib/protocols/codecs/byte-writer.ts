import { encodeUtf8 } from "../utf8.ts";
import { decodeBase64, wanted } from "./byte-strings.ts";
import { CodecError } from "./codec.ts";
import { concat, varint } from "./framing.ts";

/** Writes bytes one after the other, numbers with their highest byte first. */
export class ByteWriter {
  readonly #parts: Uint8Array[] = [];
  length = 0;

  raw(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.length += bytes.length;
  }

  uint8(n: number): void {
    this.raw(Uint8Array.of(n));
  }

  uint16(n: number): void {
    this.raw(Uint8Array.of(n >> 8, n));
  }

  uint32(n: number): void {
    this.raw(Uint8Array.of(n >>> 24, n >> 16, n >> 8, n));
  }

  varint(n: number): void {
    this.raw(varint(n));
  }

  /** Bytes with their length before them, as a number of two bytes. */
  data(bytes: Uint8Array): void {
    if (bytes.length > 0xffff) throw new CodecError(`want at most ${0xffff} bytes`);
    this.uint16(bytes.length);
    this.raw(bytes);
  }

  bytes(): Uint8Array {
    return concat(this.#parts);
  }
}

/** A text of JSON as bytes. */
export function textOf(value: unknown): Uint8Array {
  if (typeof value !== "string") throw wanted("a text", value);
  return encodeUtf8(value);
}

/** A text of JSON that is base64, as bytes. */
export function dataOf(value: unknown): Uint8Array {
  const bytes = typeof value === "string" ? decodeBase64(value) : undefined;
  if (!bytes) throw wanted("base64", value);
  return bytes;
}

/** A whole number from 0 to `most`, written as a number or as the digits of one in a text. */
export function wholeOf(value: unknown, most: number): number {
  const n = typeof value === "string" && /^[0-9]+$/.test(value) ? Number(value) : value;
  if (typeof n === "number" && Number.isInteger(n) && n >= 0 && n <= most) return n;
  throw wanted(`a whole number from 0 to ${most}`, value);
}

/** As {@link wholeOf}, however high. */
export function naturalOf(value: unknown): number {
  const n = typeof value === "string" && /^[0-9]+$/.test(value) ? Number(value) : value;
  if (typeof n === "number" && Number.isInteger(n) && n >= 0) return n;
  throw wanted("a whole number from 0", value);
}

export function booleanOf(value: unknown): boolean {
  if (typeof value !== "boolean") throw wanted("true or false", value);
  return value;
}
