/** Byte strings and texts as formats have them, and the JSON that stands for them. */
import { decodeUtf8, encodeUtf8 } from "../utf8.ts";
import { CodecError, type CodecOptions, isCodecError } from "./codec.ts";

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Base64 (RFC 4648 section 4), which JavaScript in k6 has nothing for. */
export function encodeBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const group = (bytes[at]! << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    text += DIGITS[group >> 18]! + DIGITS[(group >> 12) & 63]!;
    text += left > 1 ? DIGITS[(group >> 6) & 63]! : "=";
    text += left > 2 ? DIGITS[group & 63]! : "=";
  }
  return text;
}

/** Undefined where the text is not base64 with its padding. */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  for (let at = 0, to = 0; at < text.length; at += 4) {
    let group = 0;
    for (let i = 0; i < 4; i++) group = (group << 6) | Math.max(0, DIGITS.indexOf(text[at + i]!));
    for (const shift of [16, 8, 0]) if (to < bytes.length) bytes[to++] = (group >> shift) & 0xff;
  }
  return bytes;
}

/** A text out of bytes that ought to be UTF-8. Invalid bytes become U+FFFD. */
export function lenientText(bytes: Uint8Array): string {
  // All engines that scripts run in have a TextDecoder now; most texts need none.
  return decodeUtf8(bytes) ?? new TextDecoder().decode(bytes);
}

/** How a descriptor wants byte strings written in JSON. */
export class ByteStrings {
  readonly #asJson: boolean;

  constructor({ bytes = "base64" }: Pick<CodecOptions, "bytes">) {
    this.#asJson = bytes === "json";
  }

  /** The JSON text that stands for a byte string. */
  toJson(bytes: Uint8Array): string {
    return (this.#asJson ? heldJson(bytes) : undefined) ?? `"${encodeBase64(bytes)}"`;
  }

  /**
   * The byte string that a value of JSON stands for: an object or a list is itself, a text is base64.
   *
   * @param json the value as it was written
   * @throws CodecError
   */
  fromJson(value: unknown, json: () => string): Uint8Array {
    if (this.#asJson && typeof value === "object" && value !== null) return encodeUtf8(json());
    const bytes = typeof value === "string" ? decodeBase64(value) : undefined;
    if (bytes) return bytes;
    throw wanted(this.#asJson ? "an object, a list or base64" : "base64", value);
  }
}

/** The object or list that a byte string holds as JSON text; undefined where it holds none. */
function heldJson(bytes: Uint8Array): string | undefined {
  const first = bytes.find((byte) => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09);
  if (first !== 0x7b && first !== 0x5b) return undefined;
  const text = decodeUtf8(bytes);
  try {
    if (text !== undefined) JSON.parse(text);
    return text;
  } catch {
    return undefined;
  }
}

/** Says what a value should have been, without saying what it is: it may be a secret. */
export const wanted = (what: string, value: unknown): CodecError =>
  new CodecError(`want ${what}, got ${kindOf(value)}`);

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  if (typeof value === "string") return "a text";
  return typeof value === "boolean" ? "a boolean" : "a number";
}

/** Says of which field an error is. */
export function inField<T>(field: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (isCodecError(error)) throw new CodecError(`${field}: ${error.message}`);
    throw error;
  }
}
