import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Makes a directory and its missing parents. It does not use Node.js's `recursive`, which tries for ever if the
 * parent exists but cannot hold a new directory, such as /proc.
 *
 * @throws the system's error if that fails
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
