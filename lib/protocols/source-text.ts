import { isArrayIndex } from "./pointer.ts";

/**
 * The characters that a value was written with in a JSON text: an identifier of 9007199254740993 (2^53 + 1)
 * keeps every digit, which no JavaScript number could.
 *
 * @param json a text that `JSON.parse` accepted; of repeated keys the last counts, as it does there.
 * @returns undefined when the tokens lead nowhere.
 */
export function sourceText(json: string, tokens: readonly string[]): string | undefined {
  let start = skipSpace(json, 0);
  for (const token of tokens) {
    const opening = json[start];
    const found =
      opening === "{"
        ? findMember(json, start, token)
        : opening === "["
          ? findElement(json, start, token)
          : undefined;
    if (found === undefined) return undefined;
    start = found;
  }
  return json.slice(start, skipValue(json, start));
}

function findMember(json: string, start: number, name: string): number | undefined {
  let found: number | undefined;
  let at = skipSpace(json, start + 1);
  while (json[at] === '"') {
    const end = skipString(json, at);
    const key = json.slice(at + 1, end - 1);
    const value = skipSpace(json, skipSpace(json, end) + 1);
    if ((key.includes("\\") ? JSON.parse(`"${key}"`) : key) === name) found = value;
    at = skipSpace(json, skipValue(json, value));
    if (json[at] === ",") at = skipSpace(json, at + 1);
  }
  return found;
}

function findElement(json: string, start: number, index: string): number | undefined {
  if (!isArrayIndex(index)) return undefined;
  let at = skipSpace(json, start + 1);
  for (let left = Number(index); json[at] !== "]"; left--) {
    if (left === 0) return at;
    at = skipSpace(json, skipValue(json, at));
    if (json[at] !== ",") return undefined;
    at = skipSpace(json, at + 1);
  }
  return undefined;
}

/** Iterative, so that a deeply nested message of a hostile server cannot exhaust the stack. */
function skipValue(json: string, start: number): number {
  let depth = 0;
  let at = start;
  do {
    const character = json[at];
    if (character === '"') at = skipString(json, at);
    else if (character === "{" || character === "[") {
      depth++;
      at++;
    } else if (character === "}" || character === "]") {
      depth--;
      at++;
    } else if (isStructure(character)) at++;
    else at = skipLiteral(json, at);
  } while (depth > 0 && at < json.length);
  return at;
}

function skipString(json: string, start: number): number {
  let end = json.indexOf('"', start + 1);
  while (end !== -1) {
    let backslashes = 0;
    while (json[end - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return end + 1;
    end = json.indexOf('"', end + 1);
  }
  return json.length;
}

function skipLiteral(json: string, start: number): number {
  let at = start;
  while (at < json.length && !isStructure(json[at]) && !/[\]}]/.test(json[at]!)) at++;
  return at;
}

function skipSpace(json: string, start: number): number {
  let at = start;
  while (isSpace(json[at])) at++;
  return at;
}

const isSpace = (c: string | undefined) => c === " " || c === "\n" || c === "\t" || c === "\r";
const isStructure = (c: string | undefined) => c === "," || c === ":" || isSpace(c);
