/** Finds users in a large file without reading it as one text, which takes two or three times its size. Pure. */
import { decodeUtf8 } from "./protocols/utf8.ts";
import { headerProblem, LINES_PER_BLOCK, records, rowProblem } from "./users.ts";
import { isJsonFile } from "./users-json.ts";

/** The users of a file. */
export interface FoundUsers {
  readonly columns: readonly string[];
  readonly length: number;
  readonly blocks: number;
  /** Makes the text of each block, as `parseUsers` has it, and lets go of the pieces on the way. To be called once. */
  texts(): Generator<string>;
}

/** Some hundred lines, or thousands: a text of them is nothing beside the file. */
const PIECE_BYTES = 262_144;
const LINE_FEED = 10;

/**
 * Copies a CSV file in pieces of whole lines. The file itself can be let go of then, and the pieces one by one.
 * Undefined where a line is longer than a piece.
 */
export function piecesOf(file: Uint8Array, pieceBytes = PIECE_BYTES): Uint8Array[] | undefined {
  const bytes = file[0] === 0xef && file[1] === 0xbb && file[2] === 0xbf ? file.subarray(3) : file;
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const isLast = at + pieceBytes >= bytes.length;
    const end = isLast ? bytes.length : at + bytes.subarray(at, at + pieceBytes).lastIndexOf(LINE_FEED) + 1;
    if (end === at) return undefined;
    pieces.push(bytes.slice(at, end));
    at = end;
  }
  return pieces;
}

/**
 * Finds the users in the pieces of a CSV file. Undefined where the file is not that plain: `parseUsers` reads all
 * files, and names the errors in them.
 */
export function findUsers(pieces: Uint8Array[]): FoundUsers | undefined {
  /** For each piece, after what the one before it left: where its blocks begin, and the last of them ends. */
  const cuts: (readonly number[])[] = [];
  let columns: readonly string[] | undefined;
  let length = 0;
  let left = "";
  for (const [index, piece] of pieces.entries()) {
    const decoded = decodeUtf8(piece);
    if (decoded === undefined) return undefined;
    const text = left + decoded;
    if (index === 0 && (isJsonFile(text) || !text.includes("\n"))) return undefined;
    const found = linesIn(text, columns);
    if (found === undefined) return undefined;
    columns = found.columns;
    const { blocks, lines, last } = found;
    const rest = index === pieces.length - 1 ? 0 : lines % LINES_PER_BLOCK;
    const upTo = rest > 0 ? blocks.pop()! : last;
    cuts.push([...blocks, upTo]);
    length += lines - rest;
    left = text.slice(upTo);
  }
  if (columns === undefined || length === 0) return undefined;
  return { columns, length, blocks: Math.ceil(length / LINES_PER_BLOCK), texts: () => texts(pieces, cuts) };
}

function* texts(pieces: Uint8Array[], cuts: readonly (readonly number[])[]): Generator<string> {
  let left = "";
  for (const [index, cut] of cuts.entries()) {
    const text = left + decodeUtf8(pieces[index]!)!;
    pieces[index] = NOTHING;
    for (let block = 0; block + 1 < cut.length; block++) yield text.slice(cut[block], cut[block + 1]);
    left = text.slice(cut.at(-1));
  }
}

const NOTHING = new Uint8Array();

interface Found {
  readonly columns: readonly string[];
  readonly lines: number;
  /** The offset of each block in the text. */
  readonly blocks: number[];
  /** The end of the last line that is not blank. */
  readonly last: number;
}

/** @param known the columns; undefined where the header comes first */
function linesIn(text: string, known: readonly string[] | undefined): Found | undefined {
  let columns = known;
  let lines = 0;
  let last = 0;
  const blocks: number[] = [];
  for (const { fields, at, end } of records(text)) {
    if (fields === undefined) return undefined;
    last = end;
    if (columns === undefined) {
      columns = fields.map((name) => name.trim());
      if (headerProblem(columns)) return undefined;
      continue;
    }
    if (rowProblem(fields, columns)) return undefined;
    if (lines % LINES_PER_BLOCK === 0) blocks.push(at);
    lines++;
  }
  return columns && { columns, lines, blocks, last };
}
