/**
 * Parses the text of a JSON file. A byte order mark, which editors on Windows write, is no part of the document.
 *
 * @throws SyntaxError where it is no JSON; of one in UTF-16, as PowerShell's `>` writes it, saying so
 */
export function parseJsonText(text: string): unknown {
  // The byte order mark of UTF-16 is no UTF-8; half of each letter of JSON is a zero.
  if (text.startsWith("\ufffd\ufffd") || text.slice(0, 2).includes("\0")) {
    throw new SyntaxError("it is UTF-16: expected UTF-8");
  }
  return JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
}
