import { type Document, isMap, isScalar, Lexer, LineCounter, parseDocument, visit } from "yaml";
import { parseJsonText } from "../json-text.ts";
import { AsyncApiError } from "./problem.ts";

/** What one document with all its files may consist of. Real ones have some ten thousand values. */
export const MOST = {
  fileBytes: 4 * 1024 * 1024,
  /** Of one file that is YAML, whose parser takes more time than that of JSON. */
  yamlCharacters: 1024 * 1024,
  files: 200,
  /** Objects, lists and plain values, each time that an alias of YAML repeats them. */
  values: 500_000,
  /** Objects and lists in one another. */
  depth: 100,
  /** Anchors and tags of one YAML file. */
  anchors: 5_000,
  /** How often aliases repeat an anchor, those in one another multiplied. */
  aliases: 10_000,
} as const;

/** Counts the bytes and values read so far; shared by the files of one document. */
export interface Budget {
  values: number;
}

/**
 * Reads the text of one file, JSON or YAML 1.2, as plain JSON: own objects and lists, no two of which are the same one.
 *
 * @throws AsyncApiError where it is neither, or too large
 */
export function parseText(text: string, file: string, budget: Budget): unknown {
  try {
    return plain(parse(text), 0, budget);
  } catch (error) {
    if (error instanceof RangeError) throw new AsyncApiError(`${file}: ${TOO_DEEP}`);
    if (error instanceof Unusable) throw new AsyncApiError(`${file}: ${error.message}`);
    throw error;
  }
}

const TOO_DEEP = `expected objects and lists at most ${MOST.depth} deep, got deeper ones`;

class Unusable extends Error {}

function parse(text: string): unknown {
  let error: unknown;
  if (/^\ufeff?\s*[{[]/.test(text)) {
    try {
      return parseJsonText(text);
    } catch (problem) {
      error = problem; // YAML may begin with a brace, too
    }
  }
  try {
    return parseYaml(text);
  } catch (problem) {
    if (error === undefined || !(problem instanceof Unusable)) throw problem;
    throw new Unusable(`expected JSON or YAML, got text that is not (${(error as Error).message})`);
  }
}

function parseYaml(text: string): unknown {
  boundYaml(text);
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { merge: true, logLevel: "silent", uniqueKeys: false, lineCounter });
  const [error] = document.errors;
  if (error) {
    const line = error.linePos?.[0].line;
    const where = line === undefined ? "" : ` in line ${line}`;
    throw new Unusable(`expected JSON or YAML, got text that is not (${error.code.toLowerCase()}${where})`);
  }
  refuseRepeatedKeys(document, lineCounter);
  try {
    return document.toJS({ maxAliasCount: MOST.aliases });
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    throw new Unusable(`expected aliases of YAML that repeat at most ${MOST.aliases} times, got more`);
  }
}

/** The parser's time grows with the square of these. */
function boundYaml(text: string): void {
  if (text.length > MOST.yamlCharacters)
    throw new Unusable(`expected at most ${MOST.yamlCharacters} characters of YAML, got ${text.length}`);
  let anchors = 0;
  let depth = 0;
  for (const token of new Lexer().lex(text)) {
    if (/^[&!]/.test(token) && ++anchors > MOST.anchors)
      throw new Unusable(`expected at most ${MOST.anchors} anchors and tags of YAML, got more`);
    if (token === "{" || token === "[") depth++;
    if (token === "}" || token === "]") depth--;
    if (depth > MOST.depth) throw new Unusable(TOO_DEEP);
  }
}

/** The parser compares each key with each other. */
function refuseRepeatedKeys(document: Document.Parsed, lines: LineCounter): void {
  visit(document, {
    Map: (_, map) => {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key) || key.value === "<<") continue;
        const name = String(key.value);
        const { line } = lines.linePos(key.range?.[0] ?? 0);
        if (seen.has(name)) throw new Unusable(`expected keys that differ, got one twice in line ${line}`);
        seen.add(name);
      }
    },
    Pair: (_, { key }) => {
      if (isMap(key)) throw new Unusable("expected keys that are text, got an object");
    },
  });
}

function plain(value: unknown, depth: number, budget: Budget): unknown {
  budget.values++;
  if (budget.values > MOST.values)
    throw new Unusable(`expected at most ${MOST.values} values in all files, got more`);
  if (depth > MOST.depth) throw new Unusable(TOO_DEEP);
  if (Array.isArray(value)) return value.map((item) => plain(item, depth + 1, budget));
  if (typeof value === "number" && !Number.isFinite(value))
    throw new Unusable(`expected values of JSON, got ${value}`);
  if (typeof value !== "object" || value === null) return value;
  // fromEntries makes an own field of "__proto__", too.
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, plain(item, depth + 1, budget)]),
  );
}
