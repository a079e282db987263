/**
 * Whether a text is too much for `JSON.parse` of k6. That takes memory many times the text's for small values, and ends
 * the process if brackets go millions of levels deep. Pure.
 */
import { MOST_VALUES } from "./codecs/codec.ts";

/** How deep JSON may be nested. In the engine it is `maxDepth` of `extension/engine/protocol/scan.go`. */
export const MOST_JSON_LEVELS = 10_000;

/** Why a text is not parsed. Undefined where it may be, JSON or not. */
export function excessOf(text: string): "values" | "levels" | undefined {
  // Short texts, and those of few brackets and commas, cost no look at their structure.
  if (text.length <= 2 * MOST_JSON_LEVELS) return undefined;
  const brackets = count(text, "[", MOST_JSON_LEVELS) + count(text, "{", MOST_JSON_LEVELS);
  const isShallow = brackets <= MOST_JSON_LEVELS;
  if (isShallow && text.length < 2 * MOST_VALUES) return undefined;
  if (isShallow && brackets + count(text, ",", MOST_VALUES) < MOST_VALUES) return undefined;
  return excessIn(text);
}

/** How often a character is in a text; one more than `most` where it is more often. */
function count(text: string, character: string, most: number): number {
  let found = 0;
  for (let at = text.indexOf(character); at !== -1 && found <= most; at = text.indexOf(character, at + 1))
    found++;
  return found;
}

/** What begins a string or a value, and what ends a level. */
const MARKS = ['"', "[", "{", ",", "]", "}"] as const;

/** Counts lists, objects and the commas between values outside of strings: no fewer values than that. */
function excessIn(text: string): "values" | "levels" | undefined {
  const next = MARKS.map((mark) => text.indexOf(mark));
  let values = 0;
  let strings = 0;
  let level = 0;
  for (;;) {
    let mark = -1;
    let at = text.length;
    for (let i = 0; i < MARKS.length; i++) {
      const place = next[i]!;
      if (place !== -1 && place < at) {
        mark = i;
        at = place;
      }
    }
    let from = at + 1;
    if (mark === -1) return undefined;
    if (mark === 0) {
      from = stringEnd(text, at);
      if (++strings > 2 * MOST_VALUES) return "values"; // a name and a value each
    } else if (mark <= 3) {
      if (++values > MOST_VALUES) return "values";
      if (mark < 3 && ++level > MOST_JSON_LEVELS) return "levels";
    } else level--;
    for (let i = 0; i < MARKS.length; i++) {
      if (next[i]! !== -1 && next[i]! < from) next[i] = text.indexOf(MARKS[i]!, from);
    }
  }
}

/** Behind the quotation mark that ends the string which begins at an index. */
function stringEnd(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let slashes = 0;
    while (text[at - 1 - slashes] === "\\") slashes++;
    if (slashes % 2 === 0) return at + 1;
  }
  return text.length;
}
