import protobufjs from "protobufjs";

/** Thrown at a message of more values than are read. */
export class TooManyValues extends Error {}

/** Reads a message of Protocol Buffers, up to a number of values: fields, and elements of packed lists. */
export class CountingReader extends protobufjs.Reader {
  #left: number;

  constructor(bytes: Uint8Array, most: number) {
    super(bytes);
    this.#left = most;
    this.discardUnknown = true;
  }

  override tag(): number {
    this.#count(1);
    return super.tag();
  }

  /** Counts the elements of the packed list that begins here. */
  countPacked(bytesEach: number | undefined): void {
    const start = this.pos;
    const length = this.uint32();
    const end = Math.min(this.pos + length, this.len);
    if (bytesEach !== undefined) this.#count(length / bytesEach);
    // The last byte of a number is below 128.
    else for (let at = this.pos; at < end; at++) if (this.buf[at]! < 128) this.#count(1);
    this.pos = start;
  }

  #count(values: number): void {
    this.#left -= values;
    if (this.#left < 0) throw new TooManyValues();
  }
}

/** What the library reads packed lists by, and how many bytes an element has where that is fixed. */
const PACKED = {
  bools: undefined,
  uint32s: undefined,
  int32s: undefined,
  sint32s: undefined,
  uint64s: undefined,
  int64s: undefined,
  sint64s: undefined,
  fixed32s: 4,
  sfixed32s: 4,
  floats: 4,
  fixed64s: 8,
  sfixed64s: 8,
  doubles: 8,
} as const;

type ReadPacked = (this: protobufjs.Reader, list: unknown[]) => unknown;

for (const [name, bytesEach] of Object.entries(PACKED)) {
  const read = (protobufjs.Reader.prototype as unknown as Record<string, ReadPacked>)[name]!;
  Object.defineProperty(CountingReader.prototype, name, {
    value(this: CountingReader, list: unknown[]) {
      this.countPacked(bytesEach);
      return read.call(this, list);
    },
  });
}
