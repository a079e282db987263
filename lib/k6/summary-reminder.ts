import exec from "k6/execution";
import { exportsNoSummary } from "../summary/exported.ts";

/**
 * Looks at the script that is being loaded. To be called in the init context.
 *
 * @returns what is to be called once the load begins, and says that the summary is missing where it is
 */
export function summaryReminder(name: string): () => void {
  // One virtual user says it, and no other has to read the script.
  const isMissing = __VU === 1 && exportsNoSummary(ownSource());
  return () => {
    if (!isMissing || exec.vu.iterationInInstance > 0) return;
    console.error(
      `${name}: this script exports no handleSummary, without which there is no verdict and no summary: export it beside options`,
    );
  };
}

/** The text of the outermost module of the call stack; "" where it cannot be read. */
function ownSource(): string {
  const [, path] = /file:\/\/([^\n]+?):\d+:\d+[^\n]*\n?$/.exec(new Error().stack ?? "") ?? [];
  try {
    return path === undefined ? "" : open(decodeURI(path));
  } catch {
    return "";
  }
}
