/** Writes new files, never over old ones. */
import { lstatSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { EXIT, UserError } from "../command.ts";

/**
 * Writes all of the files, or none.
 *
 * @param files each file's text by its path below `cwd`
 * @throws {@link UserError} naming the files that are there already, or the one that could not be written
 */
export async function writeNew(files: Readonly<Record<string, string>>, cwd: string): Promise<void> {
  const there = Object.keys(files).filter((path) => isThere(join(cwd, path)));
  if (there.length > 0)
    throw new UserError(
      `init: overwrites nothing, and ${there.join(", ")} exist${there.length === 1 ? "s" : ""}`,
    );
  const written: string[] = [];
  for (const [path, text] of Object.entries(files)) {
    const full = join(cwd, path);
    try {
      await mkdir(dirname(full), { recursive: true });
      await writeFile(full, text, { flag: "wx" });
      written.push(full);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // One that somebody else made meanwhile is theirs; one cut short by a full disk is ours.
      const ours = code === "EEXIST" ? written : [...written, full];
      for (const one of ours) await rm(one, { force: true }).catch(() => {}); // it was never made
      throw new UserError(`init: ${path}: ${(error as Error).message}: nothing was written`, EXIT.error);
    }
  }
}

/** A link that leads nowhere is there too. What cannot be looked at, writing will name. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}
