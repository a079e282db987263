/** The histograms of a recording: HdrHistogram's buckets, kept sparse, merged and read exactly. */
import { inflateSync } from "node:zlib";

/**
 * How many values lie in each bucket. Buckets are those of an HdrHistogram of integers from 1 to 2^48 - 1 with
 * three significant digits; a million integers are one unit of the metric (of a time: nanoseconds).
 */
export interface Histogram {
  /** Indexes of the buckets that are not empty, ascending. */
  readonly buckets: Uint16Array;
  /** How many values each of them holds. */
  readonly counts: Counts;
  readonly total: number;
}

/** The narrowest array that holds them: a run keeps a histogram for each stretch of time. */
export type Counts = Uint16Array | Uint32Array | Float64Array;

function narrow(counts: Counts | readonly number[]): Counts {
  let most = 0;
  for (const count of counts) if (count > most) most = count;
  if (most < 2 ** 16) return Uint16Array.from(counts);
  return most < 2 ** 32 ? Uint32Array.from(counts) : Float64Array.from(counts);
}

const DIGITS = 3;
const HIGHEST = 2n ** 48n - 1n;
/** Values below this one have a bucket each; from there on, each doubling takes half as many buckets. */
const FINE = 2_048;
const PER_DOUBLING = FINE / 2;
const BUCKETS = (48 - 10 + 1) * PER_DOUBLING;
const PER_UNIT = 1e6;

/** The middle of a bucket, in the metric's unit: off by at most 0.05 % of itself. */
export function bucketMiddle(bucket: number): number {
  if (bucket < FINE) return bucket / PER_UNIT;
  const width = 2 ** (Math.floor(bucket / PER_DOUBLING) - 1);
  return ((PER_DOUBLING + (bucket % PER_DOUBLING)) * width + Math.floor(width / 2)) / PER_UNIT;
}

/** Of one sum at a time. It has 312 KiB: one for each sum would be most of what a run under way leaves behind. */
const sums = new Float64Array(BUCKETS);

/** Adds histograms up. */
export function merge(histograms: readonly Histogram[]): Histogram {
  const [first, second, third] = histograms;
  if (first && !second) return first;
  if (first && second && !third) return mergeTwo(first, second);
  sums.fill(0);
  for (const { buckets, counts } of histograms) {
    for (let i = 0; i < buckets.length; i++) sums[buckets[i]!]! += counts[i]!;
  }
  return sparse();
}

/** Without the array of all buckets: this is done for nearly every line of a recording. */
function mergeTwo(a: Histogram, b: Histogram): Histogram {
  const buckets = new Uint16Array(a.buckets.length + b.buckets.length);
  const counts = new Float64Array(buckets.length);
  let length = 0;
  for (let i = 0, j = 0; i < a.buckets.length || j < b.buckets.length; length++) {
    const bucket = Math.min(a.buckets[i] ?? BUCKETS, b.buckets[j] ?? BUCKETS);
    buckets[length] = bucket;
    if (a.buckets[i] === bucket) counts[length]! += a.counts[i++]!;
    if (b.buckets[j] === bucket) counts[length]! += b.counts[j++]!;
  }
  return {
    buckets: buckets.slice(0, length),
    counts: narrow(counts.subarray(0, length)),
    total: a.total + b.total,
  };
}

function sparse(): Histogram {
  const filled: number[] = [];
  let total = 0;
  for (let bucket = 0; bucket < sums.length; bucket++) {
    if (sums[bucket] === 0) continue;
    filled.push(bucket);
    total += sums[bucket]!;
  }
  const counts = narrow(filled.map((bucket) => sums[bucket]!));
  return { buckets: Uint16Array.from(filled), counts, total };
}

/**
 * The value that a share of all values (0 to 1) does not exceed, interpolated between neighbouring ranks as k6 does
 * for its thresholds; NaN without values.
 */
export function quantile(histogram: Histogram, share: number): number {
  const rank = share * (histogram.total - 1);
  const below = valueAtRank(histogram, Math.floor(rank));
  const above = valueAtRank(histogram, Math.ceil(rank));
  return below + (above - below) * (rank - Math.floor(rank));
}

