import { CodecError } from "./codec.ts";

/** Reads bytes one after the other. Each method throws {@link CodecError} where there are too few. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** How many there still are. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(count: number): Uint8Array {
    if (count > this.left) throw new CodecError(`want ${count} bytes, got ${this.left}`);
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  part(count: number): ByteReader {
    return new ByteReader(this.take(count));
  }

  uint8(): number {
    return this.take(1)[0]!;
  }

  /** Big-endian, like all of these. */
  uint16(): number {
    const [high, low] = this.take(2);
    return high! * 256 + low!;
  }

  uint32(): number {
    return this.uint16() * 65_536 + this.uint16();
  }

  /** MQTT's variable byte integer: seven bits a byte, the lowest first, at most four. */
  varint(): number {
    let n = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.uint8();
      n += (byte & 0x7f) << shift;
      if (byte < 0x80) return n;
    }
    throw new CodecError("want a number of at most four bytes");
  }

  /** What has its length before it, as a number of two bytes. */
  data(): Uint8Array {
    return this.take(this.uint16());
  }
}
