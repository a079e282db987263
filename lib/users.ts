/** The users of a run, from a file of CSV or JSON lines: one line for each connection, each column a variable. Pure. */
import { counted } from "./counted.ts";
import { VARIABLES } from "./protocols/variables.ts";
import { SettingsError } from "./settings.ts";
import { isToken, shapeOf } from "./shape.ts";
import { csvOfJsonLines, isJsonFile, JsonLineError } from "./users-json.ts";

/** Who connects. */
export interface Users {
  /** Lines of the file; 0 where there is none. */
  readonly length: number;
  /** The names in its header line. */
  readonly columns: readonly string[];
  /** The table that keeps them. */
  readonly table: UserTable;
  /**
   * The variables of a connection, numbered from 0 within the run: the columns of its line, over again when there are
   * fewer lines. Without a column `user` that is `user-N`, N being the connection; without `token`, `WS_TOKEN`.
   */
  at(connection: number): User;
}

/** One connection's variables. */
export type User = Readonly<Record<string, string>> & { readonly user: string; readonly token: string };

/** A header line and the lines below it, wherever they are kept. */
export interface UserTable {
  readonly columns: readonly string[];
  readonly length: number;
  row(index: number): readonly string[];
}

/** What there is without a file. */
export const NO_USERS: UserTable = { columns: [], length: 0, row: () => [] };

/** @param token for those whose line has none */
export function usersOf(table: UserTable, token: string): Users {
  const { columns, length } = table;
  return {
    columns,
    length,
    table,
    at(connection) {
      const user: Record<string, string> = { user: `user-${connection}`, token };
      if (length > 0) {
        const row = table.row(connection % length);
        columns.forEach((name, column) => {
          user[name] = row[column]!;
        });
      }
      return user as User;
    },
  };
}

/** A file of users, checked: its lines as they are, some of them together. */
export interface UserFile {
  readonly columns: readonly string[];
  readonly length: number;
  /** {@link LINES_PER_BLOCK} lines each, but for the last. */
  readonly blocks: readonly string[];
}

/**
 * Few enough that splitting a block costs nothing, many enough that a hundred thousand users do not become a hundred
 * thousand texts.
 */
export const LINES_PER_BLOCK = 16;

/** @param blockAt where each block comes from */
export const tableOf = (
  { columns, length }: Pick<UserFile, "columns" | "length">,
  blockAt: (index: number) => string,
): UserTable => ({
  columns,
  length,
  row(index) {
    let before = index % LINES_PER_BLOCK;
    for (const { fields } of records(blockAt(Math.floor(index / LINES_PER_BLOCK)))) {
      if (before-- === 0) return fields!;
    }
    throw new RangeError(`expected one of ${length} users, got ${index}`);
  },
});

/**
 * Reads CSV (RFC 4180) with a header line, or JSON lines. A byte order mark, CRLF and blank lines at the end are taken as
 * they come.
 * `extension/users` reads the same for swarms; `lib/users-fixtures.json` holds both to it.
 *
 * @param source how to name the file in errors
 * @throws {@link SettingsError} naming the line and column that is wrong; never a value, which may be a token
 */
export function parseUsers(given: string, source: string): UserFile {
  const isJson = isJsonFile(given);
  const wrong = (at: number, column: string | undefined, [expected, got]: Problem) => {
    const line = isJson ? Math.max(1, at - 1) : at; // what it was rewritten as has a header more
    return new SettingsError(
      `USERS: ${source}, line ${line}${column ? `, column ${column}` : ""}: expected ${expected}, got ${got}`,
    );
  };
  const text = linesOf(isJson ? rewritten(given, wrong) : given);
  let columns: readonly string[] | undefined;
  const blocks: string[] = [];
  let length = 0;
  let start = 0;
  let last = 0;
  for (const { line, fields, at, end } of records(text)) {
    if (fields === undefined) throw wrong(line, undefined, ["quotes around whole fields", "something else"]);
    last = end;
    if (columns === undefined) {
      columns = fields.map((name) => name.trim());
      const problem = headerProblem(columns);
      if (problem) throw wrong(line, undefined, problem);
      start = end;
      continue;
    }
    const problem = rowProblem(fields, columns);
    if (problem) throw wrong(line, problem.column, problem.what);
    if (length > 0 && length % LINES_PER_BLOCK === 0) {
      blocks.push(text.slice(start, at));
      start = at;
    }
    length += 1;
  }
  if (columns === undefined) throw wrong(1, undefined, [HEADER, "nothing"]);
  if (length === 0) throw wrong(2, undefined, ["at least one user", "nothing"]);
  blocks.push(text.slice(start, last));
  return { columns, length, blocks };
}

/** JSON lines as CSV, with errors worded as for any file. */
function rewritten(
  given: string,
  wrong: (line: number, column: string | undefined, problem: Problem) => SettingsError,
): string {
  try {
    return csvOfJsonLines(given);
  } catch (error) {
    if (!(error instanceof JsonLineError)) throw error;
    throw wrong(error.line + 1, error.column, [error.expected, error.got]);
  }
}

/** Without a byte order mark, and with the ends of lines that this reader knows: old Macs wrote CR alone. */
function linesOf(csv: string): string {
  const text = csv.charCodeAt(0) === 0xfeff ? csv.slice(1) : csv;
  return text.includes("\r") && !text.includes("\n") ? text.replaceAll("\r", "\n") : text;
}

/** Variables of a protocol that are the scenario's to give. */
export const RESERVED: readonly string[] = Object.keys(VARIABLES).filter(
  (name) => name !== "user" && name !== "token",
);

const HEADER = "a header of names such as user,token,tenant";
const NAME = /^[A-Za-z_]\w{0,63}$/;

