import { open } from "node:fs/promises";

/** A line of a recording is far shorter: 5,000 series of 4 KB each. */
const LONGEST_LINE = 64 * 1024 * 1024;

export interface Line {
  /** Counted from 1. */
  readonly number: number;
  readonly text: string;
  /** Whether a line feed ends it: without, the rest may be missing. */
  readonly isWhole: boolean;
}

/**
 * Reads a file line by line, in memory for one line at a time.
 *
 * @throws RangeError for a line longer than {@link LONGEST_LINE}
 */
export async function* linesOf(path: string): AsyncGenerator<Line> {
  const file = await open(path);
  try {
    let number = 0;
    let parts: Buffer[] = [];
    let length = 0;
    for await (const chunk of file.createReadStream({ autoClose: false, highWaterMark: 1024 * 1024 })) {
      let start = 0;
      for (;;) {
        const end = chunk.indexOf(10, start);
        const part = chunk.subarray(start, end < 0 ? undefined : end);
        parts.push(part);
        length += part.length;
        if (length > LONGEST_LINE)
          throw new RangeError(`line ${number + 1} is longer than any of a recording`);
        if (end < 0) break;
        number += 1;
        const text = Buffer.concat(parts).toString("utf8");
        yield { number, text: number === 1 ? text.replace(/^\ufeff/, "") : text, isWhole: true };
        parts = [];
        length = 0;
        start = end + 1;
      }
    }
    if (length > 0) {
      yield { number: number + 1, text: Buffer.concat(parts).toString("utf8"), isWhole: false };
    }
  } finally {
    await file.close();
  }
}
