/** What a peer said, fit for a log. Pure. */

/** Shorter ones would black out half of what is said. */
const SHORTEST_SECRET = 6;
const MOST_CHARACTERS = 120;

/** What a terminal acts upon, what hides or reorders text, halves of pairs. k6's engine knows no classes of Unicode. */
const UNSAFE: readonly (readonly [first: number, last: number])[] = [
  [0x00, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x61c, 0x61c],
  [0x180e, 0x180e],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0xd800, 0xdfff],
  [0xfeff, 0xfeff],
  [0xfff9, 0xfffb],
  [0xe0000, 0xe007f],
];

const isSafe = (character: string): boolean => {
  const point = character.codePointAt(0)!;
  return UNSAFE.every(([first, last]) => point < first || point > last);
};

/** The text without the secrets given or what looks like one. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  let safe = text;
  for (const secret of secrets) if (secret.length >= SHORTEST_SECRET) safe = safe.split(secret).join("***");
  // A token, or an identifier that is another each time.
  return safe.replace(/[A-Za-z0-9_+=~-]{25,}/g, (word) =>
    /[0-9]/.test(word) && /[A-Za-z]/.test(word) ? "***" : word,
  );
}

/** The text with the query of each URL left out: it may hold a secret. */
export const withoutQueries = (text: string): string => text.replace(/\?\S*/g, "?…");

/**
 * Makes a peer's text printable and bounded, without the secrets given or what looks like one. Its twin in Go is
 * extension/binding/notices.go; one table holds them together.
 */
export function peerText(text: string, secrets: readonly string[] = []): string {
  const characters = [...withoutSecrets(text, secrets)].map((character) =>
    isSafe(character) ? character : "\ufffd",
  );
  return characters.length > MOST_CHARACTERS
    ? `${characters.slice(0, MOST_CHARACTERS).join("")}…`
    : characters.join("");
}
