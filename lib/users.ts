/** The users of a run, from a CSV file: one line for each connection, each column a variable. Pure. */
import { VARIABLES } from "./protocols/variables.ts";
import { SettingsError } from "./settings.ts";

/** Who connects. */
export interface Users {
  /** Lines of the file; 0 where there is none. */
  readonly length: number;
  /** The names in its header line. */
  readonly columns: readonly string[];
  /** Where they are kept. */
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
export const NO_TABLE: UserTable = { columns: [], length: 0, row: () => [] };

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

/** The lines of {@link parseUsers} as a table. */
export const tableOf = (lines: readonly (readonly string[])[]): UserTable => ({
  columns: lines[0]!,
  length: lines.length - 1,
  row: (index) => lines[index + 1]!,
});

/**
 * Reads CSV (RFC 4180) with a header line. A byte order mark, CRLF and blank lines at the end are taken as they come.
 * `extension/users` reads the same for swarms; `lib/users-fixtures.json` holds both to it.
 *
 * @param source how to name the file in errors
 * @returns the fields of each line, those of the header first
 * @throws {@link SettingsError} naming the line and column that is wrong; never a value, which may be a token
 */
export function parseUsers(csv: string, source: string): string[][] {
  const wrong = (where: string, expected: string, got: string) =>
    new SettingsError(`USERS: ${source}, ${where}: expected ${expected}, got ${got}`);
  const lines: string[][] = [];
  let columns: readonly string[] = [];
  let token = -1;
  for (const { line, fields } of records(csv, wrong)) {
    const where = `line ${line}`;
    if (lines.length === 0) {
      columns = fields.map((name) => name.trim());
      const problem = headerProblem(columns);
      if (problem) throw wrong(where, ...problem);
      token = columns.indexOf("token");
      lines.push([...columns]);
      continue;
    }
    if (fields.length !== columns.length) {
      const got = fields.length === 1 && fields[0]!.trim() === "" ? "an empty line" : String(fields.length);
      throw wrong(where, columns.length === 1 ? "1 field" : `${columns.length} fields`, got);
    }
    for (const [column, value] of fields.entries()) {
      const problem = column === token ? tokenProblem(value) : valueProblem(value);
      if (problem) throw wrong(`${where}, column ${columns[column]}`, ...problem);
    }
    lines.push(fields);
  }
  if (lines.length === 0) throw wrong("line 1", HEADER, "nothing");
  if (lines.length === 1) throw wrong("line 2", "at least one user", "nothing");
  return lines;
}

/** Variables of a protocol that are the scenario's to give. */
export const RESERVED: readonly string[] = Object.keys(VARIABLES).filter(
  (name) => name !== "user" && name !== "token",
);

const HEADER = "a header of names such as user,token,tenant";
const NAME = /^[A-Za-z_]\w{0,63}$/;

type Problem = readonly [expected: string, got: string];

/** Only names that cannot be a token are repeated: a file without a header line begins with one. */
function headerProblem(columns: readonly string[]): Problem | undefined {
  const isKnown = columns.some((name) => name === "user" || name === "token");
  for (const [index, name] of columns.entries()) {
    const meant = ["user", "token"].find((known) => known !== name && known === name.toLowerCase());
    if (meant) return [meant, name];
    if (RESERVED.includes(name)) return [`no column ${name}, which the scenario itself sets`, name];
    // Without a name of ours, a digit is the sign of a token where the header should be.
    if (!NAME.test(name) || (!isKnown && /\d/.test(name))) return [HEADER, "something else"];
    if (columns.indexOf(name) !== index) return [`each column once`, `${name} twice`];
  }
  return undefined;
}

const tokenProblem = (value: string): Problem | undefined => {
  if (/^[\x21-\x7e]+$/.test(value)) return undefined;
  return ["printable ASCII without spaces", value === "" ? "an empty field" : "something else"];
};

const valueProblem = (value: string): Problem | undefined => {
  if (value === "") return ["a value", "an empty field"];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  return /[\u0000-\u001f\u007f]/.test(value)
    ? ["a value without line breaks and control characters", "one with"]
    : undefined;
};

interface Line {
  /** Where it begins, counted from 1. */
  readonly line: number;
  readonly fields: string[];
}

/**
 * The records of a file without the blank ones at its end. Lines without quotes, of which there may be a hundred
 * thousand, are split by the engine's own functions: k6 interprets everything else a hundred times more slowly.
 */
function* records(
  csv: string,
  wrong: (where: string, expected: string, got: string) => SettingsError,
): Generator<Line> {
  let text = csv.charCodeAt(0) === 0xfeff ? csv.slice(1) : csv;
  if (!text.includes("\n") && text.includes("\r")) text = text.replace(/\r/g, "\n"); // as old Macs wrote
  let blank: Line[] = [];
  let line = 1;
  for (let at = 0; at < text.length; ) {
    const feed = text.indexOf("\n", at);
    const end = feed < 0 ? text.length : feed;
    const whole = text.slice(at, text.charCodeAt(end - 1) === 13 && end > at ? end - 1 : end);
    if (!whole.includes('"')) {
      const one = { line, fields: whole.split(",") };
      if (/^[ \t\r]*$/.test(whole)) {
        blank.push(one);
      } else {
        yield* blank;
        blank = [];
        yield one;
      }
      at = end + 1;
      line += 1;
      continue;
    }
    yield* blank;
    blank = [];
    const quoted = quotedRecord(text, at);
    if (quoted === undefined) throw wrong(`line ${line}`, "quotes around whole fields", "something else");
    yield { line, fields: quoted.fields };
    line += text.slice(at, quoted.end).split("\n").length - 1 || 1;
    at = quoted.end;
  }
}

/** One record with quotes in it, which may go over several lines; undefined where they are not closed. */
function quotedRecord(text: string, start: number): { fields: string[]; end: number } | undefined {
  const fields: string[] = [];
  for (let at = start; ; ) {
    if (text[at] === '"') {
      const close = closingQuote(text, at + 1);
      if (close === undefined) return undefined;
      fields.push(text.slice(at + 1, close).replaceAll('""', '"'));
      at = close + 1;
    } else {
      const from = at;
      const [comma, feed] = [text.indexOf(",", at), text.indexOf("\n", at)];
      at = Math.min(comma < 0 ? text.length : comma, feed < 0 ? text.length : feed);
      const field = text[at] === "," ? text.slice(from, at) : text.slice(from, at).replace(/\r$/, "");
      if (field.includes('"')) return undefined;
      fields.push(field);
    }
    if (text[at] === "\r" && (at + 1 === text.length || text[at + 1] === "\n")) at++;
    if (at >= text.length) return { fields, end: text.length };
    if (text[at] === "\n") return { fields, end: at + 1 };
    if (text[at] !== ",") return undefined;
    at++;
  }
}

function closingQuote(text: string, start: number): number | undefined {
  for (let at = text.indexOf('"', start); at >= 0; at = text.indexOf('"', at + 2)) {
    if (text[at + 1] !== '"') return at;
  }
  return undefined;
}
