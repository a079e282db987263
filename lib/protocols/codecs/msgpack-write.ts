/**
 * Values of JSON as MessagePack. The library needs TextEncoder's `encodeInto` for a text of more than 50 bytes, which k6
 * has not.
 */
import { encodeUtf8 } from "../utf8.ts";
import { ByteWriter } from "./byte-writer.ts";
import { CodecError, MOST_LEVELS } from "./codec.ts";

export function writeMsgpack(value: unknown): Uint8Array {
  const to = new ByteWriter();
  write(to, value, 0);
  return to.bytes();
}

function write(to: ByteWriter, value: unknown, level: number): void {
  if (level > MOST_LEVELS) throw new CodecError(`want at most ${MOST_LEVELS} levels`);
  if (value === null) to.uint8(0xc0);
  else if (typeof value === "boolean") to.uint8(value ? 0xc3 : 0xc2);
  else if (typeof value === "string") writeText(to, value);
  else if (typeof value === "number" && !Number.isInteger(value)) writeFloat(to, value);
  else if (typeof value === "number" || typeof value === "bigint") writeWhole(to, value);
  else if (Array.isArray(value)) {
    head(to, value.length, 0x90, 0xdc);
    for (const item of value) write(to, item, level + 1);
  } else {
    const members = Object.entries(value as object);
    head(to, members.length, 0x80, 0xde);
    for (const [name, member] of members) {
      writeText(to, name);
      write(to, member, level + 1);
    }
  }
}

function head(to: ByteWriter, count: number, short: number, long: number): void {
  if (count < 16) to.uint8(short | count);
  else if (count < 2 ** 16) {
    to.uint8(long);
    to.uint16(count);
  } else {
    to.uint8(long + 1);
    to.uint32(count);
  }
}

function writeText(to: ByteWriter, text: string): void {
  const bytes = encodeUtf8(text);
  const { length } = bytes;
  if (length < 32) to.uint8(0xa0 | length);
  else if (length < 2 ** 8) to.raw(Uint8Array.of(0xd9, length));
  else if (length < 2 ** 16) {
    to.uint8(0xda);
    to.uint16(length);
  } else {
    to.uint8(0xdb);
    to.uint32(length);
  }
  to.raw(bytes);
}

function writeFloat(to: ByteWriter, n: number): void {
  const view = new DataView(new ArrayBuffer(9));
  view.setUint8(0, 0xcb);
  view.setFloat64(1, n);
  to.raw(new Uint8Array(view.buffer));
}

/** In as few bytes as it takes; beyond 64 bits as a floating-point number. */
function writeWhole(to: ByteWriter, n: number | bigint): void {
  if (typeof n === "number" && !Number.isSafeInteger(n)) writeFloat(to, n);
  else if (n >= 0) {
    if (n < 0x80) to.uint8(Number(n));
    else if (n < 2 ** 8) to.raw(Uint8Array.of(0xcc, Number(n)));
    else if (n < 2 ** 16) writeNumber(to, 0xcd, 2, n);
    else if (n < 2 ** 32) writeNumber(to, 0xce, 4, n);
    else writeNumber(to, 0xcf, 8, n);
  } else if (n >= -32) to.uint8(Number(n) + 0x100);
  else if (n >= -(2 ** 7)) writeNumber(to, 0xd0, 1, n);
  else if (n >= -(2 ** 15)) writeNumber(to, 0xd1, 2, n);
  else if (n >= -(2 ** 31)) writeNumber(to, 0xd2, 4, n);
  else writeNumber(to, 0xd3, 8, n);
}

function writeNumber(to: ByteWriter, type: number, bytes: 1 | 2 | 4 | 8, n: number | bigint): void {
  const view = new DataView(new ArrayBuffer(1 + bytes));
  view.setUint8(0, type);
  if (bytes === 8) view.setBigUint64(1, BigInt.asUintN(64, BigInt(n)));
  else if (bytes === 4) view.setUint32(1, Number(n));
  else if (bytes === 2) view.setUint16(1, Number(n));
  else view.setUint8(1, Number(n));
  to.raw(new Uint8Array(view.buffer));
}
