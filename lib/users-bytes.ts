/** Finds users in a large file without reading it as one text, which takes two or three times its size. Pure. */
import { decodeUtf8, encodeUtf8 } from "./protocols/utf8.ts";
import { headerProblem, LINES_PER_BLOCK, records, rowProblem } from "./users.ts";
import { isJsonFile } from "./users-json.ts";

/** The users of a file, and their places in it. */
export interface UserBlocks {
  readonly columns: readonly string[];
  readonly length: number;
  readonly blocks: number;
  /** Makes the text of one block, as `parseUsers` has it. */
  blockAt(index: number): string;
}

/** Some hundred lines, or thousands: a text of them is nothing beside the file. */
const PIECE_BYTES = 262_144;
const LINE_FEED = 10;

/**
 * Finds the users of a CSV file, piece by piece. Undefined where the file is not that plain: `parseUsers`
 * reads all files, and names the errors in them.
 */
export function findUsers(file: Uint8Array, pieceBytes = PIECE_BYTES): UserBlocks | undefined {
  const bytes = file[0] === 0xef && file[1] === 0xbb && file[2] === 0xbf ? file.subarray(3) : file;
  const starts: number[] = [];
  let columns: readonly string[] | undefined;
  let length = 0;
  for (let at = 0; at < bytes.length; ) {
    const isLast = at + pieceBytes >= bytes.length;
    const end = isLast ? bytes.length : bytes.subarray(at, at + pieceBytes).lastIndexOf(LINE_FEED) + 1 + at;
    const text = decodeUtf8(bytes.subarray(at, end));
    if (text === undefined || (at === 0 && (isJsonFile(text) || !text.includes("\n")))) return undefined;
    const piece: Piece | undefined = linesIn(text, columns);
    if (piece === undefined) return undefined;
    columns = piece.columns;
    const { blocks, lines, last } = piece;
    const rest = isLast ? 0 : lines % LINES_PER_BLOCK;
    if (!isLast && lines - rest === 0) return undefined;
    // What follows the last whole block is read again, with the next piece.
    const upTo = rest > 0 ? blocks.pop()! : last;
    const inBytes = offsetsInBytes(text, [...blocks, upTo]);
    for (const offset of inBytes) starts.push(at + offset);
    length += lines - rest;
    if (isLast) break;
    at = starts.pop()!;
  }
  if (columns === undefined || length === 0) return undefined;
  return {
    columns,
    length,
    blocks: starts.length - 1,
    blockAt: (index) => decodeUtf8(bytes.subarray(starts[index], starts[index + 1]))!,
  };
}

interface Piece {
  readonly columns: readonly string[];
  readonly lines: number;
  /** The offset of each block in the text. */
  readonly blocks: number[];
  /** The end of the last line that is not blank. */
  readonly last: number;
}

/** @param known the columns; undefined where the header comes first */
function linesIn(text: string, known: readonly string[] | undefined): Piece | undefined {
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

/** Ascending offsets into a text as offsets into its UTF-8. */
function offsetsInBytes(text: string, offsets: readonly number[]): readonly number[] {
  if (encodeUtf8(text).length === text.length) return offsets;
  let chars = 0;
  let bytes = 0;
  return offsets.map((offset) => {
    bytes += encodeUtf8(text.slice(chars, offset)).length;
    chars = offset;
    return bytes;
  });
}
