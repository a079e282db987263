/** k6's log lines as people read them. Pure. */
import { redactUrl } from "../../lib/url.ts";

/** A line of k6's log without its time and its fields; any other line as it is. */
export function readable(line: string): string {
  const [, level, quoted] = /^time="[^"]*" level=(\w+) msg=("(?:[^"\\]|\\.)*"|\S+)/.exec(line) ?? [];
  if (level === undefined || quoted === undefined) return line;
  const text = unquoted(quoted);
  return level === "info" ? text : `${level}: ${text}`;
}

/**
 * The text of an error in k6's log, without the stack and the place where it was thrown; undefined for any other
 * line. The user and the query of a URL in it are left out.
 */
export function errorIn(line: string): string | undefined {
  if (!/^time="[^"]*" level=error /.test(line)) return undefined;
  const text = readable(line)
    .replace(/^error: /, "")
    .replace(/^(GoError|Error): /, "")
    .replace(/\n\s+at .*$/s, "");
  return text.replace(/\b\w+:\/\/[^\s"')]+/g, redactUrl).trim();
}

/** Go quotes as JSON does, except for invalid text. A line with such text stays as it is. */
function unquoted(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}
