import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateSync } from "node:zlib";
import fc from "fast-check";
import * as hdr from "hdr-histogram-js";
import {
  bucketMiddle,
  decode,
  largest,
  mean,
  merge,
  quantile,
  smallest,
} from "../../cli/recording/histogram.ts";
import { percentile } from "./k6.ts";
import { encoded } from "./synthetic.ts";

/** From microseconds to hours, and each value often enough to fill buckets. */
const values = fc.array(
  fc
    .tuple(fc.double({ min: -3, max: 8, noNaN: true }), fc.integer({ min: 1, max: 5 }))
    .map(([exponent, times]) => Array<number>(times).fill(10 ** exponent)),
  { minLength: 1, maxLength: 200 },
);

test("every bucket is read as the library that encoded it counts it", () => {
  fc.assert(
    fc.property(values, (groups) => {
      const all = groups.flat();
      const text = encoded(all);
      const ours = decode(text);
      const theirs = hdr.decodeFromCompressedBase64(text) as hdr.Histogram & {
        getCountAtValue(value: number): number;
      };
      assert.equal(ours.total, all.length);
      for (const [i, bucket] of ours.buckets.entries()) {
        const nanoseconds = Math.round(bucketMiddle(bucket) * 1e6); // a whole number, but for the division
        assert.equal(ours.counts[i], theirs.getCountAtValue(nanoseconds));
      }
    }),
  );
});

test("percentiles, mean and extremes are those of the values, to three digits", () => {
  fc.assert(
    fc.property(values, (groups) => {
      const all = groups.flat();
      const histogram = decode(encoded(all));
      const close = (got: number, want: number) => Math.abs(got - want) <= want / 1000 + 1e-6;
      for (const percent of [0, 10, 50, 90, 99, 99.9, 100]) {
        const [got, want] = [quantile(histogram, percent / 100), percentile(all, percent)];
        assert.ok(close(got, want), `p${percent}: ${got}, want ${want}`);
      }
      assert.ok(close(mean(histogram), all.reduce((sum, value) => sum + value) / all.length));
      assert.ok(close(smallest(histogram), Math.min(...all)) && close(largest(histogram), Math.max(...all)));
    }),
  );
});

test("merging histograms is the histogram of all values, however they are grouped", () => {
  fc.assert(
    fc.property(values, (groups) => {
      const together = decode(encoded(groups.flat()));
      const parts = groups.map((group) => decode(encoded(group)));
      assert.deepEqual(merge(parts), together);
      assert.deepEqual(
        parts.reduce((sum, part) => merge([sum, part])),
        together,
      );
    }),
  );
});

test("20 µs keep three digits", () => {
  const histogram = decode(encoded([0.0201, 0.0202]));
  assert.equal(smallest(histogram).toPrecision(3), "0.0201");
  assert.equal(largest(histogram).toPrecision(3), "0.0202");
});

test("an empty histogram has no percentile", () => {
  const histogram = decode(encoded([]));
  assert.equal(histogram.total, 0);
  assert.ok(Number.isNaN(quantile(histogram, 0.5)) && Number.isNaN(smallest(histogram)));
});

/** An encoded histogram with other content. */
function forged(counters: readonly number[], change: (header: Buffer) => void = () => {}): string {
  const header = Buffer.alloc(40);
  header.writeInt32BE(0x1c849313, 0);
  header.writeInt32BE(counters.length, 4);
  header.writeInt32BE(3, 12);
  header.writeBigInt64BE(1n, 16);
  header.writeBigInt64BE(2n ** 48n - 1n, 24);
  change(header);
  const body = deflateSync(Buffer.concat([header, Buffer.from(counters)]));
  const outer = Buffer.alloc(8);
  outer.writeInt32BE(0x1c849314, 0);
  outer.writeInt32BE(body.length, 4);
  return Buffer.concat([outer, body]).toString("base64");
}

test("a forged histogram that is right is read: the forgeries below fail for their own reason", () => {
  const { buckets, counts } = decode(forged([2, 1, 4]));
  assert.deepEqual(
    [[...buckets], [...counts]],
    [
      [0, 2],
      [1, 2],
    ],
  );
});

const forgeries: [sentence: string, text: string, message: RegExp][] = [
  ["no text at all", "", /too short/],
  ["not base64 of anything of ours", Buffer.from("some other bytes").toString("base64"), /not in V2/],
  ["cut in the middle", encoded([1, 2, 3]).slice(0, 40), /cut short/],
  ["not compressed", forged([2]).replace(/.{12}$/, "AAAAAAAAAAAA"), /not decompressible/],
  ["a bomb of zeros", forged(Array(1_000_000).fill(0)), /not decompressible/],
  ["other digits", forged([2], (header) => header.writeInt32BE(2, 12)), /of another shape \(2 digits/],
  ["other bounds", forged([2], (header) => header.writeBigInt64BE(7n, 24)), /of another shape/],
  ["a count cut short", forged([0x80]), /cut short/],
  ["a count beyond all bounds", forged([0xfe, ...Array(8).fill(0xff)]), /more values than can be counted/],
  ["a run of empty buckets beyond the last", forged([0xff, 0xf0, 0x04, 2]), /more buckets than there are/],
];
for (const [sentence, text, message] of forgeries) {
  test(`refused: ${sentence}`, () => {
    assert.throws(() => decode(text), message);
  });
}