type Problem = readonly [expected: string, got: string];

/** Only names that cannot be a token are repeated: a file without a header line begins with one. */
export function headerProblem(columns: readonly string[]): Problem | undefined {
  const isKnown = columns.some((name) => name === "user" || name === "token");
  for (const [index, name] of columns.entries()) {
    const meant = ["user", "token"].find((known) => known !== name && known === name.toLowerCase());
    if (meant) return [meant, name];
    if (RESERVED.includes(name)) return [`no column ${name}, which the scenario itself sets`, name];
    // Without a name of ours, a digit is the sign of a token where the header should be.
    if (!NAME.test(name) || (!isKnown && /\d/.test(name))) {
      return [HEADER, headerShape(columns, name)];
    }
    if (columns.indexOf(name) !== index) return [`each column once`, `${name} twice`];
  }
  return undefined;
}

/** What stands where a header should, without any text of it, which may be a token. */
function headerShape(columns: readonly string[], name: string): string {
  if (name.includes("\0")) return "UTF-16, where UTF-8 is expected";
  if (columns.length > 1) return "something else";
  const other = SEPARATORS.find(([mark]) => name.includes(mark));
  return other ? `one with ${other[1]} in place of commas` : "something else";
}

/** Spreadsheets write them where the comma is the decimal mark, or as they copy. */
const SEPARATORS = [
  [";", "semicolons"],
  ["\t", "tabs"],
] as const;

/** The first error of a line, and its column; undefined for a line without one. */
export function rowProblem(
  fields: readonly string[],
  columns: readonly string[],
): { readonly column: string | undefined; readonly what: Problem } | undefined {
  if (fields.length !== columns.length) return { column: undefined, what: countProblem(fields, columns) };
  for (let column = 0; column < columns.length; column++) {
    const value = fields[column]!;
    const what = columns[column] === "token" ? tokenProblem(value) : valueProblem(value);
    if (what) return { column: columns[column], what };
  }
  return undefined;
}

function countProblem(fields: readonly string[], columns: readonly string[]): Problem {
  const got = fields.length === 1 && fields[0]!.trim() === "" ? "an empty line" : String(fields.length);
  return [counted(columns.length, "field"), got];
}

const tokenProblem = (value: string): Problem | undefined => {
  if (isToken(value)) return undefined;
  return ["printable ASCII without spaces", value === "" ? "an empty field" : shapeOf(value)];
};

const valueProblem = (value: string): Problem | undefined => {
  if (value === "") return ["a value", "an empty field"];
  // What reads a file as UTF-8 puts this in the place of other bytes.
  if (value.includes("\ufffd")) return ["a value in UTF-8", "one in another encoding"];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  return /[\u0000-\u001f\u007f]/.test(value)
    ? ["a value without line breaks and control characters", "one with"]
    : undefined;
};

interface Line {
  /** The line in which it begins, counted from 1; then its index in the text, and the index of the next one. */
  readonly line: number;
  readonly at: number;
  readonly end: number;
  /** Undefined where its quotes do not close. */
  readonly fields: string[] | undefined;
}

/**
 * The records of a text without the blank ones at its end. Lines without quotes, of which there may be a hundred
 * thousand, are split by the engine's own functions: k6 interprets everything else a hundred times more slowly.
 */
export function* records(text: string): Generator<Line> {
  let blank: Line[] = [];
  let line = 1;
  for (let at = 0; at < text.length; ) {
    const feed = text.indexOf("\n", at);
    const end = feed < 0 ? text.length : feed;
    const whole = text.slice(at, end > at && text.charCodeAt(end - 1) === 13 ? end - 1 : end);
    const quoted = whole.includes('"') ? quotedRecord(text, at) : undefined;
    const one = quoted
      ? { line, at, ...quoted }
      : { line, at, end: Math.min(end + 1, text.length), fields: whole.split(",") };
    if (!quoted && BLANK.test(whole)) {
      blank.push(one);
    } else {
      if (blank.length > 0) yield* blank;
      blank = [];
      yield one;
      if (one.fields === undefined) return;
    }
    line += quoted ? Math.max(1, text.slice(at, one.end).split("\n").length - 1) : 1;
    at = one.end;
  }
}

const BLANK = /^[ \t\r]*$/;

/** One record with quotes in it, which may go over several lines. */
function quotedRecord(text: string, start: number): Pick<Line, "fields" | "end"> {
  const unclosed = { fields: undefined, end: text.length };
  const fields: string[] = [];
  for (let at = start; ; ) {
    if (text[at] === '"') {
      const close = closingQuote(text, at + 1);
      if (close === undefined) return unclosed;
      fields.push(text.slice(at + 1, close).replaceAll('""', '"'));
      at = close + 1;
    } else {
      const from = at;
      const [comma, feed] = [text.indexOf(",", at), text.indexOf("\n", at)];
      at = Math.min(comma < 0 ? text.length : comma, feed < 0 ? text.length : feed);
      const field = text[at] === "," ? text.slice(from, at) : text.slice(from, at).replace(/\r$/, "");
      if (field.includes('"')) return unclosed;
      fields.push(field);
    }
    if (text[at] === "\r" && (at + 1 === text.length || text[at + 1] === "\n")) at++;
    if (at >= text.length) return { fields, end: text.length };
    if (text[at] === "\n") return { fields, end: at + 1 };
    if (text[at] !== ",") return unclosed;
    at++;
  }
}

function closingQuote(text: string, start: number): number | undefined {
  for (let at = text.indexOf('"', start); at >= 0; at = text.indexOf('"', at + 2)) {
    if (text[at + 1] !== '"') return at;
  }
  return undefined;
}
