import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Makes a directory, and those that lead to it, unless they are there. Not by Node.js's `recursive`, which tries for
 * ever where the parent is there but has no room for it, such as /proc.
 *
 * @throws the system's error where that cannot be done
 */
export async function makeDirectory(path: string): Promise<void> {
  try {
    await makeOne(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    await makeDirectory(dirname(path));
    await makeOne(path);
  }
}

async function makeOne(path: string): Promise<void> {
  await mkdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}
