import { encodeUtf8 } from "../utf8.ts";
import { CodecError } from "./codec.ts";

/** The position of a message in a stream of bytes, and of the next one. */
export type Found =
  | { readonly start: number; readonly end: number; readonly next: number }
  /** It has not come whole: how many bytes there must be before more can be said. */
  | { readonly need: number }
  /** This is not the start of a message: nothing after it can be found. */
  | "broken";

/** Says where the messages of a protocol end in a stream of bytes, however WebSocket's messages cut it. */
export interface Framing {
  /** Finds the first message from a place on. */
  find(bytes: Uint8Array, from: number): Found;
  /** A message as it is written. Throws {@link CodecError} where it is too long. */
  wrap(message: Uint8Array): Uint8Array;
}

/** The largest length that a message may claim to have. */
const MOST_LENGTH = 2 ** 30;

function found(start: number, length: number, { length: available }: Uint8Array): Found {
  if (length > MOST_LENGTH) return "broken";
  const end = start + length;
  return end > available ? { need: end } : { start, end, next: end };
}

/** The length before each message, seven bits a byte, the lowest first. */
const varintLength: Framing = {
  find(bytes, from) {
    let length = 0;
    for (let i = from; i < bytes.length; i++) {
      length += (bytes[i]! & 0x7f) * 2 ** (7 * (i - from));
      if (bytes[i]! < 0x80) return found(i + 1, length, bytes);
      if (i - from === 9) return "broken";
    }
    return { need: bytes.length + 1 };
  },
  wrap: (message) => concat([varint(message.length), message]),
};

/** A number of up to 32 bits, seven bits a byte. */
export function varint(n: number): Uint8Array {
  const bytes: number[] = [];
  let rest = n;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Uint8Array.from([...bytes, rest]);
}

/** The length before each message, as a number of some bytes. */
const fixedLength = (bytes: 1 | 2 | 4, littleEndian = false): Framing => ({
  find(stream, from) {
    if (stream.length - from < bytes) return { need: from + bytes };
    let length = 0;
    for (let i = 0; i < bytes; i++) {
      length = length * 256 + stream[from + (littleEndian ? bytes - 1 - i : i)]!;
    }
    return found(from + bytes, length, stream);
  },
  wrap(message) {
    const most = 2 ** (8 * bytes) - 1;
    if (message.length > most) {
      throw new CodecError(`want a message of at most ${most} bytes, got ${message.length}`);
    }
    const digits = Array.from({ length: bytes }, (_, i) => Math.floor(message.length / 256 ** i) % 256);
    return concat([Uint8Array.from(littleEndian ? digits : digits.reverse()), message]);
  },
});

/** Twice what NATS itself takes for a line by default. */
const MOST_NATS_LINE = 8192;
const CR = 13;
const LF = 10;
/** Operations that bytes follow. */
const WITH_BYTES = /^(?:MSG|HMSG|PUB|HPUB) /i;

/**
 * The protocol of NATS: lines, of which some say at their end how many bytes follow before the next line. A message is
 * a line with those bytes, without the line end after it.
 */
const natsLines: Framing = {
  find(bytes, from) {
    const end = lineEnd(bytes, from);
    if (end === undefined)
      return bytes.length - from >= MOST_NATS_LINE ? "broken" : { need: bytes.length + 1 };
    const line = latin1(bytes.subarray(from, end));
    if (!WITH_BYTES.test(line)) return { start: from, end, next: end + 2 };
    const [, digits] = / ([0-9]+)$/.exec(line) ?? [];
    if (digits === undefined || Number(digits) >= MOST_LENGTH) return "broken";
    const next = end + 2 + Number(digits) + 2;
    if (next > bytes.length) return { need: next };
    const ends = bytes[next - 2] === CR && bytes[next - 1] === LF;
    return ends ? { start: from, end: next - 2, next } : "broken";
  },
  wrap(message) {
    const end = lineEnd(message, 0);
    if (end === undefined || !WITH_BYTES.test(latin1(message.subarray(0, end)))) {
      return concat([message, LINE_END]);
    }
    const count = ` ${message.length - end - 2}`;
    return concat([message.subarray(0, end), encodeUtf8(count), message.subarray(end), LINE_END]);
  },
};

const LINE_END = encodeUtf8("\r\n");

function lineEnd(bytes: Uint8Array, from: number): number | undefined {
  const limit = Math.min(bytes.length, from + MOST_NATS_LINE) - 1;
  for (let i = from; i < limit; i++) if (bytes[i] === CR && bytes[i + 1] === LF) return i;
  return undefined;
}

/** Bytes as characters of the same numbers. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The framings that a descriptor may name. */
export const FRAMINGS = {
  varint: varintLength,
  uint8: fixedLength(1),
  uint16: fixedLength(2),
  uint32: fixedLength(4),
  uint16le: fixedLength(2, true),
  uint32le: fixedLength(4, true),
  nats: natsLines,
} as const satisfies Record<string, Framing>;

export type FramingName = keyof typeof FRAMINGS;
