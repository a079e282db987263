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

const [COMMA, QUOTE, LIST, LIST_END, OBJECT, OBJECT_END] = [0x2c, 0x22, 0x5b, 0x5d, 0x7b, 0x7d];

/** Counts lists, objects and the commas between values outside of strings: no fewer values than that. */
function excessIn(text: string): "values" | "levels" | undefined {
  let values = 0;
  let strings = 0;
  let level = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = stringEnd(text, at) - 1;
      if (++strings > 2 * MOST_VALUES) return "values"; // a name and a value each
    } else if (code === COMMA || code === LIST || code === OBJECT) {
      if (++values > MOST_VALUES) return "values";
      if (code !== COMMA && ++level > MOST_JSON_LEVELS) return "levels";
    } else if (code === LIST_END || code === OBJECT_END) level--;
  }
  return undefined;
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
