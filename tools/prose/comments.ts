/** The comments of TypeScript and Go files, as Markdown for findings.ts. */

/** A block comment that begins a line, or a run of line comments. */
const COMMENT = /^[ \t]*\/\*[\s\S]*?\*\/|^(?:[ \t]*\/\/.*(?:\n|$))+/gm;
/** Addressed to a tool, not to a reader. */
const DIRECTIVE = /^(go:|nolint|biome-ignore|@ts-|line |\/ ?<reference)/;
/** A tag of TSDoc, with the name that it describes. */
const TAG = /^@(?:param|typeParam)\s+[\w.]+(?:\s+-)?|^@\w+/;
const ITEM = /^(@\w|[-*] |\d+\. )/;

export interface Comment {
  /** The first line, counted from 1. */
  readonly line: number;
  /** As many lines as the comment has in the file. */
  readonly markdown: string;
}

export function commentsOf(source: string): Comment[] {
  return [...source.matchAll(COMMENT)].map(({ 0: comment, index }) => ({
    line: source.slice(0, index).split("\n").length,
    markdown: markdownOf(comment.trimEnd().split("\n").map(unmarked)),
  }));
}

/** A line without the marks of a comment. */
const unmarked = (line: string): string =>
  line.replace(/^[ \t]*(\/\*\*?|\/\/|\*(?!\/))? ?/, "").replace(/\s*\*\/\s*$/, "");

/** Each tag is an item of a list, each link a piece of code. Directives and indented code are left out. */
function markdownOf(lines: readonly string[]): string {
  let isInItem = false;
  const read = (line: string): string => {
    if (ITEM.test(line)) isInItem = true;
    else if (line === "") isInItem = false;
    if (DIRECTIVE.test(line) || (/^(\t| {2})/.test(line) && !isInItem)) return "";
    const tag = TAG.exec(line)?.[0];
    const text = tag === undefined ? line : `- ${line.slice(tag.length).trim()}`;
    return text.replace(/\{@link(?:code|plain)? ([^}]*)\}/g, "`$1`");
  };
  return lines.map(read).join("\n");
}
