/** Opcodes of data frames (RFC 6455, section 11.8). */
export const TEXT = 0x1;
export const BINARY = 0x2;

/**
 * One unfragmented, unmasked frame, header and payload in one buffer (RFC 6455, section 5.2).
 * Encoded once, it can be written to any number of sockets.
 */
export function encodeFrame(payload: string | Buffer, opcode: typeof TEXT | typeof BINARY = TEXT): Buffer {
  const length = typeof payload === "string" ? Buffer.byteLength(payload) : payload.length;
  const header = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(header + length);
  frame[0] = 0x80 | opcode;
  if (header === 2) {
    frame[1] = length;
  } else if (header === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  if (typeof payload === "string") frame.write(payload, header);
  else payload.copy(frame, header);
  return frame;
}

/** The payload of a frame that {@link encodeFrame} made. */
export function payloadOf(frame: Buffer): Buffer {
  const length = frame[1]!;
  return frame.subarray(length < 126 ? 2 : length === 126 ? 4 : 10);
}

/** Whether such a frame is binary. */
export const isBinary = (frame: Buffer): boolean => (frame[0]! & 0x0f) === BINARY;
