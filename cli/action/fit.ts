/** Makes Markdown fit where only so much is taken. Pure. */

/** What stands where something was cut off. */
const CUT = "\n_The rest is cut off: no more fits here. The artifact has all of it._\n";

/**
 * Cuts Markdown between lines, and never inside a fenced block, which would swallow all that follows.
 *
 * @param text
 * @param most How long the result may be.
 * @param lengthOf By what measure. Default: UTF-16 code units, of which there are at least as many as characters.
 */
export function fit(text: string, most: number, lengthOf = (part: string) => part.length): string {
  if (lengthOf(text) <= most) return text;
  const room = most - lengthOf(CUT);
  let [length, end, kept] = [0, 0, 0];
  let fence: string | undefined;
  for (const line of text.split(/(?<=\n)/)) {
    length += lengthOf(line);
    end += line.length;
    if (length > room) break;
    fence = fenceAfter(line, fence);
    if (fence === undefined) kept = end;
  }
  return text.slice(0, kept) + CUT;
}

/** The fence that is open behind a line (CommonMark 4.5): one as long of the same character closes it. */
function fenceAfter(line: string, open: string | undefined): string | undefined {
  const [, fence, info = ""] = /^ {0,3}(`{3,}|~{3,})(.*)/.exec(line) ?? [];
  if (fence === undefined) return open;
  if (open === undefined) return fence.startsWith("`") && info.includes("`") ? undefined : fence;
  return fence.startsWith(open) && info.trim() === "" ? undefined : open;
}
