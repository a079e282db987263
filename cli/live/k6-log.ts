/** k6's log lines as people read them. Pure. */

/** A line of k6's log without its time and its fields; any other line as it is. */
export function readable(line: string): string {
  const [, level, quoted] = /^time="[^"]*" level=(\w+) msg=("(?:[^"\\]|\\.)*"|\S+)/.exec(line) ?? [];
  if (level === undefined || quoted === undefined) return line;
  const text = unquoted(quoted);
  return level === "info" ? text : `${level}: ${text}`;
}

/** Go quotes as JSON does, but for what is no text; such a line stays as it is. */
function unquoted(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}
