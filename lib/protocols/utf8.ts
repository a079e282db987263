/** UTF-8, in plain arithmetic where the engine that a script runs in has no TextEncoder and TextDecoder. */

const native =
  typeof TextDecoder === "undefined" || typeof TextEncoder === "undefined"
    ? undefined
    : { decoder: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }), encoder: new TextEncoder() };

/** Encodes a text. A lone surrogate becomes U+FFFD, as in the Encoding Standard. */
export const encodeUtf8 = (text: string): Uint8Array => native?.encoder.encode(text) ?? encodePlainly(text);

/** Decodes bytes; undefined when they are not well-formed UTF-8 (RFC 3629). A byte order mark is kept. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  if (!native) return decodePlainly(bytes);
  try {
    return native.decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** {@link encodeUtf8} without an encoder. */
export function encodePlainly(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const point = character.codePointAt(0)!;
    const c = point >= 0xd800 && point <= 0xdfff ? 0xfffd : point;
    if (c < 0x80) bytes.push(c);
    else if (c < 0x800) bytes.push(0xc0 | (c >> 6), 0x80 | (c & 0x3f));
    else if (c < 0x10000) bytes.push(0xe0 | (c >> 12), 0x80 | ((c >> 6) & 0x3f), 0x80 | (c & 0x3f));
    else {
      bytes.push(0xf0 | (c >> 18), 0x80 | ((c >> 12) & 0x3f), 0x80 | ((c >> 6) & 0x3f), 0x80 | (c & 0x3f));
    }
  }
  return Uint8Array.from(bytes);
}

/** How many bytes {@link encodeUtf8} makes of a text. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    const isPair = (unit & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00;
    if (isPair) i++;
    bytes += isPair ? 4 : unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
  }
  return bytes;
}

/** Smallest code point that may be written with 1, 2 and 3 continuation bytes: anything less is overlong. */
const SMALLEST = [0, 0x80, 0x800, 0x10000] as const;

/** {@link decodeUtf8} without a decoder. */
export function decodePlainly(bytes: Uint8Array): string | undefined {
  let text = "";
  let chunk: number[] = [];
  for (let i = 0; i < bytes.length; ) {
    const first = bytes[i++]!;
    const more =
      first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1;
    if (more === -1) return undefined;
    let point = more === 0 ? first : first & (0x3f >> more);
    for (let k = 0; k < more; k++) {
      const next = bytes[i++];
      if (next === undefined || (next & 0xc0) !== 0x80) return undefined;
      point = (point << 6) | (next & 0x3f);
    }
    if (point < SMALLEST[more]! || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return undefined;
    chunk.push(point);
    if (chunk.length === 4096) {
      text += String.fromCodePoint(...chunk);
      chunk = [];
    }
  }
  return text + String.fromCodePoint(...chunk);
}
