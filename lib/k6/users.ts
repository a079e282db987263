import { SharedArray } from "k6/data";
import type * as Realtime from "k6/x/realtime";
import { SettingsError } from "../settings.ts";
import { parseUsers, RESERVED, tableOf, type UserFile, type UserTable } from "../users.ts";
import { findUsers, piecesOf } from "../users-bytes.ts";
import { fromWorkingDir, readBytes, readInput, reasonOf, unreadable } from "./files.ts";

/**
 * Reads the users' file once for the process. k6 keeps one copy of a shared array, but one copy for each virtual user
 * of anything else. The extension needs no copy in JavaScript.
 *
 * @throws {@link SettingsError} naming the problem, never a token
 */
export function readUsers(
  path: string,
  { readUsers: read }: Partial<Pick<typeof Realtime, "readUsers">>,
): UserTable {
  return read ? byExtension(path, read) : shared(path);
}

function shared(path: string): UserTable {
  const shared: readonly unknown[] = new SharedArray(`USERS ${path}`, () => elementsOf(path));
  return tableOf(shared[0] as UserFile, (index) => shared[index + 1] as string);
}

/**
 * The file's columns and length, then its blocks. k6 takes each once, in their order, so that blocks found in its bytes
 * are texts one at a time, and the bytes go as their copy in k6 grows.
 */
function elementsOf(path: string): unknown[] {
  const pieces = piecesOf(readBytes("USERS", path));
  const found = pieces && findUsers(pieces);
  if (!found) {
    const { blocks, ...file } = parseUsers(readInput("USERS", path), path);
    return [file, ...blocks];
  }
  const { columns, length, blocks } = found;
  const elements: unknown[] = [{ columns, length }];
  const texts = found.texts();
  for (let index = 1; index <= blocks; index++) {
    Object.defineProperty(elements, index, { get: () => texts.next().value, enumerable: true });
  }
  return elements;
}

function byExtension(path: string, read: typeof Realtime.readUsers): UserTable {
  const absolute = fromWorkingDir(path);
  try {
    return read(absolute, RESERVED);
  } catch (error) {
    const reason = reasonOf(error);
    if (!/^line \d/.test(reason)) throw unreadable("USERS", absolute, error);
    throw new SettingsError(`USERS: ${path}, ${reason}`);
  }
}
