/**
 * The directory for results, as an absolute path ("" for none). k6 creates none, and a summary that
 * cannot be written is lost while the run still exits with 0: so a wrong one ends the run at the start.
 *
 * @throws Error naming the absolute path that is not a directory
 */
export function resultsDir(given: string, workingDir: string | undefined): string {
  if (given === "") return "";
  const path = isAbsolute(given) || !workingDir ? given : `${workingDir}/${given}`;
  try {
    open(path);
  } catch (error) {
    if (/can't be used with directories/.test(String(error))) return path;
    throw new Error(
      `RESULTS_DIR: expected the path of an existing directory, got ${path} (${reasonOf(error)})`,
    );
  }
  throw new Error(`RESULTS_DIR: expected the path of an existing directory, got the file ${path}`);
}

const isAbsolute = (path: string): boolean => /^([/\\]|[A-Za-z]:)/.test(path);

const reasonOf = (error: unknown): string =>
  String(error)
    .replace(/^\w*Error: /, "")
    .replace(/^stat .*?: /, "");
