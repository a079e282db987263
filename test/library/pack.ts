import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { packageFile } from "../../cli/package-file.ts";
import { buildOnce } from "../build-once.ts";

/** Packs this package into a directory, and gives the archive's path. Types are written for it, one process at a time. */
export async function pack(directory: string): Promise<string> {
  const { stdout } = await buildOnce("pack", () =>
    promisify(execFile)("npm", ["pack", "--silent", "--pack-destination", directory], {
      cwd: packageFile("."),
    }),
  );
  return join(directory, stdout.trim().split("\n").at(-1)!);
}
