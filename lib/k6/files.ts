import { SettingsError } from "../settings.ts";

/**
 * Reads a file that a variable names. k6's `open` resolves a relative path against the bundle's folder;
 * people mean their own working directory.
 *
 * @throws {@link SettingsError} naming the absolute path tried
 */
export function readInput(variable: string, path: string): string {
  const absolute = fromWorkingDir(path);
  try {
    return open(absolute);
  } catch (error) {
    throw unreadable(variable, absolute, error);
  }
}

export const unreadable = (variable: string, path: string, error: unknown): SettingsError =>
  new SettingsError(`${variable}: expected a readable file, got ${path} (${reasonOf(error)})`);

/** Reads a JSON file that a variable names. Throws as {@link readInput} does, and where it is no JSON. */
export function readJsonInput(variable: string, path: string): unknown {
  const text = readInput(variable, path);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SettingsError(
      `${variable}: expected JSON, got ${fromWorkingDir(path)}, which is none (${reasonOf(error)})`,
    );
  }
}

/**
 * The directory for results, as an absolute path ("" for none). k6 creates none, and a summary that
 * cannot be written is lost while the run still exits with 0: so a wrong one ends the run at the start.
 *
 * @throws {@link SettingsError} naming the absolute path that is not a directory
 */
export function resultsDir(given: string): string {
  if (given === "") return "";
  const path = fromWorkingDir(given);
  const wrong = (got: string) =>
    new SettingsError(`RESULTS_DIR: expected the path of an existing directory, got ${got}`);
  try {
    open(path);
  } catch (error) {
    if (/can't be used with directories/.test(String(error))) return path;
    throw wrong(`${path} (${reasonOf(error)})`);
  }
  throw wrong(`the file ${path}`);
}

/** Without the shell's PWD (`--include-system-env-vars=false`) a relative path stays k6's to resolve. */
export function fromWorkingDir(path: string): string {
  const isAbsolute = /^([/\\]|[A-Za-z]:)/.test(path);
  return isAbsolute || !__ENV.PWD ? path : `${__ENV.PWD}/${path}`;
}

export const reasonOf = (error: unknown): string =>
  String(error)
    .replace(/^\w*Error: /, "")
    .replace(/^(stat|open|read) .*?: /, "");
