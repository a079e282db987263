/** Frames of a client, written exactly as asked: `ws` writes only frames that RFC 6455 allows. Pure. */
import type { RawFrame } from "../../lib/fuzz/sequence.ts";

/** A masked frame (RFC 6455 section 5.2). */
export function frameBytes({ fin, opcode, text, hex = "", rsv = 0 }: RawFrame): Buffer {
  const payload = text === undefined ? Buffer.from(hex, "hex") : Buffer.from(text);
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  // The mask makes no difference on a connection without an adversary in between. A fixed one is easy to read in a
  // capture.
  const mask = Buffer.from([0x6b, 0x36, 0x72, 0x74]);
  const masked = payload.map((byte, i) => byte ^ mask[i & 3]!);
  return Buffer.concat([Buffer.from([first]), lengthBytes(payload.length), mask, masked]);
}

function lengthBytes(length: number): Buffer {
  if (length < 126) return Buffer.from([0x80 | length]);
  if (length < 65_536) return Buffer.from([0x80 | 126, length >> 8, length & 0xff]);
  const bytes = Buffer.alloc(9);
  bytes[0] = 0x80 | 127;
  bytes.writeBigUInt64BE(BigInt(length), 1);
  return bytes;
}

/** A Close frame's payload, in hexadecimal digits. */
export function closePayload({ code, reason }: { readonly code?: number; readonly reason: string }): string {
  if (code === undefined) return "";
  return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]).toString("hex");
}
