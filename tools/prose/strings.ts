/** The sentences in the strings of TypeScript, JavaScript and Go: messages, notes, help, descriptions of panels. */
import jsTokens from "js-tokens";
import { CODE } from "./sentences.ts";

/** A paragraph of a string. */
export interface Paragraph {
  /** The line at which the string begins, counted from 1. */
  readonly line: number;
  /** Each placeholder and each piece of code is one word, {@link CODE}. */
  readonly text: string;
}

/** Fewer words are a name or a label. */
const FEWEST_WORDS = 4;
const WORD = /(?<=^|[\s("])\p{L}[\p{L}\p{N}'-]*(?=[\s,.:;?!)"]|$)/gu;
/** Markup, style sheets, queries, code. */
const NOT_PROSE = /<\/?[a-z]+[ >/]|[{;]\s*$|[\w-] ?\{|\b(SELECT|FROM) |=>/;
/** The end of a paragraph, or of a cell of a table in a help text. */
const PARAGRAPH = /\n\s*\n|\n\s+|\n\||\n(?=#)| {2,}/;
const URL = /\bhttps?:\/\/[^\s)]*[^\s).,]/g;

/** A token, or a string with its quotes and escapes removed. */
interface Piece {
  readonly at: number;
  readonly kind: "string" | "plus" | "operand" | "other";
  readonly text: string;
}

/** The prose in the strings of a file. Strings that are joined by `+` are one. */
export function stringsOf(source: string, language: "go" | "js"): Paragraph[] {
  return [...joined(language === "go" ? goPieces(source) : jsPieces(source))].flatMap(({ at, text }) => {
    const line = source.slice(0, at).split("\n").length;
    return text
      .split(PARAGRAPH)
      .filter(isProse)
      .map((paragraph) => ({ line, text: plain(paragraph) }));
  });
}

const isProse = (text: string): boolean =>
  !NOT_PROSE.test(text) && (text.match(WORD)?.length ?? 0) >= FEWEST_WORDS;

const plain = (text: string): string =>
  text
    .replace(/`[^`]*`/g, CODE)
    .replace(URL, CODE)
    .replace(/\s+/g, " ")
    .trim();

/** Puts together what `+` joins. A value between two strings is a placeholder. */
function* joined(pieces: Iterable<Piece>): Generator<{ at: number; text: string }> {
  let open: { at: number; text: string } | undefined;
  let between = "";
  for (const { kind, at, text } of pieces) {
    if (kind === "string") {
      if (open && /^\+(o+\+)?$/.test(between)) open.text += (between === "+" ? "" : CODE) + text;
      else {
        if (open) yield open;
        open = { at, text };
      }
      between = "";
    } else between += kind === "plus" ? "+" : kind === "operand" ? "o" : "x";
  }
  if (open) yield open;
}

/** A template within the placeholder of another is part of the placeholder. */
function* jsPieces(source: string): Generator<Piece> {
  let at = 0;
  let depth = 0;
  let template = { at: 0, text: "" };
  for (const { type, value } of jsTokens(source)) {
    if (type === "TemplateHead" && depth++ === 0) template = { at, text: content(value, 2) + CODE };
    else if (type === "TemplateMiddle" && depth === 1) template.text += content(value, 2) + CODE;
    else if (type === "TemplateTail" && --depth === 0)
      yield { at: template.at, kind: "string", text: template.text + content(value, 1) };
    else if (depth === 0 && (type === "StringLiteral" || type === "NoSubstitutionTemplate"))
      yield { at, kind: "string", text: content(value, 1) };
    else if (depth === 0 && !/WhiteSpace|Line|Comment/.test(type))
      yield { at, kind: kindOf(value), text: value };
    at += value.length;
  }
}

/** A token without its first character and its last ones. */
const content = (token: string, last: number): string => unescaped(token.slice(1, -last));

const GO_TOKEN =
  /\/\/.*|\/\*[\s\S]*?\*\/|`(?<raw>[^`]*)`|"(?<quoted>(?:\\.|[^"\\\n])*)"|'(?:\\.|[^'\\\n])+'|\s+|[\w.]+|[\s\S]/g;
const VERB = /%%|%(?:\[\d+\])?[-+#0]*[\d*]*(?:\.[\d*]*)?(?:\[\d+\])?[a-zA-Z]/g;

function* goPieces(source: string): Generator<Piece> {
  for (const { 0: token, index: at, groups: { raw, quoted } = {} } of source.matchAll(GO_TOKEN)) {
    const text = raw ?? (quoted === undefined ? undefined : unescaped(quoted));
    if (text !== undefined)
      yield { at, kind: "string", text: text.replace(VERB, (verb) => (verb === "%%" ? "%" : CODE)) };
    else if (!/^(\s|\/[/*])/.test(token)) yield { at, kind: kindOf(token), text: token };
  }
}

/** Names, calls and indices may stand between two strings that are joined. */
const kindOf = (token: string): Piece["kind"] =>
  token === "+" ? "plus" : /^[\w.()[\]]+$/.test(token) ? "operand" : "other";

/** Line breaks stay, other escapes stand for one character. */
const unescaped = (text: string): string =>
  text.replace(/\\(?:n|t|u\{\w+\}|u\w{4}|x\w\w|\r?\n|.)/g, (sequence) =>
    sequence === "\\n" ? "\n" : sequence.length === 2 && !/[trbfv]$/.test(sequence) ? sequence[1]! : " ",
  );
