/**
 * Parses the text of a JSON file. It skips a byte order mark, which editors on Windows write.
 *
 * @throws SyntaxError if it is not JSON. The error names UTF-16, which PowerShell's `>` writes. It does not quote the
 * text, which may hold a secret.
 */
export function parseJsonText(text: string): unknown {
  // The byte order mark of UTF-16 is not valid UTF-8. Half of each letter of JSON is a zero.
  if (text.startsWith("\ufffd\ufffd") || text.slice(0, 2).includes("\0")) {
    throw new SyntaxError("it is UTF-16: expected UTF-8");
  }
  const document = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  try {
    return JSON.parse(document);
  } catch (error) {
    throw withoutQuote(error as SyntaxError, document);
  }
}

/** How many characters before the wrong one Node.js quotes. */
const QUOTED_BEFORE = 10;

/** Node.js quotes what is around a character that is wrong: here stands where that is. */
function withoutQuote(error: SyntaxError, document: string): SyntaxError {
  const parts = /^(.*?), (\.\.\.)?"(.*)"(?:\.\.\.)? is not valid JSON$/s.exec(error.message);
  if (!parts) return error;
  const [, what, cut, quote = ""] = parts;
  if (cut === undefined) return new SyntaxError(`${what} at the beginning`);
  const before = document.slice(0, document.indexOf(quote) + QUOTED_BEFORE);
  return new SyntaxError(`${what} in line ${before.split("\n").length}`);
}
