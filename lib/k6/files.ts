import { parseJsonText } from "../json-text.ts";
import { SettingsError } from "../settings.ts";

/**
 * Reads a file that a variable names. k6's `open` resolves a relative path against the bundle's folder;
 * people mean their own working directory.
 *
 * @throws {@link SettingsError} naming the absolute path tried
 */
export const readInput = (variable: string, path: string): string =>
  opened(variable, path, (absolute) => open(absolute));

/** As {@link readInput}, for a binary file. */
export const readBytes = (variable: string, path: string): Uint8Array =>
  opened(variable, path, (absolute) => new Uint8Array(open(absolute, "b")));

function opened<T>(variable: string, path: string, read: (absolute: string) => T): T {
  const absolute = fromWorkingDir(path);
  try {
    return read(absolute);
  } catch (error) {
    throw unreadable(variable, absolute, error);
  }
}

export function unreadable(variable: string, path: string, error: unknown): SettingsError {
  const hint = isArchived(error)
    ? ": this archive was made without it"
    : !isAbsolute(path)
      ? ": k6 was not told the working directory, so give an absolute path"
      : "";
  return new SettingsError(`${variable}: expected a readable file, got ${path} (${reasonOf(error)})${hint}`);
}

/** Reads a JSON file that a variable names. Throws as {@link readInput} does, and if the text is not JSON. */
export function readJsonInput(variable: string, path: string): unknown {
  const text = readInput(variable, path);
  try {
    return parseJsonText(text);
  } catch (error) {
    throw new SettingsError(
      `${variable}: expected JSON, got ${fromWorkingDir(path)}, which is not JSON (${reasonOf(error)})`,
    );
  }
}

/**
 * The directory for results, as an absolute path ("" for none). k6 creates none, and a summary that
 * cannot be written is lost while the run still exits with 0: so a wrong one ends the run at the start.
 *
 * @param tryDirectory the extension's, which alone can tell whether a directory may be written to
 * @throws {@link SettingsError} naming the absolute path that is not a directory
 */
export function resultsDir(given: string, tryDirectory?: (path: string) => void): string {
  if (given === "") return "";
  const path = fromWorkingDir(given);
  const wrong = (got: string) =>
    new SettingsError(`RESULTS_DIR: expected the path of an existing directory, got ${got}`);
  try {
    open(path);
  } catch (error) {
    const isDirectory = /can't be used with directories/.test(String(error));
    if (!isDirectory && !isArchived(error)) throw wrong(`${path} (${reasonOf(error)})`);
    if (__VU === 0) tryToWrite(path, tryDirectory);
    return path;
  }
  throw wrong(`the file ${path}`);
}

function tryToWrite(path: string, tryDirectory: ((path: string) => void) | undefined): void {
  try {
    tryDirectory?.(path);
  } catch (error) {
    throw new SettingsError(
      `RESULTS_DIR: expected a directory to write to, got ${path} (${reasonOf(error)})`,
    );
  }
}

/**
 * Whether a file is missing in an archive (`k6 archive`), which holds the files that scripts opened when it was made,
 * and hides the disk. The error's words come from k6's file system in memory, not from the operating system.
 */
const isArchived = (error: unknown): boolean => /file does not exist/.test(String(error));

/** Without the shell's PWD (`k6 archive`, `--include-system-env-vars=false`) a relative path stays k6's to resolve. */
export function fromWorkingDir(path: string): string {
  return isAbsolute(path) || !__ENV.PWD ? path : `${__ENV.PWD}/${path}`;
}

const isAbsolute = (path: string): boolean => /^([/\\]|[A-Za-z]:)/.test(path);

export const reasonOf = (error: unknown): string =>
  String(error)
    .replace(/^\w*Error: /, "")
    .replace(/^(stat|open|read) .*?: /, "");
