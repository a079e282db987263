import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { UserError } from "../command.ts";
import { configPath, type K6Config, parseK6Config } from "./k6-options.ts";

/**
 * Reads the configuration file that k6 will read: the one that its flags name, or the environment (`K6_CONFIG`), or the
 * one that it looks for by itself.
 *
 * @param cwd against which its path is resolved
 * @returns what it holds; nothing where there is none
 * @throws {@link UserError} where it cannot be read, or holds what a run keeps for itself
 */
export async function readK6Config(
  flags: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<K6Config> {
  const path = configPath(flags);
  if (path !== undefined) return readConfigFile("-- -c", path, cwd);
  if (env.K6_CONFIG) return readConfigFile("K6_CONFIG", env.K6_CONFIG, cwd);
  const usual = usualPath(env);
  return usual !== undefined && existsSync(usual)
    ? readConfigFile("k6's configuration file", usual, cwd)
    : {};
}

/** The path where k6 looks, by Go's os.UserConfigDir. */
function usualPath({ XDG_CONFIG_HOME, HOME, AppData }: Readonly<Record<string, string | undefined>>) {
  const below = (folder: string | undefined, ...path: string[]) =>
    folder ? join(folder, ...path, "k6", "config.json") : undefined;
  if (process.platform === "win32") return below(AppData);
  if (process.platform === "darwin") return below(HOME, "Library", "Application Support");
  return below(XDG_CONFIG_HOME) ?? below(HOME, ".config");
}

/** Reads one by its path; `flag` names it in errors. */
export async function readConfigFile(flag: string, path: string, cwd: string): Promise<K6Config> {
  if (path === "") throw new UserError(`${flag}: expected a file, got nothing`);
  const json = await readFile(resolve(cwd, path), "utf8").catch((error) => {
    throw new UserError(`${flag}: expected a readable file, got ${path} (${error.code})`);
  });
  return parseK6Config(`${flag} ${path}`, json);
}
