/**
 * Parses the text of a JSON file. A byte order mark, which editors on Windows write, is no part of the document.
 *
 * @throws SyntaxError where it is no JSON; of one in UTF-16, as PowerShell's `>` writes it, saying so
 */
export function parseJsonText(text: string): unknown {
  if (/^(\ufffd\ufffd|\ufeff?.?\u0000)/.test(text)) throw new SyntaxError("it is UTF-16: expected UTF-8");
  return JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
}
