import { PactError } from "./problem.ts";

/** Letters of Java's DateTimeFormatter, as Pact uses them, by how often they are repeated; 0 stands for other counts. */
const LETTERS: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  y: { 2: "\\d{2}", 0: "-?\\d{4,}" },
  M: { 1: "(?:1[0-2]|[1-9])", 2: "(?:0[1-9]|1[0-2])", 3: "[A-Z][a-z]{2}", 4: "[A-Z][a-z]{2,8}" },
  d: { 1: "(?:3[01]|[12]\\d|[1-9])", 2: "(?:0[1-9]|[12]\\d|3[01])" },
  D: { 0: "\\d{1,3}" },
  E: { 4: "[A-Z][a-z]{5,8}", 0: "[A-Z][a-z]{2}" },
  a: { 0: "(?:AM|PM|am|pm)" },
  H: { 1: "(?:2[0-3]|1\\d|\\d)", 2: "(?:[01]\\d|2[0-3])" },
  h: { 1: "(?:1[0-2]|[1-9])", 2: "(?:0[1-9]|1[0-2])" },
  m: { 1: "(?:[1-5]?\\d)", 2: "[0-5]\\d" },
  s: { 1: "(?:[1-5]?\\d|60)", 2: "(?:[0-5]\\d|60)" },
  S: { 1: "\\d", 2: "\\d{2}", 3: "\\d{3}", 6: "\\d{6}", 9: "\\d{9}", 0: "\\d+" },
  n: { 0: "\\d{1,9}" },
  X: { 1: "(?:Z|[+-]\\d{2}(?:\\d{2})?)", 2: "(?:Z|[+-]\\d{4})", 3: "(?:Z|[+-]\\d{2}:\\d{2})" },
  x: { 1: "[+-]\\d{2}(?:\\d{2})?", 2: "[+-]\\d{4}", 3: "[+-]\\d{2}:\\d{2}" },
  Z: { 0: "[+-]\\d{2}:?\\d{2}" },
  z: { 0: "[A-Za-z/_+-]+" },
};
const ALIKE: Readonly<Record<string, string>> = { u: "y", L: "M", K: "h", k: "H" };

const LONGEST = 100;

/**
 * The texts that a date format describes.
 *
 * @param source where it stands, for errors
 * @throws PactError naming the letter that is not known
 */
export function datePattern(format: string, source: string): RegExp {
  if (format.length > LONGEST)
    throw new PactError(`${source}.format: expected at most ${LONGEST} characters`);
  let pattern = "";
  for (const [part, quoted, letters] of format.matchAll(/'((?:[^']|'')*)'|(([A-Za-z])\3*)|[^A-Za-z']/g)) {
    if (quoted !== undefined) pattern += literal(quoted === "" ? "'" : quoted.replaceAll("''", "'"));
    else if (letters === undefined) pattern += literal(part);
    else {
      const known = LETTERS[ALIKE[letters[0]!] ?? letters[0]!];
      const one = known?.[letters.length] ?? known?.[0];
      if (one === undefined)
        throw new PactError(
          `${source}.format: expected letters of a date such as yyyy-MM-dd'T'HH:mm:ss.SSSXXX, got "${letters}"`,
        );
      pattern += one;
    }
  }
  return new RegExp(`^${pattern}$`);
}

const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
