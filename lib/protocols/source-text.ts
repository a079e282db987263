import { isArrayIndex } from "./pointer.ts";

/**
 * The characters that a value was written with in a JSON text: an identifier of 9007199254740993 (2^53 + 1)
 * keeps every digit, which no JavaScript number could.
 *
 * @param json a text that `JSON.parse` accepted; of repeated keys the last counts, as it does there.
 * @returns undefined when the tokens lead nowhere.
 */
export function sourceText(json: string, tokens: readonly string[]): string | undefined {
  const place = placeOf(json, tokens);
  return place && json.slice(place.start, place.end);
}

/** As {@link sourceText}, where the characters are. */
export function placeOf(json: string, tokens: readonly string[]): { start: number; end: number } | undefined {
  const start = startOf(json, tokens);
  return start === undefined ? undefined : { start, end: skipValue(json, start) };
}

/** As {@link sourceText}, of each element of the array there; undefined where there is none. */
export function elementTexts(json: string, tokens: readonly string[]): Iterable<string> | undefined {
  const start = startOf(json, tokens);
  return start !== undefined && json.charCodeAt(start) === OPEN_BRACKET
    ? elementsFrom(json, start)
    : undefined;
}

function* elementsFrom(json: string, start: number): Generator<string> {
  for (let at = skipSpace(json, start + 1); at < json.length && json.charCodeAt(at) !== CLOSE_BRACKET; ) {
    const end = skipValue(json, at);
    yield json.slice(at, end);
    at = skipComma(json, end);
  }
}

function startOf(json: string, tokens: readonly string[]): number | undefined {
  let start = skipSpace(json, 0);
  for (const token of tokens) {
    const opening = json.charCodeAt(start);
    let found: number | undefined;
    if (opening === OPEN_BRACE) found = findMember(json, start, token);
    else if (opening === OPEN_BRACKET && isArrayIndex(token)) found = findElement(json, start, Number(token));
    if (found === undefined) return undefined;
    start = found;
  }
  return start;
}

// Character codes, since this runs for each message and indexing a string makes a new one each time.
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;

function findMember(json: string, start: number, name: string): number | undefined {
  let found: number | undefined;
  let at = skipSpace(json, start + 1);
  while (json.charCodeAt(at) === QUOTE) {
    const end = skipString(json, at);
    const key = json.slice(at + 1, end - 1);
    const value = skipSpace(json, skipSpace(json, end) + 1);
    if ((key.includes("\\") ? JSON.parse(`"${key}"`) : key) === name) found = value;
    at = skipComma(json, skipValue(json, value));
  }
  return found;
}

function findElement(json: string, start: number, index: number): number | undefined {
  let at = skipSpace(json, start + 1);
  for (let left = index; at < json.length && json.charCodeAt(at) !== CLOSE_BRACKET; left--) {
    if (left === 0) return at;
    at = skipComma(json, skipValue(json, at));
  }
  return undefined;
}

/** Iterative, so that a deeply nested message of a hostile server cannot exhaust the stack. */
function skipValue(json: string, start: number): number {
  let depth = 0;
  let at = start;
  do {
    const code = json.charCodeAt(at);
    if (code === QUOTE) at = skipString(json, at);
    else if (code === COMMA || code === COLON || code <= SPACE) at++;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      depth++;
      at++;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth--;
      at++;
    } else at = skipLiteral(json, at);
  } while (depth > 0 && at < json.length);
  return at;
}

function skipString(json: string, start: number): number {
  let end = json.indexOf('"', start + 1);
  while (end !== -1) {
    let backslashes = 0;
    while (json.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end + 1;
    end = json.indexOf('"', end + 1);
  }
  return json.length;
}

function skipLiteral(json: string, start: number): number {
  let at = start;
  for (let code = json.charCodeAt(at); at < json.length; code = json.charCodeAt(++at)) {
    if (code === COMMA || code === CLOSE_BRACE || code === CLOSE_BRACKET || code <= SPACE) break;
  }
  return at;
}

function skipComma(json: string, start: number): number {
  const at = skipSpace(json, start);
  return json.charCodeAt(at) === COMMA ? skipSpace(json, at + 1) : at;
}

function skipSpace(json: string, start: number): number {
  let at = start;
  while (json.charCodeAt(at) <= SPACE) at++;
  return at;
}
