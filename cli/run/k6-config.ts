import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { UserError } from "../command.ts";
import { configPath, type K6Config, parseK6Config } from "./k6-options.ts";

/**
 * Reads the configuration file that k6's flags name.
 *
 * @param cwd against which its path is resolved
 * @returns what it holds; nothing where no file is named
 * @throws {@link UserError} where it cannot be read, or holds what a run keeps for itself
 */
export async function readK6Config(flags: readonly string[], cwd: string): Promise<K6Config> {
  const path = configPath(flags);
  if (path === undefined) return {};
  return readConfigFile("-- -c", path, cwd);
}

/** Reads one by its path; `flag` names it in errors. */
export async function readConfigFile(flag: string, path: string, cwd: string): Promise<K6Config> {
  if (path === "") throw new UserError(`${flag}: expected a file, got nothing`);
  const json = await readFile(resolve(cwd, path), "utf8").catch((error) => {
    throw new UserError(`${flag}: expected a readable file, got ${path} (${error.code})`);
  });
  return parseK6Config(`${flag} ${path}`, json);
}