/** The value with so many values before it in ascending order. */
function valueAtRank({ buckets, counts }: Histogram, rank: number): number {
  let seen = 0;
  for (let i = 0; i < buckets.length; i++) {
    seen += counts[i]!;
    if (seen > rank) return bucketMiddle(buckets[i]!);
  }
  return Number.NaN;
}

export const mean = ({ buckets, counts, total }: Histogram): number =>
  buckets.reduce((sum, bucket, i) => sum + counts[i]! * bucketMiddle(bucket), 0) / total;

export const smallest = ({ buckets }: Histogram): number =>
  buckets.length > 0 ? bucketMiddle(buckets[0]!) : Number.NaN;

export const largest = ({ buckets }: Histogram): number =>
  buckets.length > 0 ? bucketMiddle(buckets.at(-1)!) : Number.NaN;

const COMPRESSED_COOKIE = 0x1c849304;
const COOKIE = 0x1c849303;
const HEADER_BYTES = 40;
/** No histogram of ours is longer: a counter takes at most 9 bytes. */
const LONGEST_BYTES = HEADER_BYTES + BUCKETS * 9;

/**
 * Reads a histogram in HdrHistogram's V2 compressed encoding, in base64.
 *
 * @throws Error describing the problem
 */
export function decode(text: string): Histogram {
  const outer = Buffer.from(text, "base64");
  if (outer.length < 8) throw new Error("too short to be one");
  if (withoutWordSize(outer.readInt32BE(0)) !== COMPRESSED_COOKIE) throw new Error("not in V2 encoding");
  const length = outer.readInt32BE(4);
  if (length < 0 || length > outer.length - 8) throw new Error("cut short");
  let inner: Buffer;
  try {
    inner = inflateSync(outer.subarray(8, 8 + length), { maxOutputLength: LONGEST_BYTES });
  } catch (error) {
    throw new Error(`not decompressible (${(error as Error).message})`);
  }
  checkShape(inner);
  return counters(inner.subarray(HEADER_BYTES));
}

/** The cookie's second-lowest digit tells the width of the words it was made from. */
const withoutWordSize = (cookie: number): number => cookie & ~0xf0;

function checkShape(bytes: Buffer): void {
  if (bytes.length < HEADER_BYTES || withoutWordSize(bytes.readInt32BE(0)) !== COOKIE) {
    throw new Error("not in V2 encoding");
  }
  if (bytes.readInt32BE(4) !== bytes.length - HEADER_BYTES) throw new Error("cut short");
  const [digits, lowest, highest] = [
    bytes.readInt32BE(12),
    bytes.readBigInt64BE(16),
    bytes.readBigInt64BE(24),
  ];
  // The index offset at byte 8 is passed over: hdrhistogram-go writes 1 and shifts nothing.
  if (digits !== DIGITS || lowest !== 1n || highest !== HIGHEST) {
    throw new Error(`of another shape (${digits} digits from ${lowest} to ${highest})`);
  }
}

/** ZigZag LEB128: a positive number is a bucket's count, a negative one a run of empty buckets. */
function counters(bytes: Buffer): Histogram {
  const buckets: number[] = [];
  const counts: number[] = [];
  let total = 0;
  let bucket = 0;
  for (let at = 0; at < bytes.length; ) {
    // In two halves: bitwise operators have 32 bits. A ninth byte has all its eight.
    let value = 0;
    let scale = 1;
    for (let i = 0; ; i++) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error("cut short");
      value += (i < 8 ? byte & 0x7f : byte) * scale;
      if (byte < 0x80 || i === 8) break;
      scale *= 128;
    }
    const number = value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    if (number < 0) bucket -= number;
    else {
      if (number > 0) {
        buckets.push(bucket);
        counts.push(number);
        total += number;
      }
      bucket += 1;
    }
    if (bucket > BUCKETS) throw new Error("of more buckets than there are");
  }
  if (!Number.isSafeInteger(total)) throw new Error("of more values than can be counted");
  return { buckets: Uint16Array.from(buckets), counts: narrow(counts), total };
}
