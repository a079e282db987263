import assert from "node:assert/strict";
import { test } from "node:test";
import { compilePattern, PatternError } from "../../lib/protocols/pattern.ts";

/** [what differs or is unknown in JavaScript or RE2, the pattern, the message] */
const refused: [sentence: string, pattern: string, message: string][] = [
  ["lookahead", "a(?!b)", "no lookahead: RE2 has none (at character 3)"],
  ["lookbehind", "(?<=a)b", "no lookbehind: RE2 has none (at character 3)"],
  ["a backreference by number", "(?<a>.)\\1", "no backreference: RE2 has none (at character 9)"],
  ["a backreference by name", "(?<a>.)\\k<a>", "no backreference: RE2 has none (at character 9)"],
  ["flags", "(?i)a", '"(?:" or "(?<name>": flags and other kinds of group differ (at character 2)'],
  [
    "Python's named group",
    "(?P<a>.)",
    '"(?:" or "(?<name>": flags and other kinds of group differ (at character 2)',
  ],
  [
    "a Unicode class",
    "\\p{L}",
    'none of "\\p": it differs or is unknown in JavaScript or RE2 (at character 2)',
  ],
  [
    "a JavaScript escape",
    "\\u0041",
    'none of "\\u": it differs or is unknown in JavaScript or RE2 (at character 2)',
  ],
  [
    "RE2's end of text",
    "a\\z",
    'none of "\\z": it differs or is unknown in JavaScript or RE2 (at character 3)',
  ],
  ["an octal escape", "\\0", 'none of "\\0": it differs or is unknown in JavaScript or RE2 (at character 2)'],
  ["half a hexadecimal escape", "\\x4", 'two hexadecimal digits after "\\x" (at character 2)'],
  ["a POSIX class", "[[:alpha:]]", '"\\[" for a "[" in a class (at character 2)'],
  ["an empty class", "[]", '"\\]" for a "]" in a class (at character 1)'],
  ["a class that does not end", "[a", 'a "]" (at character 2)'],
  ["a range downwards", "[b-a]", "a range from a lower to a higher character (at character 4)"],
  ["a range to a class", "[a-\\d]", "a range from a lower to a higher character (at character 5)"],
  [
    "a class within a negated class",
    "[^\\D]",
    'none of "\\D": it differs or is unknown in JavaScript or RE2 (at character 4)',
  ],
  ["two units in a class", "[😀]", "no character above U+FFFF in a class (at character 3)"],
  ["a group in a repetition", "(?:(?<a>.)x)*", "no named group inside a repetition (at character 13)"],
  ["a repetition of maybe nothing", "(?:a?)*", "no repetition of what can match nothing (at character 7)"],
  ["a repetition of an anchor", "^*", "no repetition of an anchor (at character 2)"],
  ["a possessive repetition", "a++", "one repetition, not two in a row (at character 2)"],
  ["a repetition of nothing", "*a", 'something before "*" (a literal one is written "\\*") (at character 1)'],
  [
    "a literal brace",
    "a{b}",
    'a repetition such as "{2}", "{2,}" or "{2,5}" (a literal one is written "\\{") (at character 1)',
  ],
  ["a lone closing brace", "a}", '"\\}" for a literal "}" (at character 2)'],
  ["more repetitions than RE2 takes", "a{1001}", "at most 1000 repetitions (at character 1)"],
  [
    "more repetitions within each other than RE2 takes",
    "(?:a{40}){40}",
    "at most 1000 repetitions (at character 13)",
  ],
  [
    "a repetition downwards",
    "a{3,2}",
    "a repetition from a lower to a higher number, above zero (at character 1)",
  ],
  ["a group that does not end", "(a", 'a ")" (at character 2)'],
  ["a group that does not begin", "a)", 'no unmatched ")" (at character 1)'],
  ["a group without a name", "(?<>a)", "a group's name of letters, digits and _ (at character 3)"],
  ["two groups of one name", "(?<a>.)(?<a>.)", 'one group named "a", not two (at character 10)'],
  ["a backslash at the end", "a\\", "a character after the backslash (at character 2)"],
];

for (const [sentence, pattern, message] of refused) {
  test(`refused: ${sentence}`, () => {
    assert.throws(
      () => compilePattern(pattern),
      (error) => error instanceof PatternError && error.message === message,
      pattern,
    );
  });
}
