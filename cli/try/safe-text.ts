/** Text of a stranger, made fit for a terminal and a log. */

/** Secrets shorter than this, tokens aside, would black out half of the text. */
const SHORTEST_SECRET = 6;

/** Makes the function that blacks out secrets, however they are written: as they are, in JSON, in a URL, in hex. */
export function masker(token: string, others: readonly string[]): (text: string) => string {
  const secrets = [token, ...others.filter(({ length }) => length >= SHORTEST_SECRET)].filter(Boolean);
  const spellings = secrets.flatMap((secret) => [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    Buffer.from(secret).toString("hex"),
  ]);
  if (spellings.length === 0) return (text) => text;
  // The longest first, so that no secret that begins with another one shows its end.
  const longestFirst = [...new Set(spellings)].sort((a, b) => b.length - a.length);
  // One after the other: a regular expression of long secrets would be too large for JavaScript.
  return (text) => longestFirst.reduce((masked, secret) => masked.replaceAll(secret, "***"), text);
}

/** Controls (C0, DEL, C1), what reorders or hides text (bidirectional and invisible formats), unpaired surrogates. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Writes what a terminal would act upon as JSON writes it (`\u001b`). Inside JSON the text stays the same JSON. */
export const printable = (text: string): string =>
  text.replace(UNSAFE, (character) => SHORT[character] ?? character.split("").map(escaped).join(""));

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** The beginning of a text, and how much more there was. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  const end = /[\uD800-\uDBFF]/.test(text[most - 1]!) ? most - 1 : most;
  return `${text.slice(0, end)}… (${text.length - end} more)`;
}
