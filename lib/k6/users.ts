import { SharedArray } from "k6/data";
import type * as Realtime from "k6/x/realtime";
import { SettingsError } from "../settings.ts";
import { parseUsers, RESERVED, tableOf, type UserFile, type UserTable } from "../users.ts";
import { fromWorkingDir, readInput, reasonOf, unreadable } from "./files.ts";

/**
 * Reads the users' file once for the process: k6 keeps one copy of a shared array, where each virtual user would have
 * its own of anything else.
 *
 * @throws {@link SettingsError} naming what is wrong; never a token
 */
export function sharedUsers(path: string): UserTable {
  const shared: readonly unknown[] = new SharedArray(`USERS ${path}`, () => {
    const { blocks, ...file } = parseUsers(readInput("USERS", path), path);
    return [file, ...blocks] as unknown[];
  });
  return tableOf(shared[0] as UserFile, (index) => shared[index + 1] as string);
}

/** The same by the extension, which hands its swarms values without a copy in JavaScript. */
export const engineUsers =
  (readUsers: typeof Realtime.readUsers) =>
  (path: string): UserTable => {
    const absolute = fromWorkingDir(path);
    try {
      return readUsers(absolute, RESERVED);
    } catch (error) {
      const reason = reasonOf(error);
      if (!/^line \d/.test(reason)) throw unreadable("USERS", absolute, error);
      throw new SettingsError(`USERS: ${path}, ${reason}`);
    }
  };
